"""Objectives: the papers' formulas, scipy's minimax, fairlearn's reductions, and planted biases that they have to lower."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lorafair.data.membership import Membership
from lorafair.errors import LorafairError
from lorafair.objective import make_objective

NAMES = ("group=a", "group=b")
cross_entropy = torch.nn.functional.cross_entropy


def membership(members, labels=None, names=NAMES):
    members = np.asarray(members, bool)
    return Membership(names, members, None if labels is None else np.asarray(labels), (0, 1))


def start(name, who, **options):
    return make_objective(name, options, who, "planted")


def fit(objective, x, y, who, seed, steps=400, batch=64, rate=0.05):
    """A logistic regression under an objective: mini-batches, Adam, the mean of the second half of the iterates."""
    generator = torch.Generator().manual_seed(seed)
    model = torch.zeros(x.shape[1], 2, requires_grad=True)
    optimizer = torch.optim.Adam([model], lr=rate)
    total = torch.zeros_like(model)
    inside = torch.tensor(who.members)
    for step in range(steps):
        rows = torch.randint(len(x), (batch,), generator=generator)
        loss = objective(cross_entropy(x[rows] @ model, y[rows], reduction="none"), inside[rows], y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= steps // 2:
            total += model.detach()
    return total / (steps - steps // 2)


def plant_minority(seed, n=4000, share=0.1):
    """Labels follow x1 in group a, and mostly x2 in the small group b: one straight line cannot serve both."""
    rng = np.random.default_rng(seed)
    small = rng.random(n) < share
    x = rng.normal(size=(n, 2))
    score = np.where(small, -0.5 * x[:, 0] + 2 * x[:, 1], 2 * x[:, 0])
    y = (score + 0.5 * rng.normal(size=n) > 0).astype(np.int64)
    who = membership(np.column_stack([~small, small]), y)
    return torch.tensor(np.column_stack([x, np.ones(n)]), dtype=torch.float32), torch.tensor(y), who


def measure_gap(model, x, y, who):
    losses = cross_entropy(x @ model, y, reduction="none").numpy()
    return float(losses[who.members[:, 1]].mean() - losses[who.members[:, 0]].mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("name", "options"), [("group_dro", {"step_size": 0.05}), ("fairlora", {"weight": 5.0})])
def test_a_planted_gap_of_losses_is_lowered(name, options, seed):
    x, y, who = plant_minority(seed)
    fresh = plant_minority(seed + 100)
    plain = measure_gap(fit(start("mean", who), x, y, who, seed), *fresh)
    fair = measure_gap(fit(start(name, who, **options), x, y, who, seed), *fresh)
    assert plain > 0.4
    assert abs(fair) < plain / 3


def plant_selection(seed, n=4000):
    """Labels come with the group (70% against 30%), and a feature tells the group: predictions inherit the difference."""
    rng = np.random.default_rng(seed)
    small = rng.random(n) < 0.4
    y = (rng.random(n) < np.where(small, 0.3, 0.7)).astype(np.int64)
    x = np.column_stack([y + rng.normal(size=n), small + 0.3 * rng.normal(size=n), np.ones(n)])
    who = membership(np.column_stack([~small, small]), y)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(y), who


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_reweighing_lowers_a_planted_difference_of_predictions(seed):
    from fairlearn.metrics import demographic_parity_difference as difference

    x, y, who = plant_selection(seed)
    fresh, truth, whose = plant_selection(seed + 100)
    gaps = []
    for name in ("mean", "reweighing"):
        said = (fresh @ fit(start(name, who), x, y, who, seed)).argmax(dim=1)
        gaps.append(difference(truth, said, sensitive_features=whose.members[:, 1]))
    assert gaps[0] > 0.45
    assert gaps[1] < gaps[0] - 0.15  # the labels of fresh people differ by 0.4; nothing may be added to that


def test_weights_are_those_of_the_paper():
    """Kamiran and Calders 2012, their ten applicants: five women (2 hired), five men (4 hired)."""
    from lorafair.plugins.objectives.reweighing import reweighing

    women = np.array([1] * 5 + [0] * 5, bool)
    hired = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0])
    members = np.column_stack([women, ~women])
    weigh = reweighing(("sex=f", "sex=m"), None, members=members, labels=hired)
    weights = weigh.find_weights(members, hired)
    expected = {(True, 1): 1.5, (True, 0): 2 / 3, (False, 1): 0.75, (False, 0): 2.0}
    assert weights == pytest.approx([expected[bool(w), int(h)] for w, h in zip(women, hired, strict=True)])
    losses = torch.arange(10.0, requires_grad=True)
    loss = weigh(losses, torch.tensor(members), torch.tensor(hired))
    assert float(loss) == pytest.approx(float((weights * np.arange(10)).mean()))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 2)), min_size=1, max_size=60))
def test_under_the_weights_labels_are_independent_of_every_set_of_groups(rows):
    """Whichever groups overlap: with all sets and labels there, every group has the labels of everybody."""
    from lorafair.plugins.objectives.reweighing import reweighing

    every = [(a, b, y) for a in (False, True) for b in (False, True) for y in range(3)]
    table = np.array([*rows, *every], dtype=int)
    members, labels = table[:, :2].astype(bool), table[:, 2]
    weights = reweighing(NAMES, None, members=members, labels=labels).find_weights(members, labels)
    assert weights.mean() == pytest.approx(1.0)
    shares = np.bincount(labels, minlength=3) / len(labels)
    for group in (members[:, 0], members[:, 1], ~members.any(axis=1)):
        told = np.bincount(labels[group], weights[group], minlength=3) / weights[group].sum()
        assert told == pytest.approx(shares)


def descend(objective, loss_of, width, who, steps, rate=0.1):
    """Gradient descent on all data; the mean of the last half of the iterates."""
    model = torch.zeros(width, dtype=torch.float64, requires_grad=True)
    total, inside = torch.zeros(width, dtype=torch.float64), torch.tensor(who.members)
    for step in range(steps):
        loss = objective(loss_of(model), inside, None)
        (gradient,) = torch.autograd.grad(loss, model)
        with torch.no_grad():
            model -= rate * gradient
            total += model * (step >= steps // 2)
    return total / (steps - steps // 2)


def test_group_dro_reaches_the_minimax_that_scipy_finds():
    """Logistic regression, three groups that overlap and people in none: min over w of the highest mean loss."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(3)
    x, n = rng.normal(size=(300, 3)), 300
    members = rng.random((n, 3)) < (0.6, 0.25, 0.1)
    tilt = members @ np.array([[2.0, 0, 0], [-1.0, 2, 0], [0, -2, 1.0]])
    sign = np.where((x * tilt).sum(1) + 0.7 * x[:, 2] + 0.3 * rng.normal(size=n) > 0, 1.0, -1.0)
    cells = np.column_stack([members, ~members.any(axis=1)])

    def means(w):
        losses = np.logaddexp(0, -sign * (x @ w))
        return np.array([losses[cell].mean() for cell in cells.T])

    bound = {"type": "ineq", "fun": lambda v: v[3] - means(v[:3])}
    best = minimize(lambda v: v[3], np.append(np.zeros(3), 2.0), constraints=[bound], options={"maxiter": 500})
    assert best.success
    who = membership(members, names=("g=a", "g=b", "g=c"))
    points, signs = torch.tensor(x), torch.tensor(sign)
    objective = start("group_dro", who, step_size=0.05)
    found = descend(objective, lambda w: torch.nn.functional.softplus(-signs * (points @ w)), 3, who, 4000)
    plain = descend(start("mean", who), lambda w: torch.nn.functional.softplus(-signs * (points @ w)), 3, who, 1000)
    assert means(found.numpy()).max() == pytest.approx(best.fun, abs=2e-3)
    assert means(plain.numpy()).max() > best.fun + 0.03
    # the dual of the minimax: the weights of the groups are the multipliers of their bounds
    assert list(objective.describe()["weights"].values()) == pytest.approx(best.multipliers, abs=0.03)


