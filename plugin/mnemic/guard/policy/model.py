"""A guard policy: what is trusted, what happens to a text when it is stored and to a memory when it is recalled.

What a policy does not say is as in ``default.yaml``. The descriptions here are what editors show while a policy is typed.
"""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator, model_validator

from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Decision
from mnemic.guard.policy.defaults import OriginClass
from mnemic.guard.policy.own_rules import EffectVerb, OwnRule

Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]


class Mode(StrEnum):
    """Whether the policy acts."""

    ENFORCE = "enforce"
    WATCH = "watch"


class Claims(StrEnum):
    """What a caller's own word about where a text came from is worth."""

    LOWER_ONLY = "lower_only"
    BELIEVED = "believed"


class Withhold(StrEnum):
    """How much of what strangers write is withheld."""

    STEERING = "steering"
    STEERING_AND_REQUESTS = "steering_and_requests"


class Messages(StrEnum):
    """How the messages of working-memory sessions are kept."""

    AS_GIVEN = "as_given"
    WITHOUT_SECRETS = "without_secrets"


class Handling(StrEnum):
    """What happens to a doubtful memory in an answer: given as it is, given with a warning, or not given."""

    ALLOW = "allow"
    WARN = "warn"
    WITHHOLD = "withhold"

    @property
    def strictness(self) -> int:
        """0 for allow … 2 for withhold."""
        return tuple(Handling).index(self)


class Identity(StrEnum):
    """What can tell two origins apart."""

    CHANNEL = "channel"
    ACTOR = "actor"
    CLIENT = "client"
    CONNECTION = "connection"
    SOURCE = "source"
    SESSION = "session"
    TASK = "task"


