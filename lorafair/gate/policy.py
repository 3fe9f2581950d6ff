"""Policies: what an adapter must show before it is released, as one YAML file that is validated whole."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, PositiveInt, model_validator

Claim = Literal["better", "not shown worse", "non-inferior", "equivalent"]
Text = Annotated[str, Field(min_length=1, max_length=200)]


def _refuse_truth(value: Any) -> Any:
    """YAML's true and yes are no numbers."""
    if isinstance(value, bool):
        raise ValueError("give a number")
    return value


Number = Annotated[FiniteFloat, BeforeValidator(_refuse_truth)]
Whole = Annotated[PositiveInt, BeforeValidator(_refuse_truth)]


class Part(BaseModel):
    """What all parts of a policy share: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Part):
    """One requirement: a bound (``at_most``, ``at_least``) or a ``claim``, on a level or on a contrast.

    ``against`` makes it about the paired difference from that reference; a claim is always about one.  With
    ``attribute`` and no ``group`` it must hold for each group of the attribute.
    """

    name: Text = Field(description="shown in every output; each name once")
    metric: Text = Field(description="a metric's name, or task/metric")
    task: Text | None = Field(default=None, description="default: each task that has the metric")
    attribute: Text | None = Field(default=None, description="of the groups; default: all documents together")
    group: Text | None = Field(default=None, description="one group of the attribute; default: each")
    quantity: Literal["level", "contrast"] = Field(
        default="level", description="the metric itself, or this group's minus the rest's"
    )
    against: Text | None = Field(default=None, description="base, full, or a label: the paired difference from it")
    at_most: Number | None = Field(default=None, description="the interval's upper end must not be above")
    at_least: Number | None = Field(default=None, description="the interval's lower end must not be below")
    claim: Claim | None = Field(default=None, description="what the paired difference must show")
    delta: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="margin of a claim, in the metric's units; there is no default"
    )
    min_n: Whole = Field(default=30, description="documents below which the rule is undecided")
    min_clusters: Whole = Field(default=10, description="clusters below which the rule is undecided")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        faults = []
        if self.claim is None and self.at_most is None and self.at_least is None:
            faults.append("requires nothing: give at_most, at_least or claim")
        if self.claim is not None and (self.at_most is not None or self.at_least is not None):
            faults.append("has a claim and a bound: write two rules")
        if self.claim not in (None, "better") and self.delta is None:
            faults.append(f"claim {self.claim!r} needs delta: the change that would still be acceptable")
        if self.claim in (None, "better") and self.delta is not None:
            faults.append("delta belongs to the claims non-inferior, equivalent and not shown worse")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            faults.append("at_least is above at_most: nothing can satisfy both")
        if self.group is not None and self.attribute is None:
            faults.append("group needs the attribute that it belongs to")
        if self.quantity == "contrast" and self.attribute is None:
            faults.append("a contrast is one group against the rest: name the attribute")
        if self.claim in ("better", "not shown worse") and self.quantity == "level" and self.attribute is not None:
            faults.append("a group's own level carries no verdict: use quantity: contrast, or claim: non-inferior")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    @property
    def reference(self) -> str | None:
        """What the rule compares with: a claim without ``against`` means the base."""
        return self.against or ("base" if self.claim is not None else None)


class Eval(Part):
    """How to make results that are missing, as the options of ``lorafair eval``."""

    base: Text
    tasks: Annotated[list[Text], Field(min_length=1)]
    engine: Text = "auto"
    limit: Annotated[Number, Field(gt=0)] | None = None
    num_fewshot: Annotated[int, Field(ge=0)] | None = None
    apply_chat_template: bool = False
    gen_kwargs: dict[str, Any] = Field(default_factory=dict)
    metadata: dict[str, Any] = Field(default_factory=dict)
    engine_args: dict[str, Any] = Field(default_factory=dict)
    batch_size: Whole | None = None
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    device: Text | None = None
    seed: int = 1234


class Policy(Part):
    """A whole policy file."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    allow_unverified: bool = Field(
        default=False, description="let rules pass although nobody checked that the engine applied the adapter"
    )
    allow_sample_data: bool = Field(default=False, description="let rules pass on the small sample data")
    seed: Annotated[int, Field(ge=0)] = Field(default=0, description="of the bootstrap")
    resamples: Annotated[int, Field(ge=200)] | None = Field(default=None, description="B; default as the leaderboard")
    eval: Eval | None = Field(default=None, description="makes results that are missing")
    rules: Annotated[list[Rule], Field(min_length=1)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rules of one name: {', '.join(map(repr, twice))}; name each once")
        others = sorted({rule.against for rule in self.rules if rule.against not in (None, "base", "full")})
        if len(others) > 1:
            raise ValueError(f"rules compare with {', '.join(map(repr, others))}: one label besides base and full")
        return self

    @property
    def label_against(self) -> str | None:
        """The label that rules compare with besides the base and full fine-tuning."""
        return next((rule.against for rule in self.rules if rule.against not in (None, "base", "full")), None)
