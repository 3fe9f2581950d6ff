"""A stranger's distribution, as pip would leave it: its metadata, its entry points and its modules."""

from __future__ import annotations

import sys

import pytest

from lorafair.registry import load_registry


class Stranger:
    """A folder on the import path that distributions are put into."""

    def __init__(self, folder):
        self.folder = folder
        self.modules: set[str] = set()

    def install(self, points, files, name="acme-fair", version="2.0"):
        """Write ``files`` (path to text) and the metadata; ``points`` is the text of entry_points.txt."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: from {name}\n"
        (info / "METADATA").write_text(metadata, encoding="utf-8")
        (info / "entry_points.txt").write_text(points, encoding="utf-8")
        for path, text in files.items():
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text, encoding="utf-8")
            self.modules.add(path.removesuffix(".py").split("/")[0])
        self.forget()

    def forget(self):
        """Let the registry and the import system look again."""
        load_registry.cache_clear()
        for module in [m for m in sys.modules if m.split(".")[0] in self.modules]:
            del sys.modules[module]


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Nothing is installed yet; at the end nothing is left."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    found = Stranger(folder)
    yield found
    monkeypatch.undo()
    found.forget()
