"""Recording how tasks ended, and crediting the memories that had a part in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnemic.domain.drafting import check_origin
from mnemic.domain.learning.facets import MAX_TASK_CHARS
from mnemic.domain.learning.outcome import OutcomeId, Tally, TaskOutcome
from mnemic.domain.learning.refinement import Refinement, success_rate, sweep_is_due
from mnemic.domain.learning.utility import NO_UTILITY, Utility, credit
from mnemic.domain.memory import MemoryId, Namespace, RowKey
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_ids, check_label, check_share, check_text
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.admission import without_secrets
from mnemic.services.guarding.in_view import context_keys

SCOPE_WINDOW = 200
"""The success rate of a namespace is that of its latest so many tasks: what an agent could do a year ago says little."""

_MOST_IDS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeReceipt:
    """The receipt for a recorded outcome. It is durable when you hold this.

    ``credited``: the counters of the memories that had a part, as they are now. ``repeated``: this report was recorded
    before, and nothing was counted again. ``sweep_due``: so many tasks are finished that a maintenance plan is due.
    """

    id: OutcomeId
    credited: dict[MemoryId, Utility]
    attributed: bool
    repeated: bool
    scope_rate: float
    finished: int
    sweep_due: bool


def record_outcome(
    backends: Backends, task: object, reward: object, *, namespace: Namespace, used: Iterable[object] | None = None,
    shown: Iterable[object] = (), episodes: Iterable[object] = (), key: str | None = None, session: str | None = None,
    origin: Origin, refinement: Refinement,
) -> OutcomeReceipt:  # fmt: skip
    """Record that ``task`` ended with ``reward`` 0..1 and credit the memories that were used.

    ``used``: what the agent used, also when that is nothing; None when nobody knows: then all that was delivered gets
    the weak credit of having been there. ``shown``: what was delivered; without it, what this process has delivered to
    the same connection, session or task since the last outcome. ``key`` names the report: a second one of the same key
    is not counted. Raises `InvalidInput`, `UnknownMemory`, `StoreUnavailable`; with a ``key`` a retry is safe.
    """
    text = check_text(task, name="task", limit=MAX_TASK_CHARS).strip()
    text = without_secrets(backends.guard.policy, text)
    value = check_share(reward, name="reward")
    origin = check_origin(origin)
    named = check_ids(() if used is None else used, name="used", limit=_MOST_IDS)
    seen = check_ids(shown, name="shown", limit=_MOST_IDS)
    cited = check_ids(episodes, name="episodes", limit=_MOST_IDS)
    report, session = check_label(key, name="key"), check_label(session, name="session")
    now = backends.clock.now()
    contexts = context_keys(backends, connection=origin.connection, session=session, task=origin.task)
    with backends.ledger.transaction() as transaction:
        earlier = None if report is None else transaction.outcome_by_key(namespace, report)
        tally = transaction.tally(namespace, latest=SCOPE_WINDOW)
        if earlier is not None:
            credited = counters(transaction, (*earlier.used, *earlier.shown))
            return _receipt(earlier, credited, tally, refinement, repeated=True)
        delivered = () if seen else _delivered(backends, transaction, contexts, namespace)
        found = require(transaction, (*named, *seen, *cited), namespace=namespace)
        outcome = TaskOutcome(
            id=OutcomeId("o" + secrets.token_hex(8)), namespace=namespace, task=text, reward=value, at=now, origin=origin,
            used=named, shown=tuple(id for id in dict.fromkeys((*seen, *delivered)) if id not in named),
            episodes=cited, attributed=used is not None, key=report,
        )  # fmt: skip
        found |= transaction.find(outcome.shown)
        rate = success_rate(tally.recent_successes, tally.recent)
        keys = {id: found[id][0] for id in (*outcome.used, *outcome.shown)}
        known = transaction.utilities(list(keys.values()))
        after: dict[RowKey, Utility] = {
            row: credit(
                known.get(row, NO_UTILITY), reward=value, used=id in outcome.used, attributed=outcome.attributed,
                at=now, scope_rate=rate,
            )
            for id, row in keys.items()
        }  # fmt: skip
        transaction.put_utilities(after)
        transaction.append_outcome(outcome)
        tally = transaction.tally(namespace, latest=SCOPE_WINDOW)
    # The next task counts only for what is delivered from now on.
    backends.shown.forget(contexts)
    return _receipt(
        outcome, {id: after[row] for id, row in keys.items()}, tally, refinement, repeated=False
    )  # fmt: skip


def scope_rate(snapshot: LedgerSnapshot, namespace: Namespace) -> float:
    """The success rate of a namespace, 0..1."""
    tally = snapshot.tally(namespace, latest=SCOPE_WINDOW)
    return success_rate(tally.recent_successes, tally.recent)


def utilities_of(backends: Backends, ids: Iterable[MemoryId]) -> dict[MemoryId, Utility]:
    """`counters` from a snapshot of its own."""
    with backends.ledger.snapshot() as snapshot:
        return counters(snapshot, ids)


def _delivered(
    backends: Backends, snapshot: LedgerSnapshot, contexts: Sequence[str], namespace: Namespace
) -> tuple[MemoryId, ...]:
    keys = backends.shown.recent(contexts, now=backends.clock.now())
    records = snapshot.records(keys)
    return tuple(records[key].id for key in keys if key in records and records[key].namespace == namespace)


def counters(snapshot: LedgerSnapshot, ids: Iterable[MemoryId]) -> dict[MemoryId, Utility]:
    """The counters of these memories, for those that exist."""
    found = snapshot.find(ids)
    known = snapshot.utilities([key for key, _ in found.values()])
    return {id: known.get(key, NO_UTILITY) for id, (key, _) in found.items()}


def _receipt(
    outcome: TaskOutcome, credited: dict[MemoryId, Utility], tally: Tally, refinement: Refinement, *, repeated: bool
) -> OutcomeReceipt:
    return OutcomeReceipt(
        id=outcome.id, credited=credited, attributed=outcome.attributed, repeated=repeated,
        scope_rate=success_rate(tally.recent_successes, tally.recent), finished=tally.finished,
        sweep_due=not repeated and sweep_is_due(refinement, tally.finished),
    )  # fmt: skip
