"""How often Python looks for garbage: later inside a block, as before outside it."""

import gc

import pytest

from lorafair.collection import collect_later


def test_nothing_is_collected_inside_and_everything_afterwards() -> None:
    seen: list[bool] = []
    with collect_later():
        seen.append(gc.isenabled())
        with collect_later():
            seen.append(gc.isenabled())
        seen.append(gc.isenabled())  # the inner block does not end the outer one
    assert seen == [False, False, False]
    assert gc.isenabled()


def test_collection_goes_on_after_an_error() -> None:
    with pytest.raises(KeyError), collect_later():
        raise KeyError("task")
    assert gc.isenabled()


def test_whoever_turned_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with collect_later():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
