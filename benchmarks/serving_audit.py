"""Sections of the serving benchmark that run whole commands: against stock lm-eval, a second run, many adapters."""

from __future__ import annotations

import shutil
import statistics
import sys
from typing import Any

from serving_command import Cost, ask_ours, ask_stock, count_same
from serving_figure import Row, Section, fit_line
from serving_material import CHOICES, Setup, make_adapters

FEW = 4
FEW_TOKENS = 8
GOALS = {"vllm": 7.0, "hf": 3.0}
OURS_RUNS = 3
"""One run of ours stands against many stock runs, whose noise averages out: it is the median of so many, made before,
between and after them, because a shared machine is not equally fast all the time."""


def compare_with_stock(setup: Setup, model: str) -> Section:
    """The whole `lorafair eval` of base and adapters against one stock `lm_eval --model MODEL` run for each of them."""
    models = [None, *(setup.adapter(number) for number in range(1, setup.adapters + 1))]
    make_adapters(setup, setup.adapters)
    runs = models[: setup.stock_runs or None]
    if len(runs) < 2:
        sys.exit("--stock-runs: at least 2, the base and one adapter")
    ask_ours(setup, [setup.adapter(1)], setup.folder / f"warm-up-{model}", "--limit", "1")  # fills the file cache
    out = setup.folder / f"ours-{model}-1"
    costs, same, costs_of_ours = [], {}, list[Cost]()
    for made, path in enumerate(runs):
        if made * (OURS_RUNS - 1) >= len(costs_of_ours) * len(runs):
            costs_of_ours.append(_ask_ours_whole(setup, model, len(costs_of_ours) + 1))
        name = path.name if path else "base"
        stock_out = setup.folder / f"stock-{model}" / name
        costs.append(ask_stock(setup, model, path, stock_out))
        same[name] = count_same(out / name, stock_out)
        print(f"  the same answers: {same[name]}", flush=True)
    costs_of_ours.append(_ask_ours_whole(setup, model, OURS_RUNS))
    ours = sorted(costs_of_ours, key=lambda cost: cost.wall)[OURS_RUNS // 2]
    wall, cpu = (_extrapolate([getattr(cost, key) for cost in costs], len(models)) for key in ("wall", "cpu"))
    ratio, share = wall / ours.wall, cpu / ours.cpu
    left_out = len(models) - len(runs)
    note = f"; {len(runs)} of {len(models)} stock runs made, {left_out} extrapolated from the others" * bool(left_out)
    measure = (
        f"base + {setup.adapters} adapters, {CHOICES * setup.documents} log-likelihoods + {setup.documents}×"
        f"{setup.tokens} tokens each, whole command, against {len(models)} stock `lm_eval --model {model}` runs"
    ) + ", batch size 32" * (model == "hf")
    seconds = f"{ours.wall:.0f} s, median of {OURS_RUNS}, against {wall:.0f} s"
    measured = f"{ratio:.1f}x faster ({seconds}), {share:.1f}x in CPU time{note}"
    goal = GOALS[model]
    row = Row(measure, measured, f"≥ {goal:g}x" + ", aim for 10x" * (model == "vllm"), ratio >= goal)
    numbers = {
        "ours": ours.numbers() | {"all": [cost.numbers() for cost in costs_of_ours]},
        "stock": [cost.numbers() for cost in costs],
        "stock_total": {"wall": wall, "cpu": cpu, "runs_made": len(runs), "runs_counted": len(models)},
        "same_answers": same,
        "ratio": {"wall": ratio, "cpu": share},
    }
    return Section([row], numbers)


def _ask_ours_whole(setup: Setup, model: str, number: int) -> Cost:
    """The cost of the whole audit, asked anew."""
    adapters = [setup.adapter(each) for each in range(1, setup.adapters + 1)]
    cost, asked, _ = ask_ours(setup, adapters, setup.folder / f"ours-{model}-{number}")
    expected = setup.requests * (setup.adapters + 1)
    if asked != expected:
        sys.exit(f"lorafair eval asked {asked} requests, {expected} were to be asked")
    return cost


def _extrapolate(seconds: list[float], models: int) -> float:
    """The sum over all models; those that were not run count as the mean adapter run (the first is the base)."""
    return sum(seconds) + (models - len(seconds)) * statistics.mean(seconds[1:])


def repeat_audit(setup: Setup) -> Section:
    """What a second run of a finished audit asks, and what one adapter more asks."""
    make_adapters(setup, setup.adapters + 1)
    few = min(FEW, setup.documents)
    adapters = [setup.adapter(number) for number in range(1, setup.adapters + 2)]
    out = setup.folder / "again"
    own = few * (CHOICES + 1)
    runs: dict[str, dict[str, Any]] = {}
    for name, paths in {"first": adapters[:-1], "second": adapters[:-1], "one more": adapters}.items():
        cost, asked, stored = ask_ours(setup, paths, out, "--limit", str(few))
        runs[name] = cost.numbers() | {"asked": asked, "stored": stored}
    first, second, more = (runs[name]["asked"] for name in ("first", "second", "one more"))
    if first != own * len(adapters):
        sys.exit(f"the first run asked {first} requests, {own * len(adapters)} were to be asked")
    seconds = runs["second"]["wall"]
    rows = [
        Row("second run of a finished audit", f"{second} requests asked ({seconds:.1f} s)", "0", second == 0),
        Row(
            f"one adapter added to {setup.adapters}",
            f"{more} requests asked, {own} are its own",
            "exactly its own",
            more == own,
        ),
    ]
    return Section(rows, runs | {"own": own})


def grow_audit(setup: Setup) -> Section:
    """Time and peak memory of one command over 1 to 64 adapters, few requests to each.

    The line is fitted to CPU-seconds on a CPU (to seconds on a GPU), which other work on the machine disturbs least.
    """
    make_adapters(setup, max(setup.sizes))
    few, more = min(FEW, setup.documents), ["--gen-kwargs", f"max_gen_toks={FEW_TOKENS}"]
    costs: dict[int, Cost] = {}
    asked: dict[int, int] = {}
    for size in setup.sizes:
        out = setup.folder / f"scale-{size}"
        adapters = [setup.adapter(number) for number in range(1, size + 1)]
        costs[size], asked[size], _ = ask_ours(setup, adapters, out, "--limit", str(few), *more)
        shutil.rmtree(out)
    sizes, walls = list(costs), [cost.wall for cost in costs.values()]
    times = [cost.cpu for cost in costs.values()] if setup.device == "cpu" else walls
    peaks = [cost.peak_mib for cost in costs.values()]
    start, slope, worst = fit_line([asked[size] for size in sizes], times)
    each = [(b - a) / (m - n) for n, m, a, b in zip(sizes, sizes[1:], times, times[1:], strict=False)]
    spread = max(peaks) / min(peaks) - 1
    what = ", ".join(map(str, sizes)) + f" adapters, {few * CHOICES} log-likelihoods + {few}×{FEW_TOKENS} tokens each"
    largest = {size: cost.processes[0][1] for size, cost in costs.items()}
    rows = [
        Row(
            f"{what}: time",
            f"{', '.join(f'{wall:.0f}' for wall in walls)} s; in {setup.clock} {start:.0f} + {slope:.4f} a request, at "
            f"most {100 * worst:.1f}% off that line, {', '.join(f'{s:.2f}' for s in each)} per further adapter",
            "linear in its own requests (within 10% of a line)",
            slope > 0 and worst <= 0.1 if len(sizes) > 2 else None,  # two points are always on a line
        ),
        Row(
            f"{', '.join(map(str, sizes))} adapters: peak memory of all processes",
            f"{', '.join(f'{peak:,.0f}' for peak in peaks)} MiB: {100 * spread:.1f}% apart "
            f"(largest process {', '.join(f'{mib:,.0f}' for mib in largest.values())})",
            "flat within 10%",
            spread <= 0.1,
        ),
    ]
    numbers = {str(size): costs[size].numbers() | {"asked": asked[size]} for size in sizes}
    line = {
        "clock": setup.clock,
        "at_start": start,
        "a_request": slope,
        "worst_deviation": worst,
        "peak_spread": spread,
    }
    return Section(rows, numbers | {"line": line, "per_further_adapter": each})
