"""``python -m lorafair.harness``: lm_eval's own command with our models, filter and metrics, several adapters in a run.

    python -m lorafair.harness run --model lorafair-vllm --model_args pretrained=BASE,adapters=A:B:C --tasks … \\
        --output_path results --log_samples

evaluates the base and each adapter on one engine; lm_eval prints a table and writes results and samples for each, as
for a run of its own, and ``lorafair leaderboard results`` compares them.
"""

from __future__ import annotations

import argparse
import copy
import sys
from typing import Any

from lorafair.errors import LorafairError

PREFIX = "lorafair-"


def run_each(parser: Any, args: argparse.Namespace) -> None:
    """lm_eval's ``run``, once for the base and once for each of several adapters; else as it is.

    Each model gets a ``--use_cache`` file of its own: see :func:`lorafair.harness.cache.name_cache`.

    Raises:
        LorafairError: a base or adapters that cannot be evaluated, all at once, before anything is asked.
    """
    from lm_eval.config.evaluate_config import EvaluatorConfig

    from lorafair.engines.plain import keep_running, list_adapters, make_plain, read_plain
    from lorafair.harness.cache import name_cache
    from lorafair.routing import load_engine

    config = EvaluatorConfig.from_cli(args)
    given = dict(config.model_args or {})
    several = len(list_adapters(given)) > 1
    if not str(config.model).startswith(PREFIX) or not (several or config.use_cache):
        parser.execute(args)
        return
    engine_class = load_engine(config.model.removeprefix(PREFIX))
    base, checkpoints = read_plain(engine_class, given)
    if not several:
        args.use_cache = name_cache(config.use_cache, config.model, base, [base, *checkpoints][-1], given)
        parser.execute(args)
        return
    more = {"batch_size": config.batch_size, "device": config.device}
    with keep_running(make_plain(engine_class, base, checkpoints, given, more)):
        for checkpoint in [base, *checkpoints]:
            print(f"{checkpoint.label}:", flush=True)
            each = copy.copy(args)
            own = {"peft": str(checkpoint.path)} if checkpoint.kind == "adapter" else {}
            kept = {key: value for key, value in given.items() if key not in ("peft", "lora_local_path")}
            each.model_args = kept | {"adapters": None} | own
            if config.use_cache:
                each.use_cache = name_cache(config.use_cache, config.model, base, checkpoint, given)
            parser.execute(each)


def main() -> None:
    """What lm_eval's command does; a fault that the user can mend is one message and exit code 2."""
    from lm_eval._cli import HarnessCLI
    from lm_eval.utils import setup_logging

    import lorafair.harness  # noqa: F401 (registers)

    setup_logging()
    parser = HarnessCLI()
    args = parser.parse_args()
    try:
        if getattr(args, "command", None) == "run":
            run_each(parser, args)
        else:
            parser.execute(args)
    except LorafairError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
