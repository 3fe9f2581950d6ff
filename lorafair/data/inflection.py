"""Regular forms of a lexicon's lemmas: the plural, and in languages that have it the feminine of adjectives.

HurtLex lists adjectives in the masculine singular.  A template about a woman is completed in the feminine, so that
exact match finds a man "cattivo" and never a woman "cattiva": a difference between the genders that no model made.  The
rules here are those of regular words; irregular forms are not found, and a form that no speaker uses does no harm.
Nouns get their plural only: a gender exchanged on things makes other words ("porto", harbour; "porta", door).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Rules = Sequence[tuple[str, Sequence[str]]]
"""(ending, endings in its place), the first that fits counts; all without accents."""

OTHER_WORDS = {
    "it": {"bari", "tardi", "triste"},
    "fr": {"base", "bases", "mois"},
    "pt": {"mais"},
    "ro": {"cape", "cure", "lase", "masi", "rai"},
}
"""Forms by rule that are far more often words of their own (French "mois", Portuguese "mais")."""
_VOWELS = ("a", "e", "i", "o", "u")


def inflect(lemma: str, pos: str, language: str) -> list[str]:
    """Forms of a folded lemma beside itself; of one of several words only English inflects the last.

    Args:
        lemma: folded (:func:`lorafair.data.lexicon.fold`).
        pos: HurtLex's part of speech; ``n`` and ``a`` are inflected.
        language: ``en`` (plural of nouns), ``it``, ``fr``, ``es``, ``pt``, ``ro``; none in others.
    """
    if not lemma[-1:].isalpha() or pos not in ("n", "a"):
        return []
    if language == "en":
        return [inflect_plural(lemma)] if pos == "n" else []
    rules = RULES.get(language, {}).get(pos, ())
    if len(lemma) < 3 or not lemma.isalpha():
        return []
    for ending, others in rules:
        if lemma.endswith(ending):
            stem = lemma[: len(lemma) - len(ending)]
            forms = dict.fromkeys(stem + other for other in others)
            return [form for form in forms if form != lemma and form not in OTHER_WORDS.get(language, ())]
    return []


def inflect_plural(noun: str) -> str:
    """The regular English plural of a noun: -es after s, x, z, ch, sh, -ies for consonant + y, -s else."""
    folded = noun.casefold()
    if folded.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if folded.endswith("y") and folded[-2:-1] not in (*_VOWELS, ""):
        return noun[:-1] + "ies"
    return noun + "s"


_ITALIAN_NOUNS: Rules = (
    ("ista", ("isti", "iste")),
    ("cia", ("ce", "cie")),
    ("gia", ("ge", "gie")),
    ("io", ("i",)),
    ("co", ("chi", "ci")),
    ("go", ("ghi", "gi")),
    ("ca", ("che", "chi")),
    ("ga", ("ghe", "ghi")),
    ("o", ("i",)),
    ("a", ("e", "i")),
    ("e", ("i",)),
)
_ITALIAN_ADJECTIVES: Rules = (
    ("ista", ("isti", "iste")),
    ("tore", ("trice", "tori", "trici")),
    ("io", ("ia", "i", "ie")),
    ("co", ("ca", "ci", "chi", "che")),
    ("go", ("ga", "ghi", "gi", "ghe")),
    ("o", ("a", "i", "e")),
    ("e", ("i",)),
)
_FRENCH_NOUNS: Rules = (
    *((ending, ()) for ending in ("s", "x", "z")),
    ("al", ("aux", "als")),
    *((ending, (f"{ending}x",)) for ending in ("eau", "eu")),
    ("", ("s",)),
)
_FRENCH_ADJECTIVES: Rules = (
    ("eux", ("euse", "euses")),
    ("aux", ("ausse", "ausses")),
    ("teur", ("teuse", "trice", "teurs", "teuses", "trices")),
    ("eur", ("euse", "eure", "eurs", "euses", "eures")),
    ("if", ("ive", "ifs", "ives")),
    ("er", ("ere", "ers", "eres")),
    ("eau", ("elle", "eaux", "elles")),
    ("al", ("ale", "aux", "ales", "als")),
    *((f"{c}", (f"{c}le", f"{c}s", f"{c}les")) for c in ("el", "ul")),
    *((c, (f"{c}ne", f"{c}s", f"{c}nes")) for c in ("on", "en")),
    ("et", ("ette", "ete", "ets", "ettes", "etes")),
    ("ot", ("ote", "otte", "ots", "otes", "ottes")),
    ("c", ("que", "che", "cs", "ques", "ches")),
    ("s", ("se", "sse", "ses", "sses")),
    ("x", ("xe", "sse", "ces", "sses")),
    ("", ("e", "s", "es")),
)
_SPANISH_NOUNS: Rules = (
    ("z", ("ces",)),
    *((vowel, (f"{vowel}s",)) for vowel in _VOWELS),
    ("", ("es",)),
)
_SPANISH_ADJECTIVES: Rules = (
    ("o", ("a", "os", "as")),
    *((c, (f"{c}a", f"{c}es", f"{c}as")) for c in ("or", "on", "an", "in")),
    *_SPANISH_NOUNS,
)
_PORTUGUESE_NOUNS: Rules = (
    ("ao", ("oes", "aos", "aes")),
    ("m", ("ns",)),
    ("il", ("is", "eis")),
    *((f"{vowel}l", (f"{vowel}is",)) for vowel in ("a", "e", "o", "u")),
    *((c, (f"{c}es",)) for c in ("r", "z", "s")),
    ("", ("s",)),
)
_PORTUGUESE_ADJECTIVES: Rules = (
    ("ao", ("a", "ona", "oes", "aos", "as", "onas")),
    ("o", ("a", "os", "as")),
    ("or", ("ora", "ores", "oras")),
    *_PORTUGUESE_NOUNS,
)
_ROMANIAN_NOUNS: Rules = (
    ("a", ("e", "i", "ele")),
    ("e", ("i", "ele")),
    *((vowel, ()) for vowel in ("i", "o")),
    ("u", ("i", "ul")),
    ("", ("i", "e", "uri", "ul")),
)
_ROMANIAN_ADJECTIVES: Rules = (
    ("tor", ("toare", "tori")),
    ("esc", ("easca", "esti")),
    ("os", ("oasa", "osi", "oase")),
    ("u", ("a", "i", "e")),
    ("e", ("i",)),
    *((vowel, ()) for vowel in ("a", "i", "o")),
    ("", ("a", "i", "e")),
)
RULES: Mapping[str, Mapping[str, Rules]] = {
    "it": {"n": _ITALIAN_NOUNS, "a": _ITALIAN_ADJECTIVES},
    "fr": {"n": _FRENCH_NOUNS, "a": _FRENCH_ADJECTIVES},
    "es": {"n": _SPANISH_NOUNS, "a": _SPANISH_ADJECTIVES},
    "pt": {"n": _PORTUGUESE_NOUNS, "a": _PORTUGUESE_ADJECTIVES},
    "ro": {"n": _ROMANIAN_NOUNS, "a": _ROMANIAN_ADJECTIVES},
}
