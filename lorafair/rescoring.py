"""Score stored samples again, without a model: every completion of every model of an audit, in one batch per scorer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lorafair.completion import SampleFile, read_sample_files
from lorafair.errors import LorafairError
from lorafair.record_file import write_records

if TYPE_CHECKING:
    from lorafair.records import Score

PROVENANCE = "scores.provenance.json"
COLUMNS = ("model", "task", "doc_id", "request", "repeat", "scorer", "score")


@dataclass(frozen=True)
class Outcome:
    """What a scoring run did: files written, completions scored now, distinct texts among them, scores re-used.

    ``failed``: scorer -> why it has no scores; ``remarks``: scorer -> what it did beside scoring.
    """

    files: list[Path]
    scored: int
    texts: int
    reused: int
    not_scored: int
    failed: dict[str, str]
    remarks: dict[str, str]


def score_results(results: str | Path, scorers: Sequence[str], settings: Mapping[str, Any] | None = None) -> Outcome:
    """Score every generated completion under a results folder and write ``scores.jsonl`` and ``.parquet`` per model.

    Scores that are there already are kept: where samples file, scorer, its version and its settings are the same,
    nothing is scored again.  Scores of other scorers for an unchanged samples file stay in the file.  Each scorer's
    scores are written before the next one starts; one that fails is marked in the provenance and harms no other.

    Args:
        results: a folder with lm-eval's results and samples files, in it or in folders below.
        scorers: names in the registry.
        settings: ``device``, ``batch``: handed to those scorers that have such a parameter.

    Raises:
        LorafairError: for a folder without samples of generated text, damaged files (all named at once), an unknown
            scorer, or a setting that none of the scorers takes.
    """
    from lorafair.isolation import PluginFailed
    from lorafair.scoring import (
        ask_direction,
        find_remarks,
        identify_scorer,
        require_numbers,
        score_texts,
        select_settings,
    )

    names = list(dict.fromkeys(scorers))
    chosen: dict[str, dict[str, Any]] = {}
    identities: dict[str, Any] = {}
    failed: dict[str, str] = {}
    directions: dict[str, bool | None] = {}
    for name in names:
        try:
            chosen[name] = select_settings(name, settings or {})
            identities[name] = identify_scorer(name, chosen[name])
            directions[name] = ask_direction(name)
        except PluginFailed as error:
            failed[name] = str(error)
    if unused := [key for key in settings or {} if chosen and not any(key in given for given in chosen.values())]:
        raise LorafairError(f"None of the scorers {', '.join(chosen)} takes --{' or --'.join(unused)}: leave it out.")
    samples = read_sample_files(results)
    # whether the scores of one that cannot be loaded still hold, nobody can say: they go, so that its mark is seen
    kept = {
        sample.path: {name: found for name, found in _read_kept(sample, identities).items() if name not in failed}
        for sample in samples
    }
    folders = dict.fromkeys(sample.folder for sample in samples)
    scored = texts = reused = not_scored = 0
    written: dict[Path, None] = {}
    for name in names:
        todo = [sample for sample in samples if name not in kept[sample.path]]
        words = [completion.text for sample in todo for completion in sample.completions]
        if name not in failed:
            try:
                found = score_texts(name, words, **chosen[name])
                require_numbers(name, words, found)
            except LorafairError as error:  # what the others have computed, and will, is not lost
                failed[name] = str(error)
            else:
                answers = iter(found)
                for sample in todo:
                    kept[sample.path][name] = [next(answers) for _ in sample.completions]
                scored, texts = scored + len(words), texts + len(set(words))
                not_scored += sum(kept[sample.path][name].count(None) for sample in samples)
                reused += sum(len(sample.completions) for sample in samples if sample not in todo)
        remarks = find_remarks(names)
        for folder in folders:
            mine = [sample for sample in samples if sample.folder == folder]
            told = name not in _read_settings(folder, "failed") and name in _read_settings(folder, "directions")
            if name in failed or any(sample in todo for sample in mine) or not told:
                marks = {"scorers": identities, "failed": dict.fromkeys(names) | failed, "remarks": remarks}
                marks["directions"] = directions
                written[_write(folder, mine, kept, marks)] = None
    return Outcome(list(written), scored, texts, reused, not_scored, failed, remarks)


def _read_kept(sample: SampleFile, identities: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """By scorer, the scores in ``scores.jsonl`` that still hold for this file, in the order of its completions."""
    try:
        settings = json.loads((sample.folder / PROVENANCE).read_text(encoding="utf-8"))["settings"]
        if settings["samples"].get(sample.path.name) != sample.sha256:
            return {}
        lines = (sample.folder / "scores.jsonl").read_text(encoding="utf-8").split("\n")
        known = {_key(line): line["score"] for line in map(json.loads, filter(None, lines))}
        recorded = settings["scorers"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LorafairError(
            f"{sample.folder / 'scores.jsonl'} or {PROVENANCE} beside it is damaged ({type(error).__name__}: {error}). "
            "Delete both and score again."
        ) from error
    kept = {}
    for name, identity in recorded.items():
        keys = [(sample.model, sample.task, c.doc_id, c.request, c.repeat, name) for c in sample.completions]
        if identities.get(name, identity) == identity and all(key in known for key in keys):
            kept[name] = [known[key] for key in keys]
    return kept


def _write(
    folder: Path, samples: Sequence[SampleFile], kept: Mapping[Path, Any], marks: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write one model's scores, each file whole or not at all; the provenance last, it vouches for the others.

    ``marks``: by scorer what goes into the provenance's settings, its identity (``scorers``), why it ``failed`` and
    ``remarks``; None takes an earlier mark away, and what is not mentioned stays.
    """
    import pyarrow
    from pyarrow import parquet

    from lorafair.provenance import collect_provenance
    from lorafair.records import Score

    lines: list[Score] = []
    for sample in samples:
        for name, scores in kept[sample.path].items():
            for c, score in zip(sample.completions, scores, strict=True):
                line = {"doc_id": c.doc_id, "request": c.request, "repeat": c.repeat, "scorer": name, "score": score}
                lines.append(Score.model_validate({"model": sample.model, "task": sample.task, **line}))
    present = {line.scorer for line in lines}
    settings = {key: _read_settings(folder, key) | dict(found) for key, found in marks.items()}
    settings["scorers"] = {name: identity for name, identity in settings["scorers"].items() if name in present}
    settings["failed"] = {name: why for name, why in settings["failed"].items() if why}
    settings["samples"] = {sample.path.name: sample.sha256 for sample in samples}
    provenance = collect_provenance("scores", seeds={}, data={}, settings=settings)
    (folder / PROVENANCE).unlink(missing_ok=True)
    target = folder / "scores.jsonl"
    write_records(target, lines)
    table = pyarrow.table({column: [getattr(line, column) for line in lines] for column in COLUMNS})
    temporary = folder / ".scores.parquet.part"
    parquet.write_table(table, temporary)
    temporary.replace(folder / "scores.parquet")
    _replace(folder / PROVENANCE, provenance.model_dump_json(indent=2) + "\n")
    return target


def _read_settings(folder: Path, key: str) -> dict[str, Any]:
    path = folder / PROVENANCE
    return dict(json.loads(path.read_text(encoding="utf-8"))["settings"].get(key, {})) if path.is_file() else {}


def _key(line: Mapping[str, Any]) -> tuple[str, str, int, int, int, str]:
    return line["model"], line["task"], line["doc_id"], line["request"], line["repeat"], line["scorer"]


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
