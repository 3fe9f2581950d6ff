"""The JSON Schema of a registry file: up to date, true of the registry, and of one mind with the reader."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lorafair.registry_file import DECLARED_ONLY, FILE_TYPES, KEYS, KINDS, LOCAL, read_entries
from lorafair.registry_schema import FILE_MEANINGS, MEANINGS, build_model, format_schema, make_schema

ROOT = Path(__file__).resolve().parents[1]
MODEL = build_model()
VALIDATOR = jsonschema.Draft202012Validator(make_schema())

VALUES = st.one_of(
    st.sampled_from(["text", "", "module:attribute", "package.tasks", "./tasks", "../tasks", "/tasks", "a b"]),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([None, 1.5, [], ["a"], [1], ["a", True], {}, {"x": 1}]),
    st.dictionaries(
        st.sampled_from(["templates", "lexicon"]),
        st.dictionaries(
            st.sampled_from([*FILE_TYPES, "pat"]),
            st.sampled_from(["a", "a/.b", "a/../b", "/a", 1, True, None, ["a"]]),
            max_size=3,
        ),
        max_size=2,
    ),
)


@st.composite
def registries(draw: st.DrawFn) -> dict:
    """Registry files that are nearly right: one entry or two, with right and wrong keys and values."""
    kind = draw(st.sampled_from(KINDS))
    good = {"target": "./tasks" if kind == "task" else "module:attribute", "description": "text"}
    keys = st.sampled_from(["target", "description", "replace", "wrong", *KEYS[kind]])
    entries = st.dictionaries(
        st.sampled_from(["good", "also-good", "../bad", "b d"]),
        st.one_of(st.just(None), st.dictionaries(keys, VALUES, max_size=2).map(lambda more: good | more)),
        max_size=2,
    )
    whole = {"schema": draw(st.sampled_from([1, 1, 1, 1, 2, "1", True])), f"{kind}s": draw(st.none() | entries)}
    dropped = draw(st.sampled_from([None, None, None, "schema", "target"]))
    whole.pop(dropped, None)
    for entry in (whole[f"{kind}s"] or {}).values():
        if dropped == "target" and entry:
            entry.pop("target", None)
    return whole if draw(st.booleans()) else whole | {"scorrers": {}} if draw(st.booleans()) else whole


@given(registries())
def test_reader_model_and_schema_accept_and_refuse_the_same(registry):
    entries, faults = read_entries(yaml.safe_dump(registry), "reg.yaml", LOCAL, "")
    try:
        MODEL.model_validate(registry)
        modelled = True
    except ValidationError:
        modelled = False
    assert modelled == (not faults), faults
    assert VALIDATOR.is_valid(registry) == (not faults), faults


def test_strategy_makes_both_right_and_wrong_ones():
    """So that the test above cannot agree by refusing everything."""
    good = {"schema": 1, "scorers": {"s": {"target": "a:b", "description": "x", "higher_is_better": True}}}
    assert VALIDATOR.is_valid(good)
    for change in ({"schema": 2}, {"scorers": {"s": {"target": "a", "description": "x"}}}, {"scorrers": {}}):
        assert not VALIDATOR.is_valid(good | change)


def test_registry_itself_is_valid_and_names_the_schema():
    text = (ROOT / "registry.yaml").read_text(encoding="utf-8")
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []
    first = text.splitlines()[0]
    assert first == "# yaml-language-server: $schema=lorafair/registry.schema.json"
    assert (ROOT / first.partition("=")[2]).is_file()


def test_copy_that_ships_is_up_to_date():
    path = ROOT / "lorafair" / "registry.schema.json"
    mend = "make it anew: lorafair plugins schema > schema.json && mv schema.json lorafair/registry.schema.json"
    assert path.read_text(encoding="utf-8") == format_schema(), mend


def test_every_key_is_explained():
    assert {key for keys in KEYS.values() for key in keys} - set(MEANINGS) == set()
    assert set(FILE_TYPES) - set(MEANINGS) - set(FILE_MEANINGS) == set()
    assert set(MEANINGS) - {key for keys in KEYS.values() for key in keys} == {"target", "description", "replace"} | (
        set(FILE_TYPES) & set(MEANINGS) - {key for keys in KEYS.values() for key in keys}
    )


@pytest.mark.parametrize("kind", KINDS)
def test_editor_is_told_what_each_section_takes(kind):
    schema = json.loads(format_schema())
    entry = schema["$defs"][kind.capitalize()]
    assert set(entry["properties"]) == {"target", "description", "replace", *KEYS[kind]}
    assert set(entry["required"]) == {"description"} | (set() if kind in DECLARED_ONLY else {"target"})
    assert all("description" in facts for facts in entry["properties"].values())
