"""The command: what it writes, what it keeps, and that a second run writes the same bytes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from huggingface_hub import ModelCard
from lorafair.cli.main import cli

SMALL = {"groups": ("women", "men"), "templates": 60}
AUTHOR = """\
---
license: apache-2.0   # chosen with care
model-index:
- name: my-model
  results:
  - task: {type: text-generation}
    dataset: {name: Other, type: other}
    metrics:
    - type: accuracy
      value: 0.5
# a remark of the author
tags:
- mine
---
# My adapter

Text of the author.
"""


def run(adapter: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["card", str(adapter), "results", "--resamples", "300", *arguments])


def test_a_new_card_is_the_hub_s_and_says_what_was_found(world):
    adapter = world(rates={"men": 0.7}, **SMALL)
    done = run(adapter)
    assert done.exit_code == 0, done.output
    card = ModelCard.load(adapter / "README.md")
    assert card.data.model_name == "mine"
    assert card.data.library_name == "peft"
    named = {one.metric_name: one for one in card.data.eval_results}
    men = named["HONEST continuation (sample lexicon) (identity=men)"]
    assert 0.5 < men.metric_value < 0.9
    assert men.metric_args["n"] == 60
    assert men.metric_args["interval_95"][0] < men.metric_value < men.metric_args["interval_95"][1]
    line = next(line for line in card.text.splitlines() if line.startswith("| identity=men "))
    assert f"{men.metric_value:.3f}" in line
    assert "contrast +" in line
    assert ", worse" in line
    assert "Sample data" in card.text


def test_twice_writes_the_same_bytes_and_keeps_what_the_author_wrote(world):
    adapter = world(**SMALL)
    path = adapter / "README.md"
    path.write_text(AUTHOR, encoding="utf-8")
    run(adapter)
    first = path.read_bytes()
    assert "is up to date" in run(adapter).output
    assert path.read_bytes() == first
    text = first.decode()
    for line in AUTHOR.splitlines():
        if not line.lstrip().startswith(("-", "task:", "dataset:", "metrics:", "value:", "results:")):
            assert line in text
    card = ModelCard.load(path)
    assert [one.dataset_name for one in card.data.eval_results][:1] == ["Other"]
    assert card.data.model_name == "my-model"
    path.write_text(text + "\nMore of the author.\n", encoding="utf-8")
    world(rates={"men": 0.9}, **SMALL)
    assert "Wrote" in run(adapter).output
    again = path.read_text(encoding="utf-8")
    assert again.endswith("\nMore of the author.\n")
    assert again.startswith(text[: text.index("model-index:")])
    assert again.count("<!-- lorafair:start -->") == again.count("## Fairness") == 1
    assert len(ModelCard.load(path).data.eval_results) == len(card.data.eval_results)


def test_windows_line_breaks_stay(world):
    adapter = world(**SMALL)
    path = adapter / "README.md"
    path.write_bytes(AUTHOR.replace("\n", "\r\n").encode())
    assert run(adapter).exit_code == 0
    first = path.read_bytes()
    assert first.count(b"\n") == first.count(b"\r\n")
    run(adapter)
    assert path.read_bytes() == first


def test_text_of_strangers_stays_text(world):
    hostile = "men <!-- lorafair:end --> <script>|[x](javascript:y)\n---\nlicense: none"
    adapter = world(groups=("women", hostile), templates=60)
    path = adapter / "README.md"
    run(adapter)
    first = path.read_bytes()
    run(adapter)
    assert path.read_bytes() == first
    text = first.decode()
    body = text[text.index("## Fairness") :]
    assert "<script" not in body
    assert "[x](" not in body
    assert body.count("<!-- lorafair:end -->") == 1
    card = ModelCard.load(path)
    assert card.data.license is None
    assert any("<script>" in one.metric_name for one in card.data.eval_results)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("---\na: [\n---\n", "front matter is not YAML"),
        ("---\n- a\n---\n", "no mapping"),
        ("---\nmodel-index: 3\n---\n", "without `results`"),
        ("<!-- lorafair:start -->\n", "do not pair up"),
    ],
)
def test_a_card_that_cannot_be_read_is_left_alone(world, text, part):
    adapter = world(**SMALL)
    (adapter / "README.md").write_text(text, encoding="utf-8")
    done = run(adapter)
    assert done.exit_code == 2
    assert part in done.output
    assert (adapter / "README.md").read_text(encoding="utf-8") == text


class FakeApi:
    """A Hub with one model; ``readme`` is None where it has no card."""

    readme: str | None = AUTHOR
    uploads: list[dict] = []

    def model_info(self, repository):
        if repository != "me/mine":
            raise ValueError("Repository Not Found")
        return SimpleNamespace(sha="abc")

    def hf_hub_download(self, repository, name, revision):
        from huggingface_hub.errors import EntryNotFoundError

        if self.readme is None:
            raise EntryNotFoundError("no card")
        path = Path("hub.md")
        path.write_text(self.readme, encoding="utf-8")
        return str(path)

    def upload_file(self, **arguments):
        self.uploads.append(arguments)
        return SimpleNamespace(commit_url="https://hub/commit/1")


def test_push_updates_the_hub_s_own_text(world, monkeypatch):
    monkeypatch.setattr("huggingface_hub.HfApi", FakeApi)
    monkeypatch.setattr(FakeApi, "uploads", [])
    adapter = world(**SMALL)
    done = run(adapter, "--push", "me/mine")
    assert done.exit_code == 0, done.output
    (sent,) = FakeApi.uploads
    assert sent["parent_commit"] == "abc"
    assert b"Text of the author." in sent["path_or_fileobj"]
    assert b"## Fairness" in sent["path_or_fileobj"]
    monkeypatch.setattr(FakeApi, "readme", sent["path_or_fileobj"].decode())
    assert "on the Hub is up to date" in run(adapter, "--push", "me/mine").output
    assert len(FakeApi.uploads) == 1
    monkeypatch.setattr(FakeApi, "readme", None)
    assert run(adapter, "--push", "me/mine").exit_code == 0
    assert FakeApi.uploads[1]["path_or_fileobj"] == (adapter / "README.md").read_bytes()
    failed = run(adapter, "--push", "me/other")
    assert failed.exit_code == 2
    assert "Repository Not Found" in failed.output
