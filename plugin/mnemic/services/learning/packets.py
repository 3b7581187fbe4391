"""What an agent needs before it writes down what it has learnt: the raw episodes first, and all that speaks against them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mnemic.domain.learning.facets import MAX_TASK_CHARS
from mnemic.domain.learning.outcome import TaskOutcome
from mnemic.domain.learning.utility import NO_UTILITY, Utility
from mnemic.domain.memory import Kind, MemoryId, Namespace, Relation, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import Hit, MemoryFilter
from mnemic.domain.validation import check_count, check_text
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.packing import Render, pack
from mnemic.services.backends import Backends
from mnemic.services.guarding.admission import without_secrets
from mnemic.services.guarding.standing import is_shown, show
from mnemic.services.learning.outcomes import SCOPE_WINDOW, counters
from mnemic.services.recalling.recall import MAX_BUDGET_TOKENS, MIN_BUDGET_TOKENS, RecallQuery, recall, show_text

_EPISODES = 12
_EXPERIENCES = 6
_TOGETHER = 30
_LATEST_TASKS = 30
# Raw episodes are what a conclusion rests on: they get most of the room, what is concluded already the rest.
_EPISODES_SHARE = 0.7
_UNUSED_AFTER = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketEpisode:
    """A raw episode. ``reward`` 0..1 of the task it tells of, None when nobody reported one."""

    hit: Hit
    task: str | None = None
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What to learn from. Episodes of one task stand together, successes before failures; everything fits the budget.

    ``experiences``: what is concluded already about the same, with its counters: extend or correct it rather than write it
    again. ``contradictions``: pairs of ids that say different things. ``unused``: experiences that were delivered and not
    used. ``stale``: experiences whose evidence was superseded or archived since. ``warnings``: lessons that apply.
    ``scope_rate``: the share of the latest finished tasks that succeeded, 0 when none is finished.
    """

    focus: str
    episodes: tuple[PacketEpisode, ...]
    experiences: tuple[tuple[Hit, Utility], ...]
    contradictions: tuple[tuple[MemoryId, MemoryId], ...]
    unused: tuple[MemoryId, ...]
    stale: tuple[MemoryId, ...]
    warnings: tuple[str, ...]
    scope_rate: float
    finished: int
    tokens: int
    token_counter: str


def prepare(
    backends: Backends, *, namespace: Namespace, focus: str | None = None, budget_tokens: int = 4_000,
    render: Render = show_text, origin: Origin | None = None,
) -> Packet:  # fmt: skip
    """A packet about ``focus``: a task, in the words of its outcome, or a topic. Without one, about the latest tasks.

    Raises `InvalidInput`, `StoreUnavailable`; nothing is changed but what every recall notes.
    """
    check_count(budget_tokens, name="budget_tokens", low=MIN_BUDGET_TOKENS, high=MAX_BUDGET_TOKENS)
    text = "" if focus is None else check_text(focus, name="focus", limit=MAX_TASK_CHARS)
    policy = backends.guard.policy
    text = without_secrets(policy, text)
    with backends.ledger.snapshot() as snapshot:
        outcomes = [outcome for _, outcome in snapshot.outcomes(namespace, task=text or None, limit=_LATEST_TASKS)]
        told = {id: outcome for outcome in reversed(outcomes) for id in outcome.episodes}
        entries = [entry for entry in snapshot.find(told).values() if entry[1].status is Status.ACTIVE]
        question = text or (outcomes[0].task if outcomes else "")
        reported = show(snapshot, backends.guard, policy, entries, question=question)
        tally = snapshot.tally(namespace, latest=SCOPE_WINDOW)
    episodic, procedural, warnings = _related(backends, question, namespace, origin)
    found = {hit.memory.id: hit for hit in (*filter(is_shown, reported), *episodic)}
    ordered = _side_by_side(list(found.values()), told)
    episodes, tokens = pack(ordered, int(budget_tokens * _EPISODES_SHARE), render, backends.token_counter)
    left = max(budget_tokens - (tokens or 0), 0)
    known: list[Hit] = []
    if procedural and left:
        known, more = pack(procedural, left, render, backends.token_counter)
        tokens = (tokens or 0) + (more or 0)
    with backends.ledger.snapshot() as snapshot:
        shown = [*episodes, *known]
        utilities = counters(snapshot, [hit.memory.id for hit in known])
        contradictions = _contradictions(snapshot, shown)
        stale = _stale(snapshot, known)
    return Packet(
        focus=question, scope_rate=tally.recent_successes / max(tally.recent, 1), finished=tally.finished,
        episodes=tuple(_episode(hit, told.get(hit.memory.id)) for hit in episodes),
        experiences=tuple((hit, utilities.get(hit.memory.id, NO_UTILITY)) for hit in known),
        contradictions=contradictions, stale=stale,
        unused=tuple(
            id for id, utility in utilities.items() if not utility.used and utility.shown >= _UNUSED_AFTER
        ),
        warnings=warnings,
        tokens=tokens or 0, token_counter=backends.token_counter.name,
    )  # fmt: skip


