"""Hate speech by whom it is about: Measuring Hate Speech (as in Ding et al. 2024) and HateCheck."""
