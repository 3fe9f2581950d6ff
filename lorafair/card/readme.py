"""Writing into an adapter's README.md: only between the markers, and the model-index; on the Hub likewise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lorafair.card.metadata import build_results, update_metadata
from lorafair.card.section import END, START, render_section
from lorafair.errors import LorafairError
from lorafair.identity import Model
from lorafair.leaderboard.row import Rows


def update_card(text: str, model: Model, found: Rows) -> str:
    """A card with the fairness section and the model-index of these rows; the rest stays byte for byte.

    Updating twice gives what updating once gave.

    Raises:
        LorafairError: markers that do not pair up, or front matter that cannot be read.
    """
    if (text.count(START), text.count(END)) not in ((0, 0), (1, 1)) or text.find(START) > text.find(END):
        raise LorafairError(f"The card's markers {START} and {END} do not pair up. Remove them and what is between.")
    breaks = "\r\n" if "\r\n" in text else "\n"
    section = render_section(model, found).replace("\n", breaks)
    if START in text:
        end = text.index(END) + len(END)
        after = text[end:].removeprefix("\r\n" if text[end:].startswith("\r\n") else "\n")
        body = text[: text.index(START)] + section + after
    else:
        head = text or f"# {model.label}\n"
        body = head + ("" if head.endswith("\n") else breaks) + breaks + section
    return update_metadata(body, model, build_results(model, found), breaks)


def read_card(path: Path) -> str:
    """The text of a README.md, "" where there is none.

    Raises:
        LorafairError: if it cannot be read as UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise LorafairError(f"{path} cannot be read as UTF-8 ({error}). Mend it, then run this again.") from error


def write_card(path: Path, text: str) -> None:
    """Write the card whole or not at all.

    Raises:
        LorafairError: if it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(text.encode("utf-8"))
        part.replace(path)
    except OSError as error:
        raise LorafairError(f"{path} cannot be written ({error.strerror}).") from error


def push_card(repository: str, update: Callable[[str], str], fallback: str, message: str) -> str:
    """Update the README.md of a model on the Hub, from the Hub's own text: edits made there are kept.

    Args:
        repository: a model's id, ``owner/name``.
        update: from the present text to the new one.
        fallback: what is uploaded where the repository has no README.md.
        message: of the commit, whose parent is the revision that was read: a change in between is not overwritten.

    Returns:
        the commit's address, "" where nothing changed.

    Raises:
        LorafairError: whatever the Hub refuses, with its reason.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import EntryNotFoundError

    api = HfApi()
    try:
        revision = api.model_info(repository).sha
        try:
            path = api.hf_hub_download(repository, "README.md", revision=revision)
            present = read_card(Path(path))
            text = update(present)
        except EntryNotFoundError:
            present, text = "", fallback
        if text == present:
            return ""
        done = api.upload_file(
            path_or_fileobj=text.encode("utf-8"),
            path_in_repo="README.md",
            repo_id=repository,
            commit_message=message,
            parent_commit=revision,
        )
    except LorafairError:
        raise
    except Exception as error:  # the Hub's client raises many kinds; all mean the same to the user
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LorafairError(
            f"The Hub did not take the card of {repository!r} ({reason}). The local README.md is written. Check the "
            "name, the network and `hf auth login`, then run this again."
        ) from error
    return str(done.commit_url)
