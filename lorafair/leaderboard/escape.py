"""Text from models, adapters and data made harmless for the place it lands in."""

from __future__ import annotations

import re
import unicodedata


def strip_controls(text: str) -> str:
    """Control, format (bidirectional overrides among them) and line-break characters replaced by ``?``."""
    return "".join("?" if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)


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
