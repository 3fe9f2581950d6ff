"""The folder of a base model: given as such, or fetched from the Hub."""

from __future__ import annotations

from pathlib import Path

from lorafair.errors import LorafairError


def find_folder(name: str, trust_remote_code: bool = False) -> Path:
    """The folder called ``name``, or that of the Hub's model of that id.

    Raises:
        LorafairError: if there is no such folder and the Hub does not give it.
    """
    path = Path(name).expanduser()
    return path if path.is_dir() else _fetch(name, trust_remote_code)


def _fetch(name: str, trust_remote_code: bool) -> Path:
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise LorafairError(
            f"Base model {name!r}: there is no such folder. Give a model folder or a Hub id (owner/name), or fetch the "
            "small one with `lorafair models pull smollm2-135m`."
        )
    import huggingface_hub

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"] + ["*.py"] * trust_remote_code
    try:
        return Path(huggingface_hub.snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # the Hub's client raises many kinds; all mean the same to the user
        raise LorafairError(
            f"Base model {name!r} is no folder here and the Hub did not give it ({type(error).__name__}: "
            f"{str(error).splitlines()[0] if str(error) else 'no reason given'}). Check the name and the network, or "
            "give a local folder; `lorafair models pull smollm2-135m` makes a small one."
        ) from error
