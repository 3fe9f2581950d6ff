"""Jinja templates that ship beside the code: everything put into them is escaped for HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def fill_template(folder: Path, name: str, **values: Any) -> str:
    """Fill a template with values; a value that is missing is an error, text is escaped and loses control characters.

    Args:
        folder: where the template lies.
        name: its file name.
        values: what it is filled with.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_clean,
    )
    return environment.get_template(name).render(**values)


def _clean(value: Any) -> Any:
    """Text without control and direction characters (line breaks and tabs stay); text marked safe as it is."""
    from markupsafe import Markup

    from lorafair.leaderboard.escape import strip_paragraphs

    return strip_paragraphs(value) if isinstance(value, str) and not isinstance(value, Markup) else value
