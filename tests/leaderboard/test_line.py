"""The order of a leaderboard's lines."""

from __future__ import annotations

from lorafair.leaderboard.line import split_numbers


def test_labels_sort_by_their_numbers() -> None:
    labels = ["lora-r8-lr0.001", "lora-r16-lr0.0002", "lora-r8-lr5e-05", "lora-r8-lr0.0002", "lora-r8", "7", "lora-r8b"]
    ordered = [
        "7",
        "lora-r8",
        "lora-r8-lr5e-05",
        "lora-r8-lr0.0002",
        "lora-r8-lr0.001",
        "lora-r8b",
        "lora-r16-lr0.0002",
    ]
    assert sorted(labels, key=split_numbers) == ordered
    assert split_numbers("a10b2e3c") == ("a", 10.0, "b", 2.0, "e", 3.0, "c")
