"""Training data against toxicity, after Das et al. 2024: a base's toxic completions and what is to take their place.

The base is asked a HONEST task's prompts as in an evaluation (any engine, answers stored as they finish), its
completions are scored, and each toxic one gets a non-toxic counterfactual, by rule (:mod:`.counterfactual`) or written
by a model.  Pairs are split by template.  What a model wrote is data here: it is scored, compared and stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lorafair.data.answer_file import read_answers
from lorafair.data.counterfactual import (
    LACKING,
    OTHER,
    SAME,
    Answered,
    Target,
    choose_targets,
    choose_written,
    count_groups,
)
from lorafair.data.honest import TEST_SHARE
from lorafair.data.pair_output import assign_parts, clean, write_pairs
from lorafair.errors import LorafairError, raise_faults
from lorafair.evaluation import EvaluationPlan, evaluate
from lorafair.provenance import hash_file

WAYS = ("rule", "model")
LEXICON = "hurtlex_sample"
"""The task's lexicon, unless another is asked for: what it finds is not used here, and this one needs no download."""
WRITER = (
    "Each sentence is finished twice: once with contempt for the person, once with respect.\n\n"
    "Contempt: The neighbour is known as a fool whom nobody should trust.\n"
    "Respect: The neighbour is known as someone who shovels snow for the whole street.\n\n"
    "Contempt: {toxic}\nRespect: {prompt}"
)
"""What a model that writes the counterfactuals is asked; wording and example are the project's own."""
WRITING = {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.95, "max_gen_toks": 24, "until": ["\n"]}


@dataclass(frozen=True)
class MitigationPlan:
    """What to build.

    ``ask``: base, task, engine, sampling and seed, as for an evaluation (its ``out`` is not used); ``k``: completions
    per prompt; ``by``: ``rule``, or ``model``: the ``writer``, by default the base itself; ``most``: pairs per prompt.
    """

    ask: EvaluationPlan
    out: Path
    scorer: str = "profanity"
    threshold: float = 0.5
    k: int = 5
    by: str = "rule"
    writer: str | None = None
    most: int = 1
    test_share: float = TEST_SHARE
    split_seed: int = 13


@dataclass(frozen=True)
class MitigationOutcome:
    """The file of each part, pairs in each, counts by group (``all`` and ``attribute=group``) and by how found."""

    files: dict[str, Path]
    pairs: dict[str, int]
    groups: dict[str, dict[str, int]]
    ways: dict[str, int]
    asked: int
    stored: int
    unscored: int


def build_counterfactuals(plan: MitigationPlan, say: Callable[[str], None]) -> MitigationOutcome:
    """Ask, score, choose, split, write ``train.jsonl``, ``test.jsonl`` and ``provenance.json`` into ``plan.out``.

    Answers land in ``out/answers`` (and a writer's in ``out/written``), so that a second run asks only what is missing.

    Raises:
        LorafairError: for settings that cannot be, whatever an evaluation or the scorer raises, and where no completion
            is toxic or no target was found; what was answered stays stored.
    """
    from lorafair.scoring import ask_direction, identify_scorer, require_numbers, score_texts

    _check(plan)
    if ask_direction(plan.scorer):
        raise LorafairError(f"More of the scorer {plan.scorer} is better: it cannot say what is toxic. Give another.")
    judge = identify_scorer(plan.scorer, {})
    score = partial(score_texts, plan.scorer)
    score(["The neighbour waters the plants."])  # a scorer that lacks its files is told before anything is generated
    given = {"lexicon": LEXICON, "part": "all", **plan.ask.metadata, "k": plan.k, "topk": 1, "scorers": []}
    asking = replace(plan.ask, checkpoints=(), out=plan.out / "answers", metadata=given)
    done = evaluate(asking, say)
    results = next(iter(done.results.values()))
    found, samples, task = read_answers(results, plan.ask.tasks[0])
    texts = [text for _, completions in found for text in completions]
    scores = iter(numbers := score(texts))
    require_numbers(plan.scorer, texts, numbers)
    cut = _find_cut(plan, texts, task["settings"]["generation"])
    prompts = [
        Answered(document, own, tuple(next(scores) for _ in own), cut.intersection(own)) for document, own in found
    ]
    if not any(prompt.find_toxic(plan.threshold) for prompt in prompts):
        raise LorafairError(
            f"None of {len(texts)} completions of {len(prompts)} prompts scores {plan.threshold:g} or more with "
            f"{plan.scorer}: there is nothing to mend. Lower --threshold, raise --k, or use another --scorer; what was "
            "answered is stored."
        )
    chosen = _write_targets(plan, prompts, score, say) if plan.by == "model" else None
    if chosen is None:
        chosen = choose_targets(prompts, plan.threshold, score, plan.most)
    rows = [row for prompt, targets in chosen for row in _make_rows(prompt, targets, plan.threshold)]
    if not rows:
        raise LorafairError(
            f"{len(chosen)} prompts have a toxic completion and none of them a target below {plan.threshold:g}. Raise "
            "--k, or use --by model; what was answered is stored."
        )
    parts = assign_parts([prompt.document for prompt in prompts], plan.test_share, plan.split_seed)
    counts = {part: sum(parts[row["cluster"]] == part for row in rows) for part in ("train", "test")}
    groups, ways = count_groups(prompts, chosen), _count_ways(chosen)
    unscored = list(numbers).count(None)
    files = write_pairs(
        plan.out,
        rows,
        parts,
        seeds={"sampling": plan.ask.seed, "split": plan.split_seed},
        data={"answers": {"file": samples.name, "sha256": hash_file(samples)}, **task["data"]},
        settings={
            **task["settings"],
            "task": plan.ask.tasks[0],
            "metadata": given,
            "scorer": judge,
            "threshold": plan.threshold,
            "by": plan.by,
            "writer": _name_writer(plan) if plan.by == "model" else None,
            "pairs_per_prompt": plan.most,
            "test_share": plan.test_share,
            "pairs": counts,
            "counts": groups,
            "ways": ways,
            "unscored": unscored,
        },
    )
    return MitigationOutcome(files, counts, groups, ways, done.asked, done.stored, unscored)


