"""What can be asked of a memory, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from mnemic.domain.learning.utility import Utility
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord, Namespace, Status
from mnemic.domain.provenance import Channel

MAX_K = 100
"""The most memories that one recall gives."""

MAX_CHECKED = 300
"""The most memories that the guard checks at once."""

Mode = Literal["default", "deep"]
"""How closely recall looks: *deep* reads the best candidates once more with a model, in tenths of a second."""

RECALLED_KINDS = (Kind.EPISODIC, Kind.SEMANTIC, Kind.PROCEDURAL)
"""Kinds that recall returns unless asked otherwise: lessons are consulted before acting, never handed out as examples."""

CHANNELS = ("words", "meaning", "company", "passages", "time", "links")
"""What proposes candidates: the full text, the vectors, both in the sessions of those whom a question names, both in the
passages of long texts, the full text of the time that a question names, and links when they are asked for.
"""

PARTS = (
    "words", "together", "words_around", "meaning", "meaning_around", "nearness", "occasion", "date", "recency", "session",
)  # fmt: skip
"""What a score is the sum of. *together*: the question's words stand side by side; *around*: what the turns around it say;
*nearness*: word by word; *occasion*: speaker, part in the session, role and speaking of time; *date*: of the time that the
question names; *recency*: the newest, where it asks how things are now; *session*: its best turn.
"""

LINKS_PART, DEEP_PART = "links", "deep"
"""What is added by `expand_links` (`mnemic.services.recalling.linked`) and in deep recall (`mnemic.retrieval.deep`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """Which memories of which namespace. Empty tuples and None mean *any*; conditions are joined by AND.

    ``tags``: all of them must be there. ``since``/``until`` bound when it happened (else when it was recorded),
    ``until`` exclusive. ``as_of``: what was true at that moment; ``known_at``: what the ledger held for true then.
    With neither, superseded memories are left out, but for those that are still true at ``now`` because their successor
    is not true yet.
    """

    namespace: Namespace
    subtree: bool = False
    kinds: tuple[Kind, ...] = ()
    tags: tuple[str, ...] = ()
    session: str | None = None
    speaker: str | None = None
    channels: tuple[Channel, ...] = ()
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    known_at: datetime | None = None
    statuses: tuple[Status, ...] = (Status.ACTIVE,)
    now: datetime | None = None

    def is_plain(self) -> bool:
        """True when only the namespace and the default kinds and status restrict the search."""
        plain = MemoryFilter(namespace=self.namespace, kinds=self.kinds, now=self.now)
        return self == plain and set(self.kinds) in (set(), set(RECALLED_KINDS))

    def looks_back(self) -> bool:
        """True when it asks for another moment than the present."""
        return self.as_of is not None or self.known_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a delivered memory can be relied on. ``trust`` in 0..1 by the policy, ``trusted`` what follows from it.

    ``labels`` say for people and models what to know before using it; none for a trusted memory that nothing speaks against.
    ``supporters`` counts other independent trusted origins that agree. ``contested_by`` names trusted memories that say
    otherwise. ``masked_text`` is the text with instruction-like parts masked, None when nothing is. ``doubtful`` is true
    when what is concluded from it should be looked at before it is stored. ``hidden_labels`` names fields besides the text
    that hold instruction-like words and are not to be shown; "origin" stands for the names in it.
    """

    trust: float
    trusted: bool
    labels: tuple[str, ...] = ()
    supporters: int = 0
    contested_by: tuple[MemoryId, ...] = ()
    masked_text: str | None = None
    masked_when_to_use: str | None = None
    hidden_labels: tuple[str, ...] = ()
    doubtful: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """A memory that was found and not delivered, and why. It is never quoted here.

    ``contested``: nobody can tell whether it is right, so it was not rejected either.
    """

    id: MemoryId
    origin: str
    reasons: tuple[str, ...]
    contested: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """The part of a long text that answers best: ``text`` are its characters from ``start`` to before ``end``."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a hit stands where it stands.

    ``rank``: its place among all candidates by relevance, from 1. ``channels``: the place, from 1, that each of `CHANNELS`
    gave it; none for a turn that was looked at because one beside it was found. ``parts``: those of `PARTS` that are not 0,
    largest first; a sum above 0.6 is bent to stay below 1 (`mnemic.retrieval.fusion`).
    """

    rank: int
    channels: Mapping[str, int]
    parts: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One recalled memory.

    ``score`` in 0..1, higher is better, comparable between queries; None when there was no question and the newest
    were taken. ``lexical`` (0..1) is the share of the query's information that the words cover, ``similarity`` (-1..1) the
    cosine of the embeddings; None when a channel did not see the memory.
    ``passage`` is the best part of a text of more than 400 words, as a place in `whole_text`; None for a shorter one.
    ``excerpt`` is the part of the text that fitted the budget, ``brief`` asks to leave out all but the necessary.
    ``utility`` is what finished tasks say of it, None when none does. ``alike`` names memories that were found too and
    say nothing beyond this one: they are not shown. ``explanation`` is there when it was asked for.
    """

    memory: MemoryRecord
    score: float | None
    lexical: float | None
    similarity: float | None
    passage: Passage | None = None
    excerpt: str | None = None
    brief: bool = False
    standing: Standing | None = None
    utility: Utility | None = None
    explanation: Explanation | None = None
    alike: tuple[MemoryId, ...] = ()

    @property
    def whole_text(self) -> str:
        """All of the text that may be shown: with instruction-like parts masked where the policy asks for it."""
        masked = None if self.standing is None else self.standing.masked_text
        return self.memory.text if masked is None else masked

    @property
    def shown_text(self) -> str:
        """The text to show: the whole of it, or the part that fitted the budget."""
        return self.whole_text if self.excerpt is None else self.excerpt

    @property
    def shown_memory(self) -> MemoryRecord:
        """The memory with only those of its labels that may be shown. Its text is `shown_text`."""
        hidden = () if self.standing is None else self.standing.hidden_labels
        if not hidden:
            return self.memory
        blank: dict[str, Any] = {name: () if name == "tags" else None for name in hidden if name != "origin"}
        if "origin" in hidden:
            blank["origin"] = self.memory.origin.without_names()
        return replace(self.memory, **blank)

    @property
    def shown_when_to_use(self) -> str | None:
        """The situation in which it helps, masked as the text is."""
        masked = None if self.standing is None else self.standing.masked_when_to_use
        return self.shown_memory.when_to_use if masked is None else masked


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallResult:
    """What a recall found, best first, inside its token budget.

    ``considered`` counts the candidates that reached the ranking. ``cursor`` asks for the next part and is None at the
    end. ``reason`` says why ``hits`` is empty, ``notes`` what was left out on the way (a failing embedder).
    ``tokens`` is counted by ``token_counter``, None when there was no budget. ``withheld`` names what was found and kept
    back; ``warnings`` are the lessons that apply, to be read before acting.
    """

    hits: tuple[Hit, ...]
    considered: int
    tokens: int | None
    token_counter: str
    cursor: str | None = None
    reason: str | None = None
    notes: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    warnings: tuple[str, ...] = ()


CheckDecision = Literal["kept", "contested", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMemory:
    """What the guard says of a memory that somebody has at hand.

    *contested*: nobody can tell; then the policy says whether it may be shown with a warning. ``hit`` is how it may be
    shown, with what to know about it, and None when it must not be. ``origin`` is empty for a memory that is gone.
    """

    id: MemoryId
    decision: CheckDecision
    origin: str
    reasons: tuple[str, ...] = ()
    hit: Hit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Verdicts in the order of the ids that were given. ``warnings`` are the lessons to be read before acting."""

    memories: tuple[CheckedMemory, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
