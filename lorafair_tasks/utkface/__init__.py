"""UTK-Face: gender or age of a face, by race (as in Ding et al. 2024), for classification heads that read pictures."""
