"""Whether memories give leave to act."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from mnemic.domain.drafting import check_origin
from mnemic.domain.lesson import Lesson
from mnemic.domain.marks import Marks
from mnemic.domain.memory import MemoryRecord, Namespace, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import check_ids, check_text
from mnemic.domain.verdict import Decision
from mnemic.guard.authority import EffectRules, EffectVerdict, Support, authorise, sight_of, support_of
from mnemic.guard.guard import class_in
from mnemic.guard.lessons import triggered
from mnemic.guard.paths import extract_path
from mnemic.guard.policy import OriginClass, Policy, origin_key
from mnemic.protocols import LedgerSnapshot
from mnemic.services.backends import Backends, require
from mnemic.services.guarding.in_view import contexts_of

_MAX_ACTION_CHARS = 20_000
_MAX_SUPPORTS = 100


def authorise_action(
    backends: Backends, action: str, *, because: Iterable[object] = (), by_user: bool = False,
    namespace: Namespace | None = None, origin: Origin | None = None,
) -> EffectVerdict:  # fmt: skip
    """Whether ``action`` may be done on the strength of the memories ``because``. Nothing is written.

    What was delivered to the connection and the task of ``origin`` within the hour is looked at too: whoever asks may
    leave out what it was led by. Raises `InvalidInput`, `UnknownMemory`. A memory that is withheld, superseded or archived
    supports nothing.
    """
    text = check_text(action, name="action", limit=_MAX_ACTION_CHARS)
    ids = check_ids(because, name="because", limit=_MAX_SUPPORTS)
    policy = backends.guard.policy
    now = backends.clock.now()
    with backends.ledger.snapshot() as snapshot:
        found = require(snapshot, ids, namespace=namespace)
        marks = snapshot.marks([key for key, _ in found.values()])
        supports = [_support(backends, policy, record, marks[key]) for key, record in found.values()]
        path = extract_path(text)
        heeded: list[Lesson] = []
        if path is not None and policy.recall.lessons.enabled and not by_user:
            spaces = {record.namespace for _, record in found.values()}
            spaces |= set() if namespace is None else {namespace}
            for space in sorted(spaces):
                heeded += triggered(path, snapshot.lessons(space), now=now)
        verdict = authorise(
            text, supports, _rules(policy), by_user=by_user,
            in_view=lambda: _in_view(backends, policy, snapshot, check_origin(origin or Origin()), now=now),
        )  # fmt: skip
    if heeded and verdict.decision == "allowed":
        reasons = (*verdict.reasons, f"lesson {heeded[0].id}: it does what a rejected memory did")
        return EffectVerdict(decision="review", effects=verdict.effects, reasons=reasons)
    return verdict


def _rules(policy: Policy) -> EffectRules:
    effects = policy.recall.effects
    return EffectRules(
        deny=frozenset(effects.deny), review=frozenset(effects.review), quorum_origins=effects.quorum_origins
    )


def _in_view(
    backends: Backends, policy: Policy, snapshot: LedgerSnapshot, origin: Origin, *, now: datetime
) -> list[Support]:
    """What was lately delivered into the contexts of whoever asks, strangers' and trusted memories."""
    contexts = contexts_of(backends, connection=origin.connection, session=None, task=origin.task)
    noted = (one.recent(contexts, now=now) for one in (backends.deliveries, backends.shown))
    keys = list(dict.fromkeys(key for keys in noted for key in keys))
    marks = snapshot.marks(keys)
    return [
        sight_of(
            record.id, record.text, trusted=class_in(policy, marks[key]) is not OriginClass.UNTRUSTED,
            origin_key=origin_key(policy, record), contested=record.status is not Status.ACTIVE,
        )
        for key, record in snapshot.records(keys).items()
    ]  # fmt: skip


def _support(backends: Backends, policy: Policy, record: MemoryRecord, marks: Marks) -> Support:
    withheld = backends.guard.judge(policy, marks).decision.strictness >= Decision.QUARANTINE.strictness
    return support_of(
        record.id, record.text, trusted=class_in(policy, marks) is not OriginClass.UNTRUSTED,
        origin_key=origin_key(policy, record),
        contested=record.status is not Status.ACTIVE or (withheld and marks.review is None),
    )  # fmt: skip
