"""docs/plugins.md and its pages: every block is run as it stands, in an empty folder, with the wheel alone."""

import re
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.package
DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "plugins.md", *sorted((DOCS / "plugins").glob("*.md"))]
NEEDS_NETWORK = "lorafair models pull smollm2-135m"  # the one command that is not run: the folder it makes is there
FENCE = re.compile(r"^```(\S*)(?: file=(\S+))?\n(.*?)^```$", re.M | re.S)


def read_blocks(page: Path) -> list[tuple[str, str, str]]:
    """(language, file or "", text) of every fenced block."""
    text = page.read_text(encoding="utf-8")
    blocks = [(language, file, body) for language, file, body in FENCE.findall(text)]
    assert len(blocks) * 2 == len(re.findall(r"^\s*```", text, re.M)), "a fence that is not read"
    return blocks


def read_commands(body: str) -> list[tuple[str, str]]:
    """(command, what it is shown to print) of a console block."""
    parts = re.split(r"^\$ (.*)\n", body, flags=re.M)
    assert parts[0] == "", "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def shows(expected: str, printed: str) -> bool:
    """Whether the expected lines stand in what was printed, in one piece but for what `…` leaves out."""
    pieces = [re.escape(" ".join(piece.split())).replace(r"\ ", r"\s+") for piece in expected.split("…")]
    return re.search(r".*?".join(piece and rf"\s*{piece}\s*" for piece in pieces), printed, re.S) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_runs_as_it_stands(page, shell, tiny_base):
    shutil.copytree(tiny_base, shell.folder / "models" / "smollm2-135m")
    ran = 0
    for language, file, body in read_blocks(page):
        if file:
            path = shell.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body, encoding="utf-8")
            continue
        assert language == "console", f"{page.name} has a block that nothing runs:\n{body}"
        for command, expected in read_commands(body):
            if command == NEEDS_NETWORK:
                continue
            printed = shell(command)
            print(f"$ {command}\n{printed}")
            assert shows(expected, printed), f"{command}\nprinted\n{printed}\nand not\n{expected}"
            ran += 1
    assert ran >= 2


def test_a_block_that_shows_something_else_is_found():
    assert shows("wrote a\n…\ndone", "first\nwrote a\nwrote b\ndone\n")
    assert not shows("wrote a\n…\ndone", "wrote b\ndone\n")
    assert not shows("3 ok, 0 with faults", "2 ok, 1 with faults")


def test_pages_link_to_one_another():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+\.md)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).is_file(), (page, target)
