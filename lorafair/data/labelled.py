"""Labelled texts or images to train a classifier on: checked, their labels in a fixed order, encoded once per sweep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorafair.data.picture import Pixels, prepare_pixels, require_inside
from lorafair.data.row import read_source
from lorafair.data.row_check import find_text_fault, keep_common, keep_rows
from lorafair.errors import LorafairError, raise_faults
from lorafair.head import Head

Kind = Literal["text", "image"]


@dataclass(frozen=True)
class Encoded:
    """``{"input_ids": [...], "label": int, "id": str, "groups": [int, …]}`` per text; the last only where data have
    groups.  ``truncated`` counts the texts that were cut at ``max_length`` tokens.
    """

    examples: list[dict[str, Any]]
    truncated: int


@dataclass(frozen=True)
class Labelled:
    """Rows ``{"id", "text" or "image", "label", "groups", "cluster"}``; a row's label is one of ``labels``.

    ``labels`` is the order of a new head's logits; ``groups`` are all names ``attribute=name``, sorted, to which the
    examples' ``groups`` are indices; ``provenance`` has the split, the hash and the number of rows of each label.
    """

    name: str
    rows: list[dict[str, Any]]
    labels: tuple[str, ...]
    kind: Kind
    provenance: dict[str, Any]
    groups: tuple[str, ...] = ()
    _done: dict[Any, tuple[Any, Any]] = field(default_factory=dict, repr=False, compare=False)

    @property
    def head(self) -> Head:
        """The head that these data ask for."""
        return Head(self.labels, self.kind)

    def encode(self, tokenizer: Any, max_length: int, labels: Sequence[str]) -> Encoded:
        """Token ids of every text, special tokens as the tokenizer puts them; what is longer loses its end.

        A second call with the same arguments returns the same object.

        Args:
            tokenizer: a transformers tokenizer.
            max_length: in tokens, special ones included.
            labels: in the order of the head's logits, to which the examples' labels are indices.
        """
        key = (max_length, tuple(labels))
        if key not in self._done or self._done[key][0] is not tokenizer:
            self._done[key] = (tokenizer, self._encode(tokenizer, max_length, labels))
        found: Encoded = self._done[key][1]
        return found

    def _encode(self, tokenizer: Any, max_length: int, labels: Sequence[str]) -> Encoded:
        texts = [row["text"] for row in self.rows]
        whole = tokenizer(texts)["input_ids"]
        cut = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
        if empty := [row["id"] for row, ids in zip(self.rows, cut, strict=True) if not ids]:
            raise LorafairError(f"{self.name}: the tokenizer makes no token of the texts {', '.join(empty[:10])}.")
        facts = self._describe_examples(labels)
        examples = [{"input_ids": ids, **fact} for ids, fact in zip(cut, facts, strict=True)]
        return Encoded(examples, sum(len(ids) > max_length for ids in whole))

    def prepare(self, processor: Any, labels: Sequence[str]) -> Pixels:
        """The pixels of every image as the processor resizes them, with the facts that an example has beside them.

        A second call with the same arguments returns the same object.

        Raises:
            LorafairError: naming every image that is missing or broken.
        """
        key = tuple(labels)
        if key not in self._done or self._done[key][0] is not processor:
            facts = self._describe_examples(labels)
            self._done[key] = (processor, prepare_pixels([row["image"] for row in self.rows], processor, facts))
        found: Pixels = self._done[key][1]
        return found

    def _describe_examples(self, labels: Sequence[str]) -> list[dict[str, Any]]:
        number = {label: place for place, label in enumerate(labels)}
        place = {name: at for at, name in enumerate(self.groups)}
        facts = []
        for row in self.rows:
            fact: dict[str, Any] = {"label": number[row["label"]], "id": row["id"]}
            if place:
                fact["groups"] = [place[name] for name in name_groups(row["groups"])]
            facts.append(fact)
        return facts


def load_labelled(name_or_path: str, kind: Kind = "text", options: Mapping[str, Any] | None = None) -> Labelled:
    """Read labelled data: a data set of the registry with ``labels:``, or a .jsonl file.

    A file has one JSON object per line with ``text`` (or ``image``: a path below the file's own folder), ``label`` (a
    string or a whole number), and optionally ``id``, ``groups`` (``{attribute: [names]}``) and ``cluster``.

    Args:
        name_or_path: of the data.
        kind: what is classified.
        options: of the data set's own, of the split (see :mod:`lorafair.data.row`), and ``labels`` of a file: their
            names in the order of the logits; by default they are sorted, numbers by size.

    Raises:
        LorafairError: an unknown data set, a missing file, every faulty line at once, or a single label.
    """
    given = dict(options or {})
    declared = given.pop("labels", None)
    source = read_source(
        name_or_path,
        given,
        fits=lambda entry: entry.target is not None and "labels" in entry.fields,
        hint=f"no labels (give a .jsonl file with the columns {kind} and label, or another trainer)",
    )
    labels = source.labels if declared is None else _read_labels(declared)
    rows = check_labelled(source.what, source.lines, labels, kind, source.folder)
    names = labels or _order_labels(row["label"] for row in rows)
    kept = source.take_part(rows)
    counts = Counter(row["label"] for row in kept)
    if len(counts) < 2:
        raise LorafairError(
            f"{source.what} cannot be used: every row has the label {next(iter(counts))!r}. A classifier needs two "
            "labels or more."
        )
    return Labelled(
        name_or_path,
        kept,
        names,
        kind,
        source.describe(_without_folder(kept, source.folder), labels={name: counts.get(name, 0) for name in names}),
        tuple(sorted({name for row in kept for name in name_groups(row["groups"])})),
    )


def check_labelled(
    what: str,
    lines: Iterable[tuple[int, Any]],
    labels: Sequence[str] | None = None,
    kind: Kind | None = None,
    folder: Path | None = None,
) -> list[dict[str, Any]]:
    """Numbered rows as labelled ones, what they leave out filled in, and labels by their names.

    Args:
        labels: the only ones there are; a row's whole number is a place among them.
        kind: what is classified; None is images where a row has one.
        folder: in which images have to lie; None is anywhere, by absolute paths.

    Raises:
        LorafairError: with every faulty line at once, or if there is no row.
    """

    def find_kind(row: Mapping[str, Any]) -> Kind:
        return kind or ("image" if "image" in row else "text")

    def keep(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        own = find_kind(row)
        content = row[own] if own == "text" else str(require_inside(folder, row[own]))
        return {own: content, "label": _name_label(row["label"], labels), **keep_common(number, row)}

    return keep_rows(what, lines, lambda row: _find_fault(row, find_kind(row), labels, folder), keep)


def name_groups(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Groups as ``attribute=name``, each once, sorted."""
    return sorted({f"{attribute}={name}" for attribute, names in groups.items() for name in names})


