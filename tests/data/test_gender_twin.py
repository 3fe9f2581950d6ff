"""Counterfactual data augmentation: twins of pairs and texts, their groups, and what is refused and counted."""

from __future__ import annotations

import pytest

from lorafair.data.gender_twin import add_twins, augment_data, swap_groups
from lorafair.data.pairs import Pairs, load_pairs
from lorafair.errors import LorafairError


def make(*rows):
    full = [{"id": str(i), "groups": {}, "cluster": str(i), **row} for i, row in enumerate(rows)]
    return Pairs("mine", full, {"sha256": "x", "rows": len(full)})


def test_prompt_and_completion_are_swapped_together_and_parted_where_they_were():
    rows = [
        {"prompt": "The woman said that her mother", "completion": " is proud of her."},
        {"prompt": "He is an", "completion": " actor and his wife is a queen."},
        {"prompt": "The wo", "completion": "man laughs."},
        {"prompt": "The cat", "completion": " sleeps."},
        {"prompt": "My friend was", "completion": " pregnant."},
    ]
    said = []
    data = augment_data("cda", make(*rows), said.append)
    twins = [(row["prompt"], row["completion"]) for row in data.rows if row["id"].endswith("-twin")]
    assert twins == [
        ("The man said that his father", " is proud of him."),
        ("She is an", " actress and her husband is a king."),
    ]
    facts = data.provenance["augment"]
    assert (facts["added"], facts["no_gender"]) == (2, 1)
    assert facts["refused"] == {"bound_to_gender": 1, "over_boundary": 1}
    assert said[0].startswith("cda: 2 twins added to 5 rows; 1 tell no gender; 2 refused (")
    assert len(data.rows) == data.provenance["rows"] == 7
    assert data.provenance["sha256"] != "x"


def test_a_twin_keeps_label_and_cluster_and_changes_its_groups():
    row = {
        "id": "a",
        "text": "She plays.",
        "label": "sport",
        "cluster": "c",
        "groups": {"gender": ["female"], "age": ["old"]},
    }
    ((_, twin, _),) = add_twins([row])
    assert twin == {
        "id": "a-twin",
        "text": "He plays.",
        "label": "sport",
        "cluster": "c",
        "groups": {"gender": ["male"], "age": ["old"]},
    }
    assert swap_groups({"sex": ["Women", "F"], "race": "black"}) == {"sex": ["Men", "M"], "race": ["black"]}


def test_the_twin_of_a_twin_is_the_row_itself():
    for row, twin, _ in add_twins(load_pairs("honest_sample_pairs").rows):
        if twin is not None:
            ((_, back, _),) = add_twins([twin])
            assert back is not None
            assert (back["prompt"], back["completion"]) == (row["prompt"], row["completion"])


def test_data_without_a_twin_or_without_text_are_told():
    with pytest.raises(LorafairError, match=r"no row of mine has a twin \(nothing to swap 1\)"):
        augment_data("cda", make({"prompt": "The cat", "completion": " sleeps."}), print)
    with pytest.raises(LorafairError, match="needs texts"):
        augment_data("cda", make({"image": "a.png"}), print)
