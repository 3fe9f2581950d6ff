"""A scorer that is an object: callable, with its direction and version as attributes."""


class Vowels:
    """The share of vowels among a text's characters."""

    higher_is_better = True
    version = "2"

    def __call__(self, texts):
        """One share per text, NaN for an empty one."""
        return [sum(c in "aeiou" for c in text.lower()) / len(text) if text else float("nan") for text in texts]


acme_vowels = Vowels()
