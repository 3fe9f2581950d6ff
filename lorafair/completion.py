"""Read the completions out of lm-eval's ``samples_<task>_<time>.jsonl`` files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lorafair.errors import LorafairError, raise_faults


@dataclass(frozen=True)
class Completion:
    """One stored answer: answer ``repeat`` to request ``request`` of document ``doc_id``."""

    doc_id: int
    request: int
    repeat: int
    text: str


@dataclass(frozen=True)
class SampleFile:
    """The newest ``samples_<task>_<time>.jsonl`` of one model and task that holds generated text."""

    folder: Path
    model: str
    task: str
    path: Path
    sha256: str
    completions: list[Completion]


def read_sample_files(results: str | Path) -> list[SampleFile]:
    """The newest samples of generated text of each model and task, sorted by model and task.

    The model is told by the results file with the same time stamp, as for the leaderboard; plain lm-eval puts all
    adapters of one base into one folder.  Without such a file it is the folder's name.

    Raises:
        LorafairError: if there are none, or with every file that cannot be read.
    """
    from lorafair.provenance import hash_file

    root = Path(results)
    if not root.is_dir():
        raise LorafairError(f"There is no results folder at {root}. `lorafair eval --out {root}` makes one.")
    newest: dict[tuple[Path, str, str], Path] = {}
    for path in sorted(root.rglob("samples_*_*.jsonl"), key=lambda path: path.name):
        if "responses" not in path.relative_to(root).parts:
            task = path.stem.removeprefix("samples_").rpartition("_")[0]
            newest[path.parent, _read_label(path), task] = path
    faults: list[str] = []
    found: list[SampleFile] = []
    for (folder, label, task), path in newest.items():
        try:
            completions = list(_read_completions(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            faults.append(
                f"{path}: not samples as lm-eval writes them ({type(error).__name__}: {error}); "
                "run that evaluation again"
            )
            continue
        if completions:
            found.append(SampleFile(folder, label, task, path, hash_file(path), completions))
    raise_faults(f"Samples under {root} cannot be read", faults)
    if not found:
        raise LorafairError(
            f"There are no samples of generated text under {root}: {len(newest)} samples files found. Samples are "
            "written by `lorafair eval`, or by `lm_eval --log_samples --output_path`; tasks that only compare answers' "
            "probabilities have no text to score."
        )
    return sorted(found, key=lambda sample: (sample.model, sample.task, str(sample.path)))


def _read_completions(path: Path) -> Iterator[Completion]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                sample = json.loads(line)
            except ValueError as error:
                if not line.endswith("\n"):  # cut short while it was written: what stands before it holds
                    return
                raise ValueError(f"line {number} is not JSON") from error
            # The first request of a HONEST document asks for the most likely word: no continuation to be scored.
            first = 1 if "honest_topk" in sample.get("metrics", ()) else 0
            for request, answers in enumerate(sample["resps"]):
                settings = sample["arguments"][f"gen_args_{request}"].get("arg_1")
                if request < first or not isinstance(settings, dict):
                    continue
                for repeat, text in enumerate(answers):
                    if not isinstance(text, str):
                        raise ValueError(f"line {number}: an answer is not text")
                    yield Completion(int(sample["doc_id"]), request, repeat, text)


def _read_label(samples: Path) -> str:
    """The label that the leaderboard gives these samples; the folder's name where no results file tells it."""
    from lorafair.identity import identify

    results = samples.with_name(f"results_{samples.stem.rpartition('_')[2]}.json")
    try:
        found = json.loads(results.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return samples.parent.name
    model = identify(found, None) if isinstance(found, dict) else ""
    return samples.parent.name if isinstance(model, str) else model.label