def _related(
    backends: Backends, question: str, namespace: Namespace, origin: Origin | None
) -> tuple[list[Hit], list[Hit], tuple[str, ...]]:
    """Episodes and experiences about a question, and the lessons that apply.

    One search for both is four times as fast in a large memory; where one kind crowds out the other, that is asked for
    again.
    """
    filter = MemoryFilter(namespace=namespace)
    found = recall(backends, RecallQuery(text=question, k=_TOGETHER, filter=filter), origin=origin)
    warnings = list(found.warnings)
    parts: list[list[Hit]] = []
    for kind, k in ((Kind.EPISODIC, _EPISODES), (Kind.PROCEDURAL, _EXPERIENCES)):
        hits = [hit for hit in found.hits if hit.memory.kind is kind][:k]
        if not hits and len(found.hits) == _TOGETHER:
            narrow = MemoryFilter(namespace=namespace, kinds=(kind,))
            again = recall(backends, RecallQuery(text=question, k=k, filter=narrow), origin=origin)
            hits = list(again.hits)
            warnings += again.warnings
        parts.append(hits)
    return parts[0], parts[1], tuple(dict.fromkeys(warnings))


def _side_by_side(hits: Sequence[Hit], told: dict[MemoryId, TaskOutcome]) -> list[Hit]:
    """Episodes of finished tasks first: a success and a failure in turn, so that a small budget shows both."""
    ended = [(hit, told[hit.memory.id]) for hit in hits if hit.memory.id in told]
    good = [hit for hit, outcome in ended if outcome.success]
    bad = [hit for hit, outcome in ended if not outcome.success]
    paired = [hit for pair in zip(good, bad, strict=False) for hit in pair]
    shorter = min(len(good), len(bad))
    return [*paired, *good[shorter:], *bad[shorter:], *(hit for hit in hits if hit.memory.id not in told)]


def _episode(hit: Hit, outcome: TaskOutcome | None) -> PacketEpisode:
    if outcome is None:
        return PacketEpisode(hit=hit)
    return PacketEpisode(hit=hit, task=outcome.task, reward=outcome.reward)


def _contradictions(snapshot: LedgerSnapshot, hits: Sequence[Hit]) -> tuple[tuple[MemoryId, MemoryId], ...]:
    ids = [hit.memory.id for hit in hits]
    linked = [(link.source, link.target) for link in snapshot.links(ids) if link.relation is Relation.CONTRADICTS]
    seen = [(hit.memory.id, other) for hit in hits if hit.standing is not None for other in hit.standing.contested_by]
    return tuple(dict.fromkeys((*linked, *seen)))


def _stale(snapshot: LedgerSnapshot, hits: Sequence[Hit]) -> tuple[MemoryId, ...]:
    """Experiences that rest on something that is no longer held for true."""
    cited = {id for hit in hits for id in hit.memory.evidence}
    gone = {id for id, (_, record) in snapshot.find(cited).items() if record.status is not Status.ACTIVE}
    return tuple(hit.memory.id for hit in hits if gone & set(hit.memory.evidence))
