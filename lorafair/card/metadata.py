"""The Hub's ``model-index`` in a card's front matter: LoRAFair's results are replaced, everybody else's are kept."""

from __future__ import annotations

import math
import re
from typing import Any

from lorafair.card.section import shorten
from lorafair.errors import LorafairError
from lorafair.identity import Model
from lorafair.leaderboard.escape import strip_controls
from lorafair.leaderboard.row import Rows

MARK = "lorafair"
"""``dataset.args.audit`` of the results that LoRAFair wrote: how it knows them again."""
KEY = "model-index"
FRONT = re.compile(r"\A(\ufeff?\s*---[ \t]*\r?\n)(.*?)(^---[ \t]*(?:\r?\n|\Z))", re.S | re.M)


def build_results(model: Model, found: Rows) -> list[dict[str, Any]]:
    """The rows of one model as results of a model-index, made by huggingface_hub: a result per task, a metric per row.

    What is not estimable is left out (the index has no word for it); values are rounded to six decimals.
    """
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    results = []
    for row in found.rows:
        if row.model != model.label or row.layer is not None:
            continue  # by layer: figures, not results
        if row.estimate is None or not math.isfinite(row.estimate):
            continue
        of = (
            f" ({row.attribute}={row.group})"
            if row.kind == "group"
            else f" (max - min over {row.attribute}, descriptive)"
        )
        facts: dict[str, Any] = {"n": row.n, "clusters": row.clusters}
        if row.low is not None and row.high is not None:
            facts["interval_95"] = [round(row.low, 6), round(row.high, 6)]
        results.append(
            EvalResult(
                task_type="text-generation",
                dataset_type=strip_controls(row.task),
                dataset_name=strip_controls(row.task) + (" (sample data)" if row.sample_data else ""),
                dataset_args={"audit": MARK, "sample_data": row.sample_data},
                metric_type=strip_controls(row.metric),
                metric_name=strip_controls(row.metric_label + ("" if row.kind == "overall" else of)),
                metric_value=round(row.estimate, 6),
                metric_args=facts,
            )
        )
    index = eval_results_to_model_index(model.label, results) if results else []
    return list(index[0]["results"]) if index else []


def update_metadata(text: str, model: Model, results: list[dict[str, Any]], breaks: str = "\n") -> str:
    """The card with its ``model-index`` brought up to date; every other byte stays.

    Results that LoRAFair wrote earlier (:data:`MARK`) are replaced by ``results``; others, and their order, are kept.
    A card without front matter gets one, with the base where it is a Hub id.

    Args:
        breaks: the line break of what is written.

    Raises:
        LorafairError: front matter that is no YAML mapping of a key a line, or a model-index that is not the Hub's.
    """
    from huggingface_hub import CardData

    found = FRONT.match(text)
    front = found.group(2) if found else ""
    root, data = _read_front(front)
    index = _merge(data.get(KEY), model, results)
    entry: dict[str, Any] = {KEY: index}
    block = CardData(**entry).to_yaml(line_break=breaks) + breaks if index else ""
    lines = front.splitlines(keepends=True)
    start, end = _find_lines(root, lines) if KEY in data else (len(lines), len(lines))
    new = "".join(lines[:start]) + block + "".join(lines[end:])
    rest = {key: value for key, value in _read_front(new)[1].items() if key != KEY}
    if rest != {key: value for key, value in data.items() if key != KEY}:
        raise LorafairError("The card's front matter refers into its model-index (an anchor). Write the values out.")
    if found:
        return found.group(1) + new + found.group(3) + text[found.end() :]
    if not block:
        return text
    known: dict[str, Any] = {"library_name": "peft"} if model.kind == "adapter" else {}
    if model.base and model.base.count("/") == 1 and shorten(model.base) == model.base:
        known["base_model"] = model.base
    head = CardData(**known).to_yaml(line_break=breaks) + breaks if known else ""
    return f"---{breaks}{head}{block}---{breaks}{text}"


def _read_front(front: str) -> tuple[Any, dict[str, Any]]:
    """The front matter's node and its values; None and an empty mapping where it is empty."""
    import yaml

    try:
        root, data = yaml.compose(front, Loader=yaml.SafeLoader), yaml.safe_load(front)
    except (yaml.YAMLError, ValueError) as error:
        raise LorafairError(f"The card's front matter is not YAML: {error}. Mend it, then run this again.") from error
    if root is not None and (not isinstance(data, dict) or getattr(root, "flow_style", False)):
        raise LorafairError("The card's front matter is no mapping with a key a line. Mend it, then run this again.")
    return root, data or {}


def _merge(index: Any, model: Model, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if index is None:
        return [{"name": model.label, "results": results}] if results else []
    entries = index if isinstance(index, list) else [index]
    for entry in entries:
        if not (isinstance(entry, dict) and isinstance(entry.get("results"), list)):
            raise LorafairError("The card's model-index has an entry without `results`. Mend or remove it.")
    first: dict[str, Any] = dict(entries[0]) if entries else {"name": model.label, "results": []}
    first["results"] = [one for one in first["results"] if not _is_ours(one)] + results
    return [one for one in (first, *entries[1:]) if one["results"]]


def _is_ours(result: Any) -> bool:
    dataset = result.get("dataset") if isinstance(result, dict) else None
    arguments = dataset.get("args") if isinstance(dataset, dict) else None
    return isinstance(arguments, dict) and arguments.get("audit") == MARK


def _find_lines(root: Any, lines: list[str]) -> tuple[int, int]:
    """The lines, from 0, that the key ``model-index`` of the front matter takes up, without comments after it."""
    keys = [key for key, _ in root.value]
    number = next(k for k, key in enumerate(keys) if key.value == KEY)
    start = keys[number].start_mark.line
    end = keys[number + 1].start_mark.line if number + 1 < len(keys) else len(lines)
    while end > start + 1 and lines[end - 1].lstrip()[:1] in ("", "#"):
        end -= 1
    return start, end
