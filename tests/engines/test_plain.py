"""Which engine plain lm_eval gets: a running one only where it is what the arguments ask for."""

from __future__ import annotations


def test_a_running_engine_answers_only_for_its_own_class_and_settings(tiny_base, tiny_adapters):
    from lorafair.engines.hf import HfEngine
    from lorafair.engines.plain import keep_running, make_plain, open_plain, read_plain

    class Other(HfEngine):
        """Another engine."""

    given = {"pretrained": str(tiny_base), "peft": str(tiny_adapters[0]), "dtype": "float32"}
    with keep_running(make_plain(HfEngine, *read_plain(HfEngine, given), given, {})):
        running = open_plain(HfEngine, given, {})
        assert open_plain(HfEngine, given, {}) is running
        assert open_plain(Other, given, {}) is not running
        assert open_plain(HfEngine, given | {"dtype": "bfloat16"}, {}).settings.dtype == "bfloat16"
