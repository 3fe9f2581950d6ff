"""Split documents by whole clusters (templates, pairs), so that no cluster is in both parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from lorafair.errors import LorafairError

Part = Literal["train", "test"]


def split_clusters(clusters: Iterable[str], test_share: float, seed: int) -> dict[str, Part]:
    """Assign each cluster to ``train`` or ``test`` by hashing it with the seed.

    A cluster's part depends on its own name, the share and the seed only: not on the order, and not on which other
    clusters there are, so adding a template moves no other one.  The price is that the share is met on average
    (standard deviation ``sqrt(test_share * (1 - test_share) / n)``), not exactly.

    Args:
        clusters: names of the clusters; repeated names are one cluster.
        test_share: expected share of clusters in the test part, 0 < share < 1.
        seed: the split's own seed (it is not the training seed).

    Returns:
        ``{cluster: "train" | "test"}`` in the order of first appearance.

    Raises:
        LorafairError: if ``test_share`` is not between 0 and 1.
    """
    if not 0 < test_share < 1:
        raise LorafairError(f"test_share is {test_share}; give a share between 0 and 1, e.g. 0.5.")
    parts: dict[str, Part] = {}
    for cluster in clusters:
        digest = hashlib.sha256(f"{seed}\n{cluster}".encode()).digest()
        parts[cluster] = "test" if int.from_bytes(digest[:8], "big") < test_share * 2**64 else "train"
    return parts
