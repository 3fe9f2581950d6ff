"""The composition of training data: shares that hold, no row twice, and what cannot be had is said."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lorafair.data.composition import compose_data
from lorafair.data.pairs import Pairs, load_pairs
from lorafair.errors import LorafairError


def make(counts, both=0):
    names = [name for name, n in counts.items() for _ in range(n)]
    rows = [{"id": str(i), "groups": {"gender": [n]} if n else {}} for i, n in enumerate(names)]
    rows += [{"id": f"b{i}", "groups": {"gender": ["female", "male"]}} for i in range(both)]
    return Pairs("made", rows, {"sha256": "before", "planted": {"rate": 1}})


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 30), st.floats(0.05, 0.9), st.integers(0, 5))
def test_the_shares_hold_to_a_row_and_nothing_is_doubled(women, men, others, share, seed):
    data = make({"female": women, "male": men, None: others})
    shares = {"gender=female": share, "male": (1 - share) if seed % 2 else (1 - share) / 2}
    rest = 1 - sum(shares.values())
    found, said = None, ""
    try:
        found = compose_data(data, shares, seed=seed)
    except LorafairError as error:
        said = str(error)
    assert (found is None) == ("too few rows" in said)
    if found is None:
        return
    ids = [row["id"] for row in found.rows]
    assert len(set(ids)) == len(ids)
    assert [row["id"] for row in data.rows if row["id"] in set(ids)] == ids  # in their order
    counts = {
        "gender=female": sum("female" in row["groups"].get("gender", []) for row in found.rows),
        "male": sum("male" in row["groups"].get("gender", []) for row in found.rows),
    }
    assert all(abs(n - shares[name] * len(ids)) <= 1 for name, n in counts.items())
    assert (len(ids) - sum(counts.values()) > 0) == (rest > 1e-9)
    assert found.provenance["composition"]["rows"]["gender=female"] == counts["gender=female"]
    assert found.provenance["planted"] == {"rate": 1}  # a planted bias stays told
    assert found.provenance["sha256"] != "before"
    assert compose_data(data, shares, seed=seed).provenance == found.provenance


@given(st.integers(20, 60), st.integers(20, 60), st.floats(0.2, 0.8))
def test_compositions_of_equal_size_can_be_compared(women, men, share):
    data = make({"female": women, "male": men})
    assume(20 * share >= 1)
    assert len(compose_data(data, {"female": share, "male": 1 - share}, rows=20).rows) == 20


@pytest.mark.parametrize(
    ("shares", "rows", "both", "message"),
    [
        ({"femal": 0.5}, None, 0, "Did you mean"),
        ({"female": 0.7, "male": 0.7}, None, 0, "sum to 1.4"),
        ({"female": 0, "male": 1}, None, 0, "is no share"),
        ({"female": 0.9, "male": 0.1}, 30, 0, "female: 10 rows, 27 needed. At most 11 rows have these shares."),
        ({"female": 0.5, "male": 0.5}, None, 2, "2 rows of made are in two of its groups"),
    ],
)
def test_what_cannot_be_composed_is_said(shares, rows, both, message):
    with pytest.raises(LorafairError) as caught:
        compose_data(make({"female": 10, "male": 10}, both), shares, rows=rows)
    assert message in str(caught.value)


def test_real_pairs_keep_their_kind_and_tokenise_anew():
    data = load_pairs("honest_sample_pairs")
    assert compose_data(data, None) is data
    names = sorted({(a, n) for row in data.rows for a, each in row["groups"].items() for n in each})
    (attribute, first), (_, second) = [name for name in names if name[0] == names[0][0]][:2]
    found = compose_data(data, {f"{attribute}={first}": 0.75, f"{attribute}={second}": 0.25}, rows=40)
    assert isinstance(found, Pairs)
    assert len(found.rows) == 40
    assert found._done is not data._done
