"""Orders of what is relevant that look at more than the question: learnt value, how well a memory is retained, and whether
it is true yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, get_args

from mnemic.domain.consolidation.retention import Usage, rank_factor, retention
from mnemic.domain.learning.utility import NO_UTILITY, Utility, value_scores
from mnemic.domain.memory import MemoryRecord
from mnemic.domain.validation import check_named
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.fusion import Candidate
from mnemic.retrieval.question import Question

Rank = Literal["relevance", "value", "retention"]
"""*relevance* alone; with *value*, what tasks have shown (MemRL); with *retention*, how lately and how often a memory
was used, which lowers a score by a fifth at most (Ebbinghaus, as MemoryBank has it).
"""

# MemRL looks at 5 candidates for 3 places; more would let value outvote relevance.
_VALUED = 2
_LEAST_VALUED = 5
# Changes are looked for among as many as a channel proposes.
_MOST_CHANGES = 100


def check_rank(rank: object) -> Rank:
    """A rank by its name. Raises `InvalidInput`."""
    found: Rank = check_named(rank, get_args(Rank), name="rank")
    return found


def reorder(
    snapshot: LedgerSnapshot, relevant: Sequence[Candidate], rank: Rank, *, k: int, now: datetime
) -> list[Candidate]:
    """The most relevant in the order that ``rank`` asks for; the rest behind them as it was.

    How many those are follows from ``k``, which has to be that of the first page for all pages of one answer.
    """
    if rank == "relevance":
        return list(relevant)
    size = max(_VALUED * k, _LEAST_VALUED)
    first, rest = relevant[:size], relevant[size:]
    keys = [entry.key for entry in first]
    known = snapshot.utilities(keys)
    if rank == "value":
        scores = value_scores([entry.score for entry in first], [known.get(key, NO_UTILITY).q_value for key in keys])
    else:
        records = snapshot.records(keys)
        scores = [
            entry.score * _factor(records[entry.key], known.get(entry.key, NO_UTILITY), now)
            if entry.key in records
            else entry.score
            for entry in first
        ]
    order = sorted(range(len(first)), key=lambda at: (-scores[at], at))
    return [*(first[at] for at in order), *rest]


def present_first(
    snapshot: LedgerSnapshot, relevant: Sequence[Candidate], *, question: Question, now: datetime
) -> list[Candidate]:
    """The same, but what is true ``now`` stands before what was announced to take its place, which often says it better.

    A question that asks about a later day than its own keeps the order. What holds until then comes from behind to the place
    just before its successor, so the change is still told right after.
    """
    when = question.when
    if when is not None and any(span.weight == 1 and span.start > when.today for span in when.spans):
        return list(relevant)
    changes = snapshot.announcements([entry.key for entry in relevant[:_MOST_CHANGES]], after=now)
    if not changes:
        return list(relevant)
    found = {entry.key: entry for entry in relevant}
    order = list(found)
    # The last change first, so that several of one memory end in the order in which they come about.
    for until, then in reversed(changes):
        if until in found and order.index(until) > order.index(then):
            order.remove(until)
            order.insert(order.index(then), until)
    return [found[key] for key in order]


def _factor(record: MemoryRecord, utility: Utility, now: datetime) -> float:
    last = [moment for moment in (record.confirmed_at, utility.last_used_at) if moment is not None]
    usage = Usage(recalls=utility.shown, confirmations=record.confirmations, last_used=max(last, default=None))
    return rank_factor(retention(usage, created=record.occurred_at or record.recorded_at, now=now))
