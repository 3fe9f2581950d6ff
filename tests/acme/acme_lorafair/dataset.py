"""Training pairs made by a generator."""


def acme_pairs():
    """Six pairs, three for each of two groups."""
    for group, person in (("men", "He"), ("women", "She")):
        for job in ("nurse", "pilot", "cook"):
            yield {"prompt": f"{person} is a", "completion": f" {job}.", "groups": {"gender": [group]}, "cluster": job}
