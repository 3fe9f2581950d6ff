"""The pages on plugins say what the contracts say."""

from pathlib import Path

import pytest

from lorafair.plugin_contract import CONTRACTS
from lorafair.registry import KINDS
from lorafair.scaffold.distribution import NEW_KINDS, render_distribution

DOCS = Path(__file__).parents[1] / "docs"
INDEX = (DOCS / "plugins.md").read_text(encoding="utf-8")


def flatten(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def test_every_kind_has_a_page_and_every_page_a_kind():
    pages = {path.stem for path in (DOCS / "plugins").glob("*.md")}
    assert pages == set(NEW_KINDS) == set(KINDS) - {"model", "group"}
    for kind in pages:
        assert f"| [{kind}](plugins/{kind}.md) |" in INDEX
        assert f"`lorafair.{kind}s`" in INDEX


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_page_states_the_contract(kind):
    page, contract = flatten((DOCS / "plugins" / f"{kind}.md").read_text(encoding="utf-8")), CONTRACTS[kind]
    call = contract.writes if kind == "task" else contract.call
    assert f"**Contract.** {flatten(call)} → {flatten(contract.returns)}" in page
    for field in contract.fields:
        assert f"| {field} |" in page
    assert f"lorafair plugins new {kind} NAME" in page


@pytest.mark.parametrize("kind", NEW_KINDS)
def test_what_is_written_keeps_the_contract(kind):
    """The parameters that the templates name are those of the contract; the check itself runs them."""
    code = render_distribution(kind, "mine")[f"lorafair_mine/{kind}.py"]
    if kind not in ("task", "engine"):
        assert f"def mine({', '.join(CONTRACTS[kind].positional)}" in code