def _find_cut(plan: MitigationPlan, texts: Sequence[str], generation: Any) -> frozenset[str]:
    """The completions that are as long as the limit of tokens, or shorter by one (as text they may split otherwise)."""
    from lorafair.checkpoint import read_base
    from lorafair.engines.tokenizer import load_tokenizer

    most = generation.get("max_gen_toks") if isinstance(generation, dict) else None
    own = list(dict.fromkeys(texts))
    if not isinstance(most, int) or most < 3 or not own:
        return frozenset()
    tokenizer = load_tokenizer(read_base(plan.ask.base, plan.ask.trust_remote_code), plan.ask.trust_remote_code)
    tokens = tokenizer(own, add_special_tokens=False)["input_ids"]
    return frozenset(text for text, ids in zip(own, tokens, strict=True) if len(ids) >= most - 1)


def _check(plan: MitigationPlan) -> None:
    faults = []
    if len(plan.ask.tasks) != 1:
        faults.append("one task is asked: give one --task.")
    if plan.by not in WAYS:
        faults.append(f"--by is one of {', '.join(WAYS)}, not {plan.by!r}.")
    if plan.writer is not None and plan.by != "model":
        faults.append("--writer is the model that writes: it needs --by model.")
    if plan.k < 1 or plan.most < 1:
        faults.append("--k and --pairs-per-prompt are at least 1.")
    if not 0 < plan.test_share < 1:
        faults.append(f"--test-share is {plan.test_share:g}; give a share between 0 and 1.")
    raise_faults("The training data cannot be built", faults)


def _write_targets(
    plan: MitigationPlan, prompts: Sequence[Answered], score: Any, say: Callable[[str], None]
) -> list[tuple[Answered, list[Target]]]:
    """Targets that a model wrote, each prompt's most toxic completion before its eyes."""
    from lorafair.responses.prompting import ask_prompts

    toxic = [prompt for prompt in prompts if prompt.find_toxic(plan.threshold)]
    asked = [
        WRITER.replace("{prompt}", _flatten(prompt.document["text"])).replace(
            "{toxic}", _flatten(prompt.document["text"] + prompt.find_toxic(plan.threshold)[0][1])
        )
        for prompt in toxic
    ]
    writing = replace(plan.ask, base=_name_writer(plan), checkpoints=(), out=plan.out / "written")
    written = ask_prompts(writing, "counterfactual", asked, WRITING, plan.k, say)
    texts = [[clean(text) for text in each] for each in written]
    return choose_written(toxic, texts, plan.threshold, score, plan.most)


def _make_rows(prompt: Answered, targets: Sequence[Target], threshold: float) -> list[dict[str, Any]]:
    document, (worst, said) = prompt.document, prompt.find_toxic(threshold)[0]
    return [
        {
            "id": f"{document['id']}/{number}",
            "prompt": document["text"],
            "completion": target.text,
            "groups": document.get("groups") or {},
            "cluster": str(document["cluster"]),
            "how": target.how,
            "source": target.source,
            "cut": target.cut,
            "score": round(target.score, 6),
            "toxic": said,
            "toxic_score": round(worst, 6),
        }
        for number, target in enumerate(targets, start=1)
    ]


def _count_ways(chosen: Sequence[tuple[Answered, Sequence[Target]]]) -> dict[str, int]:
    ways = [target.how for _, targets in chosen for target in targets]
    kinds = dict.fromkeys([SAME, OTHER, *ways])
    return {how: ways.count(how) for how in kinds} | {LACKING: sum(not targets for _, targets in chosen)}


def _name_writer(plan: MitigationPlan) -> str:
    return plan.writer or plan.ask.base


def _flatten(text: str) -> str:
    return " ".join(text.split())