@pytest.mark.filterwarnings("ignore")  # fairlearn and pandas
def test_group_dro_agrees_with_fairlearn_on_bounded_group_loss():
    """Least squares: where fairlearn's reduction bounds each group's loss by our minimax, it ends there too."""
    from fairlearn.reductions import BoundedGroupLoss, ExponentiatedGradient, SquareLoss
    from sklearn.linear_model import LinearRegression

    rng = np.random.default_rng(5)
    small = rng.random(600) < 0.15
    x = rng.normal(size=(600, 2))
    y = np.where(small, 0.2 + 0.05 * x[:, 0], 0.8 + 0.1 * x[:, 1]) + 0.02 * rng.normal(size=600)
    features = np.column_stack([x, np.ones(600)])
    who = membership(np.column_stack([~small, small]))
    points, truth = torch.tensor(features), torch.tensor(y)
    objective = start("group_dro", who, step_size=0.5)
    found = descend(objective, lambda w: (points @ w - truth) ** 2, 3, who, 3000).numpy()

    def worst(said):
        return max(float(((said - y)[group] ** 2).mean()) for group in (small, ~small))

    ours = worst(features @ found)
    reduction = ExponentiatedGradient(
        LinearRegression(fit_intercept=False), BoundedGroupLoss(SquareLoss(-1, 2), upper_bound=ours), eps=0.005
    )
    reduction.fit(features, y, sensitive_features=small)
    said = np.stack([each.predict(features) for each in reduction.predictors_], axis=1) @ reduction.weights_
    unaware = worst(LinearRegression(fit_intercept=False).fit(features, y).predict(features))
    assert unaware > ours + 0.05
    assert worst(said) == pytest.approx(ours, abs=0.01)


