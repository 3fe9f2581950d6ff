"""Expressions of a registry file: what they mean, that they never fail on a document, and that none of them is code."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.errors import LorafairError
from lorafair.expression import parse_expression

DOC = {"race": "White", "age": 40, "info": {"groups": ["Old", "F"], "none": None}, "x": 2.5, "yes": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("race", "White"),
        ("lower(race)", "white"),
        ("lower(info.groups)", ["old", "f"]),
        ('info["groups"][-1]', "F"),
        ("[race, age]", ["White", 40]),
        ("'under 40' if age < 40 else 'from 40'", "from 40"),
        ("'Old' in info.groups and not 'x' in race", True),
        ("2 * x - 1 / 4", 4.75),
        ("-x", -2.5),
        ("race == 'White' or gone", True),
        ("20 < age <= 40", True),
        ("number('7.5') + length(race)", 12.5),
        ("text(age) + race", "40White"),
        ("doc.age == age", True),
        ("sample.acc", 1.0),
        # What is not there goes through.
        ("gone", None),
        ("gone.deeper[3]", None),
        ("info.none.x", None),
        ("x / 0", None),
        ("gone + 1", None),
        ("race * 1000000", None),
        ("gone < 3", False),
        ("age < 'old'", False),
        ("info.groups[9]", None),
        ("number(race)", None),
        ("'a' not in gone", True),
    ],
)
def test_meaning(text, value):
    assert parse_expression(text)({**DOC, "doc": DOC, "sample": {"acc": 1.0}}) == value


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "race.upper()",
        "[x for x in info.groups]",
        "lambda: 1",
        "(y := 3)",
        "f'{race}'",
        "x ** 999",
        "x << 999",
        "lower(race, race)",
        "lower(*info)",
        "race is None",
        "{'a': 1}",
        "b'a'",
        "1j",
        "...",
        "await race",
        "",
        "x +",
        "a" * 501,
        "(" * 400,
    ],
)
def test_what_is_no_expression_of_ours_is_refused(text):
    with pytest.raises(LorafairError):
        parse_expression(text)


def test_a_misspelt_function_is_named():
    with pytest.raises(LorafairError, match="Did you mean 'lower'"):
        parse_expression("lowr(race)")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
NAMED = [
    "a",
    "b.c",
    "a[0]",
    "b['a']",
    "lower(a)",
    "number(b)",
    "length(a)",
    "abs(a)",
    "text(b)",
    "-a",
    "not a",
    "[a, b]",
]


@settings(max_examples=300, deadline=None)
@given(
    VALUES,
    VALUES,
    st.sampled_from(NAMED),
    st.sampled_from(["+", "-", "*", "/", "<", ">=", "==", "in", "not in", "and", "or"]),
    st.sampled_from(NAMED),
)
def test_no_document_makes_an_expression_fail(a, b, left, sign, right):
    parse_expression(f"({left}) {sign} ({right})")({"a": a, "b": b})


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_arithmetic_is_that_of_python(x, y):
    found = parse_expression("x / y - x * y")({"x": x, "y": y})
    expected = None if y == 0 else x / y - x * y
    assert found == expected or math.isnan(expected)
