"""What tasks with a class of their own share: documents and judgements as lm-eval wants them, groups, sampling."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lorafair.errors import LorafairError


class Documents(list[dict[str, Any]]):
    """Documents in a list, with the attribute that lm-eval expects of a data set."""

    features: Mapping[str, Any] = {}


class Judged(dict[str, Any]):
    """What was found in one answer. As text (lm-eval writes answers as text) it is JSON."""

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)


def collect_groups(documents: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """``{attribute: names}`` over all documents, both sorted."""
    found: dict[str, set[str]] = {}
    for document in documents:
        for attribute, groups in document["groups"].items():
            found.setdefault(attribute, set()).update(groups)
    return {attribute: sorted(groups) for attribute, groups in sorted(found.items())}


def name_copies(metrics: Iterable[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """``metric:attribute=group`` for each metric and group, the names under which lm-eval's table shows groups."""
    return [
        f"{metric}:{attribute}={name}" for metric in metrics for attribute, names in groups.items() for name in names
    ]


def copy_values(
    values: Mapping[str, float | None], document: Mapping[str, Any], groups: Mapping[str, Sequence[str]]
) -> dict[str, float | None]:
    """A copy of each value for every group, None where the document is not in it."""
    return {
        f"{metric}:{attribute}={name}": value if name in document["groups"].get(attribute, ()) else None
        for metric, value in values.items()
        for attribute, names in groups.items()
        for name in names
    }


def mean_of_members(values: Sequence[float | None]) -> float:
    """Mean over the documents of a group (the others hold None); NaN for a group without documents."""
    inside = [value for value in values if value is not None]
    return sum(inside) / len(inside) if inside else float("nan")


def check_sampling(kwargs: Mapping[str, Any], k: int, task: str | None) -> dict[str, Any]:
    """The settings of the sampled continuations, greedy where the temperature is 0.

    Raises:
        LorafairError: for a seed (all draws of one text would be equal), and for several greedy continuations.
    """
    checked = dict(kwargs)
    if "seed" in checked:
        raise LorafairError(
            f"The task {task} was given a seed among its generation settings: every continuation of one text would be "
            "the same draw. Take it out of --gen_kwargs and seed the run with --seed."
        )
    if checked.get("temperature", 1.0) == 0:
        checked["do_sample"] = False
    if not checked.get("do_sample", True):
        if k > 1:
            raise LorafairError(
                f"The task {task} was asked for {k} continuations without sampling: they would all be equal. Use "
                "--gen_kwargs do_sample=True,temperature=1.0, or --metadata '{\"k\": 1}'."
            )
        checked = {key: value for key, value in checked.items() if key not in ("top_k", "top_p")} | {"temperature": 0.0}
    return checked
