"""Files of a data set on the Hugging Face Hub: where they lie in the Hub's own cache, and how they get there.

Only named data files at a revision are ever fetched: no loading script, no code of a repository.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lorafair.errors import LorafairError
from lorafair.registry import Entry

COMMIT = re.compile(r"[0-9a-f]{40}")


def is_pinned(revision: Any) -> bool:
    """Whether a revision is a commit, which nobody can move; a branch or None is not."""
    return isinstance(revision, str) and COMMIT.fullmatch(revision) is not None


def is_on_hub(entry: Entry) -> bool:
    """Whether every file of a data set is declared to lie on the Hub."""
    files = entry.fields.get("files") or {}
    return bool(entry.fields.get("hub") and files and all(facts.get("hub") for facts in files.values()))


def find_cached(entry: Entry) -> dict[str, Path] | None:
    """The files of a data set in the Hub's cache on this machine, or None where one is missing; nothing is imported."""
    if not is_on_hub(entry):
        return None
    folder = _find_cache() / f"datasets--{str(entry.fields['hub']).replace('/', '--')}"
    revision = str(entry.fields.get("revision") or "main")
    if not is_pinned(revision):
        try:
            revision = (folder / "refs" / revision).read_text(encoding="utf-8").strip()
        except OSError:
            return None
    files = {role: folder / "snapshots" / revision / facts["hub"] for role, facts in entry.fields["files"].items()}
    return files if all(path.is_file() for path in files.values()) else None


def _find_cache() -> Path:
    """The folder of the Hub's cache, by the variables that huggingface_hub reads."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{home}/huggingface"
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return Path(os.path.expandvars(named)).expanduser()


def fetch_file(entry: Entry, facts: Mapping[str, Any], remedy: str) -> Path:
    """One file of a data set in the Hub's cache, downloaded if need be.

    Args:
        entry: the data set.
        facts: of the file; ``hub`` is its path in the repository.
        remedy: what a user can do instead, for the message.

    Raises:
        LorafairError: if it cannot be had, naming file, repository, revision and the cause.
    """
    from huggingface_hub import hf_hub_download

    hub, wanted = entry.fields["hub"], entry.fields.get("revision")
    try:
        return Path(hf_hub_download(hub, facts["hub"], repo_type="dataset", revision=wanted))
    except Exception as error:  # the Hub's client raises many kinds; each one's text goes into the message
        raise LorafairError(f"{tell_refusal(entry, facts, error)} {remedy}") from error


def find_address(entry: Entry, facts: Mapping[str, Any]) -> tuple[str, str, dict[str, str]]:
    """(address, ETag, headers) of one file of a data set on the Hub, at the commit that its revision is now.

    Raises:
        LorafairError: where the Hub does not answer, has no such file, or does not give it away.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    hub, wanted = entry.fields["hub"], entry.fields.get("revision")
    try:
        known = get_hf_file_metadata(hf_hub_url(hub, facts["hub"], repo_type="dataset", revision=wanted))
    except Exception as error:
        raise LorafairError(tell_refusal(entry, facts, error)) from error
    url = hf_hub_url(hub, facts["hub"], repo_type="dataset", revision=known.commit_hash or wanted)
    return url, known.etag or "", dict(build_hf_headers())


def tell_refusal(entry: Entry, facts: Mapping[str, Any], error: Exception) -> str:
    """Why a file cannot be had from the Hub, in a sentence, and how to get at a gated one."""
    hub, cause = entry.fields["hub"], str(error).strip().split("\n")[0].rstrip(".")
    asked = f" It is gated: accept its terms at https://huggingface.co/datasets/{hub}, then `hf auth login`."
    return (
        f"The data set {entry.name}: {facts['hub']} of {hub} (revision {entry.fields.get('revision') or 'main'}) "
        f"cannot be had from the Hub ({type(error).__name__}: {cause})."
        f"{asked if type(error).__name__ == 'GatedRepoError' else ''}"
    )
