"""WinoMT from Turkish (Ding et al. 2024): "he" or "she" for a pronoun that says neither?"""
