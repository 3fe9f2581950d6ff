"""The models of a recipe's sections (pydantic); see docs/recipes.md."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, field_validator, model_validator

from lorafair.audit.schema import AXES, CHOICES, collect_fields
from lorafair.checkpoint import LABEL
from lorafair.launch.section import Launcher
from lorafair.statistics.correction import CORRECTIONS


def wrap(value: Any) -> Any:
    """A single value as a list of one; a list, and nothing, as they are."""
    return value if value is None or isinstance(value, list | tuple) else [value]


def refuse_flag(value: Any) -> Any:
    """Refuse yes and no where a number is meant, which YAML reads from more words than one thinks."""
    if isinstance(value, bool) or (isinstance(value, list) and any(isinstance(each, bool) for each in value)):
        raise ValueError("a number is meant here, not true or false")
    return value


class Section(BaseModel):
    """What all sections share: unknown keys are refused, keys are written with ``-`` or ``_`` alike."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _spell(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        spelled = {str(key).replace("-", "_"): value for key, value in found.items()}
        if len(spelled) < len(found):
            raise ValueError("a key is given twice, with - and with _; keep one")
        return spelled

    def given(self) -> dict[str, Any]:
        """The keys that the recipe gives, with their values."""
        return {key: getattr(self, key) for key in self.model_fields_set}


def read_pairs(value: Any) -> Any:
    """Options as a mapping; a list of NAME=VALUE, as on the command line, becomes one."""
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        from lorafair.errors import LorafairError
        from lorafair.method_option import read_options

        try:
            return read_options(value)
        except LorafairError as error:
            raise ValueError(str(error)) from error
    return value


def read_number(value: Any) -> Any:
    """Text that is a number as one, where a setting may be a number or ``auto`` (YAML 1.1 reads 1e-4 as text)."""
    if isinstance(value, list):
        return [read_number(each) for each in value]
    try:
        return float(value) if isinstance(value, str) and value != "auto" else value
    except ValueError as error:
        raise ValueError(f"give a number or auto, not {value!r}") from error


def _field(key: str, hint: Any, default: Any, *, axes: bool) -> Any:
    """(annotation, default) of one key of a section, from the plan's own type."""
    if key in CHOICES:
        hint = Literal[*CHOICES[key]] if default is not None else Literal[*CHOICES[key]] | None
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    kinds = arguments if origin in (typing.Union, types.UnionType) else (hint,)
    numbers = any(kind in (int, float) for kind in (*kinds, *arguments))
    if axes and key in AXES:
        hint = list[hint]
    elif origin in (tuple, Sequence):
        hint = types.GenericAlias(list, (arguments[0],))
    elif origin is Mapping:
        hint = dict[str, Any]
    listed = typing.get_origin(hint) is list
    checks = [BeforeValidator(refuse_flag)] * numbers + [BeforeValidator(wrap)] * listed
    checks += [BeforeValidator(read_number)] * (float in kinds and str in kinds)
    checks += [BeforeValidator(read_pairs)] * key.endswith("_option")
    for check in checks:
        hint = Annotated[hint, check]
    if listed:
        return (hint, ...) if key in NEEDED else (hint | None, None)
    return hint, (... if default is dataclasses.MISSING else default)


NEEDED = ("task",)


def _make(name: str, kind: str, doc: str, extra: dict[str, Any]) -> Any:
    fields = {key: _field(key, hint, default, axes=kind == "train") for key, (_, hint, default) in
              collect_fields(kind).items()}  # fmt: skip
    made: Any = create_model(name, __base__=Section, __doc__=doc, **(fields | extra))
    return made


Part: Any = _make(
    "Part", "train", "What one method is trained with, over what the block says.", {"data": (str | None, None)}
)
Train: Any = _make(
    "Train",
    "train",
    "One block of training: methods × ranks × seeds × the axes, on some or all of the bases.",
    {
        "data": (str, ...),
        "base": (Annotated[list[str], BeforeValidator(wrap)] | None, None),
        "by_method": (dict[str, Part], Field(default_factory=dict)),
    },
)
Eval: Any = _make("Eval", "eval", "One block of evaluation: tasks and how they are asked.", {})
Probe: Any = _make(
    "Probe",
    "probe",
    "One probe: its name, its settings, and the documents to probe with, of tasks or of data.",
    {
        "name": (str, ...),
        "engine": (str, "hf"),
        "task": (Annotated[list[str], BeforeValidator(wrap)], Field(default_factory=list)),
    },
)


