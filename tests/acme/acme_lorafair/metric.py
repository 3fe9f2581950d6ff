"""A metric in plain numpy: the largest value with any weight. Not row-additive, so nothing is merged before it."""

import numpy as np


def acme_best(table, weights, **settings):
    """Largest ``y`` among documents of positive weight, overall and per group; its gap."""

    def best(mask):
        inside = (weights > 0) & mask
        return np.where(inside.any(axis=1), np.where(inside, table.y, -np.inf).max(axis=1), np.nan)

    found = {"overall": best(np.ones(len(table.y), bool))}
    for attribute, member in table.groups.items():
        columns = {name: best(member[:, k]) for k, name in enumerate(table.names[attribute])}
        found |= {f"group:{attribute}={name}": column for name, column in columns.items()}
        both = np.column_stack(list(columns.values()))
        key = "gap" if len(table.groups) == 1 else f"gap:{attribute}"
        found[key] = both.max(axis=1) - both.min(axis=1)
    return found
