"""What each line of an export may hold: JSON objects told apart by ``type``.

Only the shape is checked here; what the values mean is for `mnemic.services.transferring.export_format`.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mnemic.domain.marks import Review
from mnemic.domain.memory import Action, Kind, Relation, Role, Status
from mnemic.domain.provenance import Channel


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OriginLine(_Line):
    channel: Channel
    actor: str | None = None
    client: str | None = None
    transport: str | None = None
    connection: str | None = None
    task: str | None = None
    claimed: bool = False


class HeaderLine(_Line):
    type: Literal["header"]
    format: Literal["mnemic-export"]
    version: Literal[1]


class MemoryLine(_Line):
    type: Literal["memory"]
    id: str
    namespace: list[str]
    kind: Kind
    text: str
    tags: list[str] = []
    session: str | None = None
    speaker: str | None = None
    role: Role | None = None
    source: str | None = None
    when_to_use: str | None = None
    evidence: list[str] = []
    supersedes: str | None = None
    origin: OriginLine
    occurred_at: AwareDatetime | None = None
    valid_from: AwareDatetime
    recorded_at: AwareDatetime
    status: Status = Status.ACTIVE
    valid_to: AwareDatetime | None = None
    superseded_by: str | None = None
    superseded_at: AwareDatetime | None = None
    confirmations: int = Field(0, ge=0, le=2**53)
    confirmed_at: AwareDatetime | None = None


class TaintLine(_Line):
    channel: Channel
    claimed: bool = False


class MarksLine(_Line):
    """What a memory was drawn from besides its own origin, and what a person decided about it."""

    type: Literal["marks"]
    memory_id: str
    taints: list[TaintLine] = []
    review: Review | None = None


class FactLine(_Line):
    """What a memory is about, where its writer said so."""

    type: Literal["fact"]
    memory_id: str
    subject: str
    attribute: str


class EventLine(_Line):
    type: Literal["event"]
    memory_id: str
    action: Action
    at: AwareDatetime
    origin: OriginLine
    detail: dict[str, Any] = {}


class LinkLine(_Line):
    type: Literal["link"]
    source: str
    target: str
    relation: Relation
    score: float = Field(1.0, ge=0, le=1)


class ErasureLine(_Line):
    type: Literal["erasure"]
    memory_id: str
    namespace: list[str]
    erased_at: AwareDatetime


class FacetsLine(_Line):
    type: Literal["facets"]
    memory_id: str
    category: str = Field("external", max_length=40)
    confidence: float = Field(0.5, ge=0, le=1)
    tools: list[str] = []
    task: str | None = None
    generalized_query: str | None = None
    author: str | None = None


class UtilityLine(_Line):
    type: Literal["utility"]
    memory_id: str
    shown: int = Field(0, ge=0, le=2**53)
    shown_successes: int = Field(0, ge=0, le=2**53)
    used: int = Field(0, ge=0, le=2**53)
    used_successes: int = Field(0, ge=0, le=2**53)
    reward_sum: float = Field(0.0, ge=0, le=2**53)
    recent: float = Field(0.0, ge=0, le=10)
    recent_successes: float = Field(0.0, ge=0, le=10)
    q_value: float = Field(0.0, ge=-1, le=1)
    doubt: float = Field(0.0, ge=0, le=2**53)
    last_used_at: AwareDatetime | None = None


class OutcomeLine(_Line):
    type: Literal["outcome"]
    id: str = Field(pattern=r"^o[0-9a-f]{16}$")
    namespace: list[str]
    task: str
    reward: float = Field(0.0, ge=0, le=1)
    at: AwareDatetime
    origin: OriginLine
    used: list[str] = []
    shown: list[str] = []
    episodes: list[str] = []
    attributed: bool = False
    key: str | None = None


class ItemMemoryLine(_Line):
    place: str
    memory: str
    searched: bool = False


class ItemLine(_Line):
    type: Literal["item"]
    root: list[str]
    path: list[str]
    key: str
    value: str
    created_at: AwareDatetime
    updated_at: AwareDatetime
    origin: OriginLine
    ttl_seconds: float | None = Field(None, ge=0, le=2**40)
    expires_at: AwareDatetime | None = None
    memories: list[ItemMemoryLine] = []


AnyOfLines = (
    HeaderLine | MemoryLine | MarksLine | FactLine | EventLine | LinkLine | ErasureLine | FacetsLine | UtilityLine
    | OutcomeLine | ItemLine
)  # fmt: skip
AnyLine = Annotated[AnyOfLines, Field(discriminator="type")]
# Pydantic takes no JSON with half a surrogate pair, escaped or as it is; keys of items may have one.
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_ANY: TypeAdapter[AnyOfLines] = TypeAdapter(AnyLine)


def parse_line(line: str) -> AnyOfLines:
    """What a line says. Raises `pydantic.ValidationError`."""
    try:
        return _ANY.validate_json(line)
    except ValidationError:
        if _HALF_PAIR.search(line) is None:
            raise
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        # Nothing else that is stored holds half a pair.
        if not isinstance(value, dict) or value.get("type") != "item":
            raise
        return _ANY.validate_python(value)