def test_group_weights_follow_algorithm_1_where_a_batch_holds_each_group_in_its_share():
    members = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], bool)
    objective = start("group_dro", membership(members), step_size=0.5, adjustment=2.0, least=1)
    losses = torch.tensor([1.0, 2.0, 3.0, 4.0])
    q = np.full(2, 0.5)
    for _ in range(3):
        means = np.array([2.0, 4.0])
        q = q * np.exp(0.5 * (means + 2.0 / np.sqrt([3, 1])))
        q /= q.sum()
        assert float(objective(losses, torch.tensor(members), None)) == pytest.approx(float(q @ means), rel=1e-6)


def test_the_estimate_is_unbiased_although_batches_lack_the_small_group():
    rng = np.random.default_rng(0)
    small = np.arange(200) < 6
    who = membership(np.column_stack([~small, small]))
    losses, inside = torch.tensor(rng.normal(2, 1, 200)), torch.tensor(who.members)
    objective = start("group_dro", who, step_size=0.0)
    found = [
        float(objective(losses[rows], inside[rows], None)) for rows in torch.tensor(rng.integers(0, 200, (8000, 8)))
    ]
    truth = np.mean([float(losses[inside[:, k]].mean()) for k in (0, 1)])
    assert np.mean(found) == pytest.approx(truth, abs=4 * np.std(found) / np.sqrt(len(found)))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_the_penalty_is_the_variance_of_the_groups_that_are_there(data):
    n = data.draw(st.integers(1, 12))
    members = np.array(data.draw(st.lists(st.tuples(*[st.booleans()] * 3), min_size=n, max_size=n)), bool)
    losses = np.array(data.draw(st.lists(st.floats(0, 9), min_size=n, max_size=n)))
    everybody = membership(np.ones((4, 3)), names=("g=a", "g=b", "g=c"))
    found = start("fairlora", everybody, weight=0.7)(torch.tensor(losses), torch.tensor(members), None)
    means = [losses[cell].mean() for cell in members.T if cell.any()]
    expected = losses.mean() + 0.7 * (np.var(means) if means else 0.0)
    assert float(found) == pytest.approx(expected, abs=1e-9)


def test_labels_can_be_groups():
    members = [[1, 0], [1, 0], [0, 1], [0, 1]]
    who = membership(members, [0, 1, 0, 1])
    losses, inside, labels = torch.tensor([1.0, 2.0, 3.0, 6.0]), torch.tensor(who.members), torch.tensor(who.labels)
    assert float(start("fairlora", who, over="labels")(losses, inside, labels)) == 3.0 + 1.0
    cells = start("group_dro", who, by_label=True, least=1, step_size=1.0)
    q = np.exp([1.0, 2, 3, 6]) / np.exp([1.0, 2, 3, 6]).sum()
    assert float(cells(losses, inside, labels)) == pytest.approx(float(q @ [1, 2, 3, 6]), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "members", "labels", "options", "message"),
    [
        ("group_dro", np.zeros((4, 0)), None, {}, "rows name no groups"),
        ("group_dro", [[1, 0], [1, 0], [0, 1]], None, {}, "group=b has 1 example: .*noise"),
        ("group_dro", [[1, 0], [0, 1]], None, {"least": 1, "step_size": -1}, "step_size is -1"),
        ("group_dro", [[1, 0], [0, 1]], None, {"attribute": "grup"}, "no attribute 'grup'. Did you mean 'group'"),
        ("group_dro", [[1, 0], [0, 1]], None, {"by_label": True, "least": 1}, "no labels, which by_label needs"),
        ("reweighing", [[1, 0], [0, 1]], None, {}, "no labels, which the weights are made from"),
        ("fairlora", [[1, 0], [0, 1]], None, {"least": 1, "over": "tasks"}, "not groups or labels"),
        ("fairlora", [[1, 0], [0, 1]], None, {"weight": -1.0}, "weight is -1.0"),
    ],
)
def test_data_that_do_not_fit_are_told(name, members, labels, options, message):
    members = np.asarray(members, bool)
    who = membership(members, labels, NAMES[: members.shape[1]])
    with pytest.raises(LorafairError, match=f"--objective {name} does not fit the data planted: [^\0]*{message}"):
        start(name, who, **options)