class Undertraining(Section):
    """The share of the rank effect that under-training explains (:mod:`lorafair.statistics.undertraining`)."""

    probe: str = "kl"
    value: str = "kl"
    scale: Literal["identity", "sqrt", "log"] = "sqrt"
    metric: Annotated[list[str], BeforeValidator(wrap)] = Field(default_factory=list)
    seed: int = 0
    resamples: int = Field(default=2000, ge=200)


class Statistics(Section):
    """What is claimed, fixed before the run."""

    primary: Annotated[list[str], BeforeValidator(wrap)] = Field(default_factory=list)
    correction: str = "holm"
    margin: Annotated[float, BeforeValidator(refuse_flag)] | None = Field(default=None, gt=0)
    permute: bool = False
    seed: int = 0
    resamples: int | None = Field(default=None, ge=200)
    undertraining: Undertraining | None = None

    @field_validator("correction")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in CORRECTIONS:
            raise ValueError(f"give {' or '.join(CORRECTIONS)}")
        return value


class Report(Section):
    """The page: its heading, and metrics that are computed as exploratory."""

    title: str | None = None
    metric: Annotated[list[str], BeforeValidator(wrap)] = Field(default_factory=list)


def _name_bases(value: Any) -> Any:
    if isinstance(value, str | list):
        listed = [value] if isinstance(value, str) else value
        if not all(isinstance(each, str) and each.strip("/") for each in listed):
            raise ValueError("give model folders or Hub ids")
        names = [each.rstrip("/").rpartition("/")[2].lower() for each in listed]
        if len(set(names)) < len(names):
            raise ValueError("two bases have one name; write `name: folder` for each")
        return dict(zip(names, listed, strict=True))
    return value


Block = Annotated[list[Any], BeforeValidator(wrap)]


class Recipe(Section):
    """One audit.  ``bases``: name -> folder or Hub id; ``needs``: file -> the command that makes it."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    name: str | None = None
    title: str | None = None
    paper: str | None = None
    notes: Annotated[list[str], BeforeValidator(wrap)] = Field(default_factory=list)
    needs: dict[str, str] = Field(default_factory=dict)
    bases: Annotated[dict[str, str], BeforeValidator(_name_bases)] = Field(min_length=1)
    train: Annotated[list[Train], BeforeValidator(wrap)] = Field(default_factory=list)
    eval: Annotated[list[Eval], BeforeValidator(wrap)] = Field(default_factory=list)
    probes: Annotated[list[Probe], BeforeValidator(wrap)] = Field(default_factory=list)
    statistics: Statistics = Field(default_factory=Statistics)
    report: Report = Field(default_factory=Report)
    launcher: Launcher = Field(default_factory=Launcher)

    @field_validator("bases")
    @classmethod
    def _usable(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in value if not LABEL.fullmatch(name) or name in (".", "..")]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no usable name: letters, digits, '.', '_', '+' and '-', at most 100")
        return value

    @model_validator(mode="after")
    def _hold_together(self) -> Recipe:
        for number, block in enumerate(self.train):
            for base in block.base or ():
                if base not in self.bases:
                    raise ValueError(f"train.{number}.base: {base!r} is none of `bases:` ({', '.join(self.bases)})")
        if not (self.train or self.eval or self.probes):
            raise ValueError("there is nothing to do: give `train:`, `eval:` or `probes:`")
        return self


def list_fields(block: Any, plan: Any) -> dict[str, Any]:
    """What a block gives for a plan, under the plan's own names; fields that the block leaves out are left out."""
    kind = {"Plan": "train", "EvaluationPlan": "eval", "ProbePlan": "probe"}[plan.__name__]
    given = {k: v for k, v in block.given().items() if v is not None}
    names = {key: field for key, (field, _, _) in collect_fields(kind).items()}
    return {names[key]: tuple(value) if isinstance(value, list) else value
            for key, value in given.items() if key in names}  # fmt: skip
