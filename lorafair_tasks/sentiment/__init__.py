"""Sentiment of film reviews by whom they mention (Das et al. 2024), and by pairs that an edit turned round."""
