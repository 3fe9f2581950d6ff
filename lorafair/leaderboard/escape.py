"""Text from models, adapters and data made harmless for the place it lands in."""

from __future__ import annotations

import re
import unicodedata


class _Replacement(dict[int, int | str]):
    """What :meth:`str.translate` puts in place of a character, worked out once for each."""

    def __missing__(self, code: int) -> int | str:
        self[code] = "?" if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else code
        return self[code]


_REPLACED = _Replacement()


def strip_controls(text: str) -> str:
    """Control, format (bidirectional overrides among them) and line-break characters replaced by ``?``."""
    return text if text.isprintable() else text.translate(_REPLACED)


def strip_paragraphs(text: str) -> str:
    """:func:`strip_controls` for text of several lines: line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(strip_controls, line.split("\t"))) for line in text.split("\n"))


def escape_markdown(text: str) -> str:
    """Text that shows as itself in a cell of a Markdown table: no markup, no HTML, no column break, no autolink."""
    plain = strip_controls(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    marked = re.sub(r"([\\`*\[\]|#~!{}$])", r"\\\1", plain)
    inside = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", marked)
    return inside.replace("://", "&#58;//").replace("@", "&#64;").replace("www.", "www&#46;")


def escape_csv(text: str) -> str:
    """Text that a spreadsheet reads as text: a leading ``= + - @`` gets an apostrophe before it."""
    plain = strip_controls(text)
    return f"'{plain}" if plain.lstrip()[:1] in {"=", "+", "-", "@"} and plain.strip() else plain


def escape_html(text: str) -> str:
    """Text that shows as itself in HTML, in an element or a quoted attribute."""
    import html

    return html.escape(strip_controls(text), quote=True)


def escape_figure(text: str) -> str:
    """Text that shows as itself in a Plotly label, which would read some HTML tags and entities."""
    return strip_controls(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_latex(text: str) -> str:
    """Text that shows as itself in LaTeX, with pdfTeX's default fonts too.

    Letters with accents become commands; what those fonts do not have becomes ``[U+4E2D]``.  The result starts no
    optional argument (``[``, ``*``) and holds no ligature of dashes or quotes; a minus before a number is a minus.
    """
    plain = strip_controls(text)
    found = "".join(_latex(char) for char in plain).replace("--", "-{}-").replace("--", "-{}-")
    return re.sub(r"(?<![\w.}])-(?=\d)", "$-$", found)


def _latex(char: str) -> str:
    if char in _LATEX:
        return _LATEX[char]
    if ord(char) < 127:
        return char
    parts = list(unicodedata.normalize("NFD", char))
    base, marks = parts[0], parts[1:]
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii() and base.isalpha():
        letter = f"\\{base}{{}}" if base in "ij" and marks[0] not in "\u0327" else base
        return f"{_ACCENTS[marks[0]]}{{{letter}}}"
    return f"{{[}}U+{ord(char):04X}{{]}}"


_LATEX = {
    **{char: f"\\{char}" for char in "#$%&_{}"},
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\ttfamily\char34}",
    "'": r"{\textquoteright}",
    "`": r"{\ttfamily\char96}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "?": "?{}",
    "!": "!{}",
    "\u00a0": "~",
    "Δ": r"$\Delta$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": r"$-$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "…": r"\ldots{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
}
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0304": r"\=",
    "\u0306": r"\u",
    "\u0307": r"\.",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u030b": r"\H",
    "\u030c": r"\v",
    "\u0327": r"\c",
}
