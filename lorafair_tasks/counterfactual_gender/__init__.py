"""Counterfactual gender: what changes in a model's text and probabilities when a sentence is about the other gender?"""
