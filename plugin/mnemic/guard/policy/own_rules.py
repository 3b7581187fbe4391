"""A team's own rules, in YAML alone: conditions on a text or a recalled memory, and what follows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from mnemic.domain.memory import Kind
from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Decision
from mnemic.guard.effects import EFFECTS, canonical

MAX_PATTERN_CHARS = 1_000

RuleId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]


def _canonical_effect(verb: str) -> str:
    """``pay`` and ``transfer`` are one effect. A verb that no text is ever found to call for would do nothing."""
    found = canonical(verb)
    if found is None:
        near = get_close_matches(verb, sorted(EFFECTS), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(EFFECTS))}"
        raise ValueError(f"{verb!r} is no effect that is known{meant}")
    return found


EffectVerb = Annotated[
    str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$", max_length=40), AfterValidator(_canonical_effect)
]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PATTERN_CHARS)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WriteConditions(_Strict):
    """All that are given must hold; of a list, one is enough."""

    kinds: tuple[Kind, ...] = Field(default=(), description="The memory is one of these kinds.")
    channels: tuple[Channel, ...] = Field(default=(), description="It came through one of these channels.")
    trust_below: Annotated[float, Field(strict=True, gt=0, le=1)] | None = Field(
        default=None, description="The trust in its origin is below this."
    )
    tags: tuple[Tag, ...] = Field(default=(), description="It has one of these tags.")
    text: Pattern | None = Field(
        default=None,
        description="A regular expression (RE2: no look-around, no back references) that is found in the text. "
        "Capitals do not matter; start with (?-i) if they should.",
    )
    effects: tuple[EffectVerb, ...] = Field(
        default=(), description="It calls for one of these effects, such as transfer."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(getattr(self, name) not in (None, ()) for name in type(self).model_fields):
            raise ValueError("a rule without any condition would match everything")
        return self


class RecallConditions(WriteConditions):
    """All that are given must hold; of a list, one is enough."""

    question: Pattern | None = Field(
        default=None, description="A regular expression that is found in the question for which it was recalled."
    )


class WriteRule(_Strict):
    """A rule about texts that are to be stored."""

    id: RuleId = Field(description="What reports call it: small letters and hyphens.")
    phase: Literal["write"] = Field(description="`write`: judged when a text is stored.")
    when: WriteConditions = Field(description="When it applies.")
    decision: Decision = Field(description="What follows: allow (a label), redact, quarantine or block.")
    reason: str = Field(min_length=1, max_length=300, description="Why, for people and models. Not the text itself.")


class RecallRule(_Strict):
    """A rule about memories that were found for a question."""

    id: RuleId = Field(description="What reports call it: small letters and hyphens.")
    phase: Literal["recall"] = Field(description="`recall`: judged when a memory was found for a question.")
    when: RecallConditions = Field(description="When it applies.")
    decision: Literal["warn", "withhold"] = Field(description="What follows: warn or withhold.")
    reason: str = Field(min_length=1, max_length=300, description="Why, for people and models. Not the text itself.")


OwnRule = Annotated[WriteRule | RecallRule, Field(discriminator="phase")]
