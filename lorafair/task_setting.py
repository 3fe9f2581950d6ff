"""Reading the settings of a task out of its metadata (YAML and ``--metadata`` merged), with all faults at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from lorafair.errors import did_you_mean, raise_faults


class SettingReader:
    """Collects values and faults; :meth:`finish` raises what was found.

    Args:
        metadata: the task's.
        examples: setting -> the text of a right ``--metadata``; its keys are the settings that there are.
    """

    def __init__(self, metadata: Mapping[str, Any], examples: Mapping[str, str]) -> None:
        self.metadata, self.examples = metadata, examples
        self.faults: list[str] = []

    def fault(self, key: str, expected: str) -> None:
        """Note that a setting is not what was expected."""
        self.faults.append(f"{key} is {self.metadata.get(key)!r}: {expected}, e.g. --metadata '{self.examples[key]}'")

    def count(self, key: str, default: int | None) -> int | None:
        """A whole number of at least 1."""
        value = self.metadata.get(key, default)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            self.fault(key, "a whole number of at least 1 is needed")
            return default
        return value

    def names(self, key: str, default: Iterable[str], known: Collection[str] | None = None) -> tuple[str, ...]:
        """Names, a list or separated by commas; ``all`` is every known one."""
        value = self.metadata.get(key, list(default))
        names = value.split(",") if isinstance(value, str) else value
        if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
            self.fault(key, "a list of names is needed")
            return ()
        found = tuple(dict.fromkeys(name.strip() for name in names if name.strip()))
        if known is None:
            return found
        if found == ("all",):
            return tuple(known)
        self.faults += [f"{key} has no {name!r}; {_offer(name, known)} Or all." for name in found if name not in known]
        return found

    def choice(self, key: str, known: Collection[str], default: str | None = None) -> str | None:
        """One of the known names, or None where nothing is said."""
        value = self.metadata.get(key, default)
        if value is not None and value not in tuple(known):
            self.faults.append(f"{key} is {value!r}; {_offer(str(value), known)}")
            return default
        return None if value is None else str(value)

    def text(self, key: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self.metadata.get(key, default)
        if not isinstance(value, str) or not value:
            self.fault(key, "a name is needed")
            return ""
        return value

    def temperature(self, key: str = "temperature") -> float | None:
        """A number above 0, None where nothing is said."""
        value = self.metadata.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(key, "a number above 0 is needed")
            return None
        if not value > 0:
            self.fault(key, "continuations are sampled, a number above 0 is needed")
            return None
        return float(value)

    def share(self, key: str, default: float) -> float:
        """A share between 0 and 1, neither of them."""
        value = self.metadata.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
            self.fault(key, "a share between 0 and 1 is needed")
            return default
        return float(value)

    def finish(self, task: str) -> None:
        """Refuse what was found wrong, and keys that look like a slip for a setting.

        Other keys are left alone, because lm-eval adds the model's arguments.

        Raises:
            LorafairError: with every fault.
        """
        for key in map(str, self.metadata):
            if key not in self.examples and (close := get_close_matches(key, self.examples, n=1, cutoff=0.8)):
                self.faults.append(f"{key} is no setting. Did you mean {close[0]!r}?")
        raise_faults(f"The settings of the task {task} have faults", self.faults)


def _offer(name: str, known: Collection[str]) -> str:
    hint = did_you_mean(name, known)
    return f"there are {', '.join(known)}.{hint if 'Did you mean' in hint else ''}"
