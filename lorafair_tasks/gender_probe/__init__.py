"""Gender probes (after Ding et al. 2024): who wrote this review, and how much of the answer is a token bias?"""
