"""The settings of a WinoMT task: what its YAML says, changed by ``--metadata``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from string import Formatter
from typing import Any

from lorafair.errors import LorafairError, raise_faults
from lorafair.translation.language import Language, load_language

SLOTS = {"text", "language"}


@dataclass(frozen=True)
class Setting:
    """What one run of the task asks; the README says what each does."""

    dataset: str
    language: Language
    prompt: str
    instruction: str

    def ask(self, text: str) -> str:
        """The prompt for one sentence."""
        return self.prompt.format(text=text, language=self.language.name)

    def instruct(self) -> str:
        """What stands before the examples and the sentence."""
        return self.instruction.format(language=self.language.name)


def read_setting(metadata: Mapping[str, Any], task: str) -> Setting:
    """Read the settings out of a task's metadata.

    Keys that are not ours stay (lm-eval adds the model's), unless they look like one of ours misspelt.

    Args:
        metadata: the task's metadata, YAML and command line merged.
        task: the task's name, for messages.

    Raises:
        LorafairError: with every setting that is misspelt or has a wrong type or value.
    """
    faults = [
        f"{key} is no setting. Did you mean {near[0]!r}?"
        for key in map(str, metadata)
        if key not in EXAMPLES and (near := get_close_matches(key, EXAMPLES, 1, 0.8))
    ]
    for key, example in EXAMPLES.items():
        value = metadata.get(key)
        if not isinstance(value, str) or (not value and key != "instruction"):
            faults.append(f"{key} is {value!r}: a text is needed, e.g. --metadata '{example}'")
    language = None
    if isinstance(metadata.get("language"), str):
        try:
            language = load_language(metadata["language"])
        except LorafairError as error:
            faults.append(f"language: {error}")
    for key, needed in (("prompt", {"text"}), ("instruction", set())):
        if isinstance(metadata.get(key), str):
            fault = _find_fault(metadata[key], needed)
            if fault:
                faults.append(f"{key} is {metadata[key]!r}: {fault}, e.g. --metadata '{EXAMPLES[key]}'")
    raise_faults(f"The settings of the task {task} have faults", faults)
    assert language is not None
    return Setting(metadata["dataset"], language, metadata["prompt"], metadata["instruction"])


def _find_fault(template: str, needed: set[str]) -> str | None:
    try:
        slots = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
    except ValueError as error:
        return f"not a template ({error})"
    if slots - SLOTS:
        return (
            f"it may hold {{text}} and {{language}}, not {', '.join(f'{{{name}}}' for name in sorted(slots - SLOTS))}"
        )
    return None if needed <= slots else "it has to hold {text}, the sentence"


EXAMPLES = {
    "dataset": '{"dataset": "winomt_sample"}',
    "language": '{"language": "fr"}',
    "prompt": '{"prompt": "English: {text}\\\\n{language}:"}',
    "instruction": '{"instruction": "Translate into {language}."}',
}
