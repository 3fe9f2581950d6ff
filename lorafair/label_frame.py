"""Multiple-choice tasks as a classifier is asked them: the document's own text or image, and a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from lorafair.errors import raise_faults
from lorafair.label_match import find_mismatch, find_unused
from lorafair.picture import Picture, name_picture

if TYPE_CHECKING:
    from lorafair.checkpoint import Checkpoint


class LabelFrame:
    """Turns lm-eval's multiple-choice instances into a classifier's questions: (text or picture, label).

    Args:
        kind: what is classified, the documents' field of that name.
        labels: task -> the label of each choice, in the choices' order; None where the choices are the labels.
    """

    def __init__(self, kind: Literal["text", "image"], labels: Mapping[str, Sequence[str] | None]) -> None:
        self.kind, self._labels = kind, labels
        self._pictures: dict[str, Picture] = {}

    def __call__(self, instance: Any) -> tuple[Any, ...]:
        """The question that an instance asks.

        Raises:
            LorafairError: if its document's image cannot be read.
        """
        content = str(instance.doc[self.kind])
        if self.kind == "image":
            if content not in self._pictures:
                self._pictures[content] = name_picture(content)
            return self._pictures[content], self.name_label(instance)
        return content, self.name_label(instance)

    def name_label(self, instance: Any) -> str:
        """The label that an instance's choice stands for."""
        labels = self._labels[instance.task_name]
        return str(instance.args[1]).strip() if labels is None else labels[instance.idx]


def frame_tasks(tasks: Mapping[str, Any], checkpoints: Iterable[Checkpoint]) -> LabelFrame:
    """The frame for tasks whose requests are built.

    The labels of the choices are the task's ``labels`` in its metadata, else its ``classes``, else the choices' texts.

    Args:
        tasks: name to lm-eval task.
        checkpoints: the classifiers, all of texts or all of images, as their one base is.

    Raises:
        LorafairError: with every task that is not multiple choice, whose documents have no such content, or whose
            labels are not as many as its choices.
    """
    kind: Literal["text", "image"] = next((c.head.kind for c in checkpoints if c.head is not None), "text")
    faults, labels = [], dict[str, list[str] | None]()
    for name, task in tasks.items():
        if task.OUTPUT_TYPE != "multiple_choice":
            faults.append(f"{name} is {task.OUTPUT_TYPE}: a classifier answers multiple-choice tasks only.")
            continue
        if "acc_mutual_info" in task.aggregation():
            faults.append(f"{name} asks for its choices without their question (acc_mutual_info): a classifier cannot.")
            continue
        missing = next((i.doc_id for i in task.instances if not isinstance(_read(i.doc, kind), str)), None)
        if missing is not None:
            faults.append(f"{name}: document {missing} has no {kind!r}, which is what these checkpoints classify.")
            continue
        labels[name] = read_labels(task)
        most = 1 + max((instance.idx for instance in task.instances), default=-1)
        if (given := labels[name]) is not None and len(given) != most:
            faults.append(f"{name} declares {len(given)} labels for {most} choices: mend `labels:` in its metadata.")
    raise_faults("These tasks cannot be asked of classifiers", faults)
    return LabelFrame(kind, labels)


def read_labels(task: Any) -> list[str] | None:
    """The labels of a task's choices by its metadata (``labels``, else ``classes``), None where it declares none."""
    metadata = task.config.metadata or {}
    for key in ("labels", "classes"):
        if isinstance(found := metadata.get(key), list | tuple) and found:
            return [str(each) for each in found]
    return None


def check_labels(
    frame: LabelFrame, tasks: Mapping[str, Any], checkpoints: Iterable[Checkpoint], label_map: Mapping[str, str]
) -> None:
    """Hold the labels of tasks and checkpoints against each other, by name.

    Raises:
        LorafairError: one message with every mismatch.
    """
    heads = [(c.label, c.head.labels) for c in checkpoints if c.head is not None]
    faults = find_unused(label_map, (labels for _, labels in heads))
    for name, task in tasks.items():
        wanted = list(dict.fromkeys(frame.name_label(instance) for instance in task.instances))
        told: dict[str, list[str]] = {}
        for label, labels in heads:
            if why := find_mismatch(wanted, labels, label_map):
                told.setdefault(why, []).append(label)
        faults += [f"{', '.join(who)} and {name}: {why}." for why, who in told.items()]
    if faults:
        faults.append("Say what the checkpoint's labels mean: --label-map ITS_LABEL=THE_TASK_S_LABEL, once for each.")
    raise_faults("The checkpoints' labels are not those of the tasks", faults)


def ask_plainly(tasks: Mapping[str, Any]) -> None:
    """Have tasks that ask in several wordings show each text once, as it is: a classifier reads no question."""
    for task in tasks.values():
        if hasattr(task, "ask_plainly"):
            task.ask_plainly()


def _read(document: Any, kind: str) -> Any:
    return document.get(kind) if isinstance(document, Mapping) else None
