"""An objective with a memory: the loss over a threshold that follows the losses."""


class Tail:
    def __init__(self):
        self.threshold = 0.0

    def __call__(self, losses, groups, labels):
        self.threshold = 0.9 * self.threshold + 0.1 * float(losses.detach().mean())
        return (losses - self.threshold).clamp(min=0).mean()

    def state_dict(self):
        return {"threshold": self.threshold}

    def load_state_dict(self, state):
        self.threshold = float(state["threshold"])


def acme_tail(groups, counts):
    """Mean excess over a running mean of the losses."""
    return Tail()
