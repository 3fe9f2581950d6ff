import pytest
from hypothesis import given
from hypothesis import strategies as st

from lorafair.data.split import split_clusters
from lorafair.errors import LorafairError

names = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)


@given(names, st.floats(0.01, 0.99), st.integers(0, 2**40), st.randoms())
def test_a_cluster_keeps_its_part_whatever_the_order_and_the_company(clusters, share, seed, random):
    whole = split_clusters(clusters, share, seed)
    shuffled = random.sample(clusters, len(clusters))
    assert split_clusters(shuffled, share, seed) == whole
    assert split_clusters(clusters[::2] * 2, share, seed) == {c: whole[c] for c in clusters[::2]}


def test_the_share_is_met_on_average_and_the_seed_matters():
    clusters = [f"c{i}" for i in range(4000)]
    first, second = (split_clusters(clusters, 0.3, seed) for seed in (1, 2))
    assert abs(sum(part == "test" for part in first.values()) / 4000 - 0.3) < 4 * (0.21 / 4000) ** 0.5
    assert first != second


def test_the_parts_are_pinned_across_platforms_and_versions():
    assert split_clusters(["t001", "t002", "t003", "t007"], 0.55, 1873) == {
        "t001": "train",
        "t002": "test",
        "t003": "test",
        "t007": "train",
    }


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_outside_0_and_1_is_refused(share):
    with pytest.raises(LorafairError, match="between 0 and 1"):
        split_clusters(["a"], share, 1)
