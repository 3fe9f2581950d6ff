"""Membership inference: who was in the training set, told by a recorded split, shadow models and their losses."""
