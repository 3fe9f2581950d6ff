"""Provenance: hashes that depend on content only, versions without imports, the record's own schema."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from lorafair.errors import LorafairError
from lorafair.provenance import collect_provenance, hash_file, hash_folder
from lorafair.records import Provenance


def test_hash_file_is_sha256_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"fair\r\n\xff")
    assert hash_file(tmp_path / "a") == hashlib.sha256(b"fair\r\n\xff").hexdigest()
    with pytest.raises(LorafairError, match="missing"):
        hash_file(tmp_path / "missing")


def test_hash_folder_depends_on_names_and_content_only(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, order in ((one, "ab"), (two, "ba")):
        folder.mkdir()
        for name in order:
            (folder / f"{name}.safetensors").write_text(name, encoding="utf-8")
    (two / "README.md").write_text("not matched", encoding="utf-8")
    os.utime(two / "a.safetensors", (0, 0))
    same = hash_folder(one, "*.safetensors")
    assert hash_folder(two, "*.safetensors") == same
    (two / "a.safetensors").write_text("A", encoding="utf-8")
    assert hash_folder(two, "*.safetensors") != same
    (two / "a.safetensors").write_text("a", encoding="utf-8")
    (two / "a.safetensors").rename(two / "c.safetensors")
    assert hash_folder(two, "*.safetensors") != same
    with pytest.raises(LorafairError, match="no file that matches"):
        hash_folder(one, "*.bin")


def test_a_record_survives_the_disk_and_names_what_ran():
    record = collect_provenance(
        "checkpoint", seeds={"training": 13}, data={"pairs": {"rows": 2}}, settings={"lr": 1e-4}
    )
    again = Provenance.model_validate(json.loads(record.model_dump_json()))
    assert again == record
    assert {"python", "lorafair", "torch"} <= set(record.versions)
    assert record.seeds == {"training": 13}
    assert os.sep not in record.command[0]


def test_collecting_imports_nothing_heavy():
    code = (
        "import sys; from lorafair.provenance import collect_provenance as c;"
        "c('rows', seeds={}, data={}, settings={});"
        "print([m for m in ('torch', 'transformers', 'peft', 'vllm', 'lm_eval') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
