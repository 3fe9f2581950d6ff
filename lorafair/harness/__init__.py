"""The door to plain lm_eval: ``import lorafair.harness`` makes our models, filter, metrics and aggregation known to it.

From its coming release on, lm_eval finds them by itself, by the entry points of this distribution; 0.4.13 has to be
told: in Python by the import above, in a shell by ``python -m lorafair.harness`` in place of ``lm_eval``.
"""

from __future__ import annotations

from lorafair.registry import load_registry


def register_all() -> None:
    """Register what lm_eval does not know yet; calling it again changes nothing.

    Every engine of the registry is a model ``lorafair-<name>``, a third party's too, imported when it is asked for.
    """
    import lm_eval.api.metrics
    import lm_eval.filters
    import lm_eval.models  # noqa: F401 (lm_eval registers its own only where nothing is registered yet)
    from lm_eval.api.registry import model_registry

    from lorafair.harness import filter, metric  # noqa: F401 (their decorators register them)

    for entry in load_registry().entries("engine"):
        if f"lorafair-{entry.name}" not in model_registry and entry.target:
            model_registry.register(f"lorafair-{entry.name}", target=entry.target)


register_all()