def _without_folder(rows: list[dict[str, Any]], folder: Path | None) -> list[dict[str, Any]]:
    """Rows whose hash says nothing of where the images lie."""
    if not rows or "image" not in rows[0]:
        return rows
    root = folder.resolve() if folder else None

    def cut(path: str) -> str:
        return Path(path).relative_to(root).as_posix() if root else Path(path).name

    return [{**row, "image": cut(row["image"])} for row in rows]


def _find_fault(row: Mapping[str, Any], kind: Kind, labels: Sequence[str] | None, folder: Path | None) -> str | None:
    if fault := find_text_fault(row, (kind,)):
        return fault
    if "label" not in row:
        return f"no column label (found: {', '.join(map(str, row))}); rename or add it"
    label = row["label"]
    if isinstance(label, bool) or not isinstance(label, str | int) or (isinstance(label, str) and not label.strip()):
        return f"label is {label!r}, not a name or a whole number"
    if labels and (label not in labels if isinstance(label, str) else not 0 <= label < len(labels)):
        return f"label is {label!r}, none of {', '.join(labels)}"
    for attribute, names in (row.get("groups") or {}).items():
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            return f"the groups of {attribute} are {names!r}, not a list of names"
    if kind == "image":
        try:
            require_inside(folder, row["image"])
        except LorafairError as error:
            return str(error).rstrip(".")
    return None


def _name_label(label: str | int, labels: Sequence[str] | None) -> str:
    return labels[label] if labels and isinstance(label, int) else str(label)


def _order_labels(found: Any) -> tuple[str, ...]:
    names = set(found)
    if all(name.lstrip("-").isdigit() for name in names):
        return tuple(sorted(names, key=int))
    return tuple(sorted(names))


def _read_labels(given: Any) -> tuple[str, ...]:
    names = [part.strip() for part in given.split(",")] if isinstance(given, str) else given
    if not isinstance(names, list | tuple):
        names = []
    names = [str(name) for name in names]
    faults = [f"labels is {given!r}; give two names or more, each once, as in labels=no,yes."]
    raise_faults("--data-option", faults if len(names) < 2 or len(set(names)) < len(names) or not all(names) else [])
    return tuple(names)
