"""The shipped recipes: every one is valid and can be planned without a network, the commands show and copy them."""

import re

import pytest
from click.testing import CliRunner
from lorafair.cli.main import cli

from lorafair.audit.schema import read_schema
from lorafair.audit.shipped import list_recipes, open_recipe

NAMES = list(list_recipes())
PAPERS = ["das2024-honest", "das2024-classification", "ding2024-hatespeech", "ding2024-utkface", "ding2024-winomt"]
EXPECTED = [*PAPERS, "ding2024-membership", "ding2024-yelp", "rank-or-undertraining"]


def call(*arguments, code=0):
    result = CliRunner().invoke(cli, [*map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_every_paper_has_a_recipe_and_a_small_one():
    assert sorted(NAMES) == sorted([*EXPECTED, *(f"{name}-small" for name in EXPECTED)])


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_is_valid_and_can_be_planned_offline(name, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("lorafair.audit.outline.measure_rate", lambda: 5e10)
    recipe = read_schema(open_recipe(name))
    assert recipe.name == name
    assert recipe.title
    assert recipe.statistics.primary
    if not name.endswith("-small"):
        assert any("[?]" in note or "paper" in note for note in recipe.notes)
    said = call("audit", name, "--dry-run", "--out", tmp_path / "out")
    assert re.search(r"^Training: \d+ runs", said, re.MULTILINE)
    assert "Claims, fixed before the first answer:" in said
    assert not (tmp_path / "out").exists()  # nothing is done


def test_list_show_and_copy(tmp_path):
    assert all(re.search(rf"^{name}  +\S", call("recipe", "list"), re.MULTILINE) for name in NAMES)
    text = call("recipe", "show", "das2024-honest-small")
    assert text == list_recipes()["das2024-honest-small"]
    path = tmp_path / "mine.yaml"
    assert "--dry-run" in call("recipe", "copy", "das2024-honest-small", path)
    assert path.read_text("utf-8") == text
    assert "is there already" in call("recipe", "copy", "das2024-honest-small", path, code=2)
    assert "Did you mean 'das2024-honest" in call("recipe", "show", "das2024-honst", code=2)
    assert "Did you mean 'das2024-honest" in call("audit", "das2024-honst", code=2)
    assert "cannot be read" in call("audit", tmp_path / "none.yaml", code=2)