class PolicyPart(BaseModel):
    """Base of all parts: nothing unknown is accepted, nothing changes once it is loaded."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Trust(PolicyPart):
    """How far text is trusted, by the channel it came through: from 0, not at all, to 1."""

    user: Share = Field(default=1.0, description="What the user says.")
    agent: Share = Field(default=0.8, description="What the agent writes down itself.")
    tool: Share = Field(default=0.4, description="What tools return.")
    file: Share = Field(default=0.3, description="What stands in files.")
    import_: Share = Field(default=0.3, alias="import", description="What was imported from another store.")
    mail: Share = Field(default=0.2, description="What comes by mail.")
    web: Share = Field(default=0.2, description="What stands on web pages.")
    trusted_from: Share = Field(default=0.7, description="Text below this is untrusted: screened, labelled, masked.")
    claims: Claims = Field(
        default=Claims.LOWER_ONLY,
        description="What a caller says of its channel. `lower_only`: it can lower trust, and never raise it above "
        "`agent`. `believed`: it is taken at its word.",
    )

    def of_channel(self, channel: Channel) -> float:
        """The trust in one channel."""
        return float(getattr(self, "import_" if channel is Channel.IMPORT else channel.value))


class Independence(PolicyPart):
    """When two memories count as two witnesses: when any of these differs. Fewer words here mean fewer witnesses.

    A web source counts by its domain, mail by the sender's address, a file by its path.
    """

    trusted: tuple[Identity, ...] = Field(
        default=(Identity.CHANNEL, Identity.ACTOR, Identity.CONNECTION, Identity.TASK),
        min_length=1,
        description="For trusted memories. With one user and one agent, sessions and tasks tell origins apart.",
    )
    untrusted: tuple[Identity, ...] = Field(
        default=(Identity.CHANNEL, Identity.SOURCE),
        min_length=1,
        description="For untrusted ones. Sessions do not count: a stranger can wait for the next session.",
    )


class DecisionByClass(PolicyPart):
    """A decision for each class of origin; a class that is not named keeps its built-in decision."""

    user: Decision | None = Field(default=None, description="For the user's own words.")
    agent: Decision | None = Field(default=None, description="For what a trusted agent writes.")
    untrusted: Decision | None = Field(default=None, description="For everybody else's words.")

    def of_class(self, origin_class: OriginClass) -> Decision | None:
        """The decision for ``origin_class``, if there is one."""
        named: Decision | None = getattr(self, origin_class.value)
        return named


def _for_every_class(value: Any) -> Any:
    return dict.fromkeys(OriginClass, value) if isinstance(value, str) else value


_DECISIONS = [decision.value for decision in Decision]
RuleSetting = Annotated[
    DecisionByClass,
    BeforeValidator(_for_every_class),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": _DECISIONS, "description": "For every class of origin."},
                {
                    "type": "object",
                    "description": "By class; a class that is not named keeps its built-in decision.",
                    "properties": {name.value: {"enum": _DECISIONS} for name in OriginClass},
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class Flooding(PolicyPart):
    """When one origin writes too much. What follows is the decision of the rule `flooding`."""

    window_minutes: Count = Field(default=60, description="Counted over this time.")
    max_untrusted: Count = Field(
        default=200, description="So many memories from one untrusted origin are not yet a flood."
    )
    max_alike: Count = Field(default=5, description="So many near-identical ones from one origin are not yet a flood.")


class Writing(PolicyPart):
    """What happens to a text when it is stored."""

    enabled: Flag = Field(default=True, description="False: nothing is screened when it is stored.")
    withhold: Withhold = Field(
        default=Withhold.STEERING,
        description="What is withheld of what strangers write. `steering`: whatever tries to steer the reader. "
        "`steering_and_requests`: unrelated requests too, which catches more attacks and more honest mails. "
        "What is not withheld is labelled, and its directives are masked.",
    )
    rules: dict[str, RuleSetting] = Field(
        default_factory=dict,
        description="Another decision for a rule than the built-in one: one for all, or one by class of origin "
        "(user, agent, untrusted).",
    )
    max_chars: Count = Field(default=50_000, description="Longer text is a finding of the rule `too-long`.")
    messages: Messages = Field(
        default=Messages.AS_GIVEN,
        description="How messages of working-memory sessions are kept. `as_given`: to the byte. `without_secrets`: keys and "
        "passwords are taken out before a message is stored, or what an agent writes beside it (tasks, subgoals, "
        "summaries), and no restore brings them back.",
    )
    flooding: Flooding = Field(default=Flooding(), description=Flooding.__doc__)
    rule_timeout_ms: Count = Field(
        default=100, description="A rule that takes longer has failed: the finding `rule-failed`."
    )


class Contradiction(PolicyPart):
    """An untrusted memory that says otherwise than a trusted one."""

    decision: Handling = Field(default=Handling.WARN, description="What happens to the untrusted one.")
    min_topic: Share = Field(default=0.4, description="Both cover at least this share of the question's words.")
    min_answer: Share = Field(
        default=0.5, description="It contradicts if it has less than this share of the words of the trusted answer."
    )


class Consensus(PolicyPart):
    """Whether the memories that were found for a question agree, counted by independent origins."""

    enabled: Flag = Field(default=True, description="False: memories are not compared with each other.")
    k: Annotated[int, Field(strict=True, ge=2, le=50)] = Field(
        default=4, description="So many candidates are compared."
    )
    method: Literal["quorum", "clustering"] = Field(
        default="quorum",
        description="`quorum`: a majority of independent origins decides. `clustering`: as A-MemGuard released.",
    )
    count: Literal["origins", "records"] = Field(
        default="origins", description="What has a voice. Counting records lets whoever writes most decide."
    )
    quorum_of: Literal["trusted", "any"] = Field(
        default="trusted", description="Whose support confirms a memory. With `any`, three strangers outvote the user."
    )
    quorum_origins: Count = Field(default=2, description="So many independent origins confirm a memory.")
    eps: Share = Field(default=0.5, description="Reasoning paths closer than this agree (1 - Jaccard of their edges).")
    min_samples: Count = Field(default=2, description="So many agreeing paths are a group.")
    on_contested: Handling = Field(default=Handling.WARN, description="What happens when no side has a quorum.")
    single_origin: Handling = Field(
        default=Handling.WARN, description="What happens when everything that was found has the same origin."
    )


MOST_REJECTIONS = 1_000
"""Of so many questions, at most, it is kept that a memory was rejected for them."""


class Lessons(PolicyPart):
    """What was learnt from rejected memories. Lessons warn; they are never returned as memories."""

    enabled: Flag = Field(default=True, description="False: no lessons are kept or consulted.")
    per_candidate: Annotated[int, Field(strict=True, ge=1, le=50)] = Field(
        default=4, description="At most so many lessons are consulted for a candidate."
    )
    ttl_days: Count = Field(default=90, description="A lesson expires when it has not been hit for so long.")
    quarantine_after: Count = Field(
        default=2,
        description=f"A memory that was rejected so often is quarantined. More than {MOST_REJECTIONS:,}: none ever is, and "
        "nothing is counted.",
    )

    @property
    def counts_rejections(self) -> bool:
        """Whether it is kept for which questions a memory was rejected: a row for each."""
        return self.quarantine_after <= MOST_REJECTIONS


class Effects(PolicyPart):
    """What memories may lead an agent to do. Whatever is said here, an untrusted memory never authorises an effect."""

    deny: tuple[EffectVerb, ...] = Field(default=(), description="Memories that call for these are withheld.")
    review: tuple[EffectVerb, ...] = Field(
        default=("delete", "disable", "execute", "grant", "install", "publish", "send", "share", "transfer"),
        description="These need `quorum_origins` trusted origins, or a person; memories that call for them say how many "
        "there are.",
    )
    allow: tuple[EffectVerb, ...] = Field(
        default=(), description="A lesson against one of these yields to a quorum of trusted origins."
    )
    quorum_origins: Count = Field(default=2, description="So many trusted origins support an effect under review.")

    @model_validator(mode="before")
    @classmethod
    def _less_of_the_default(cls, given: Any) -> Any:
        """What is denied or allowed is not under review because nobody has said what else is."""
        if not isinstance(given, dict) or "review" in given:
            return given
        elsewhere = [verb for name in ("deny", "allow") for verb in given.get(name) or ()]
        review = [verb for verb in cls.model_fields["review"].default if verb not in elsewhere]
        return {**given, "review": review}

    @model_validator(mode="after")
    def _one_list_each(self) -> Effects:
        for verb in self.deny:
            if verb in self.review or verb in self.allow:
                raise ValueError(f"{verb!r} is denied and also in another list; it can only be in one of them")
        return self


class Recalling(PolicyPart):
    """What happens to memories when they are recalled."""

    label_untrusted: Flag = Field(
        default=True,
        description="Untrusted memories carry their origin and the number of their independent supporters.",
    )
    mask_directives: Flag = Field(
        default=True,
        description="Instruction-like sentences of untrusted memories are masked; the raw text is had on demand.",
    )
    contradiction: Contradiction = Field(default=Contradiction(), description=Contradiction.__doc__)
    consensus: Consensus = Field(default=Consensus(), description=Consensus.__doc__)
    lessons: Lessons = Field(default=Lessons(), description=Lessons.__doc__)
    effects: Effects = Field(default=Effects(), description=Effects.__doc__)
    deadline_ms: Count = Field(
        default=250, description="What the guard has not judged by then is handled as contested."
    )


class Judge(PolicyPart):
    """A language model that is asked for its judgement, if one is configured."""

    when: Literal["never", "contested", "always"] = Field(default="never", description="For which sets it is asked.")
    max_calls_per_hour: Count = Field(default=60, description="When these are used up, the guard goes on without it.")
    on_error: Literal["reject_all", "contested"] = Field(
        default="reject_all", description="What a malformed answer means for the set that was asked about."
    )


class Policy(PolicyPart):
    """What the guard does. Only `name` is needed: whatever is not said is as in `default.yaml`."""

    name: str = Field(min_length=1, max_length=80, description="What reports call it.")
    description: str = Field(default="", max_length=2_000, description="What it is for.")
    mode: Mode = Field(
        default=Mode.ENFORCE, description="`enforce`, or `watch`: judges and reports, and changes nothing."
    )
    trust: Trust = Field(default=Trust(), description=Trust.__doc__)
    independence: Independence = Field(default=Independence(), description=Independence.__doc__)
    write: Writing = Field(default=Writing(), description=Writing.__doc__)
    recall: Recalling = Field(default=Recalling(), description=Recalling.__doc__)
    judge: Judge = Field(default=Judge(), description=Judge.__doc__)
    rules: tuple[OwnRule, ...] = Field(
        default=(), max_length=100, description="Your own rules. They can only make it stricter."
    )

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("a name is one line of printable characters")
        return name

    @cached_property
    def digest(self) -> str:
        """12 hexadecimal digits that are the same for the same policy, in every process."""
        canonical = json.dumps(self.model_dump(mode="json", by_alias=True), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode("ascii")).hexdigest()[:12]

    @cached_property
    def own_rules(self) -> dict[str, OwnRule]:
        """The policy's own rules by id."""
        return {rule.id: rule for rule in self.rules}

    @property
    def enforced(self) -> bool:
        """False when it only watches."""
        return self.mode is Mode.ENFORCE
