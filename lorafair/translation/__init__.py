"""Translations, judged by the gender that they give to the person a sentence is about (WinoMT)."""
