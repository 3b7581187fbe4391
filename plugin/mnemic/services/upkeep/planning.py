"""Drawing up a maintenance plan: what would be done to which memory, and why. Nothing is changed."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from mnemic.domain.learning.plan import Plan, PlanId, PlanStatus, Upkeep
from mnemic.domain.learning.refinement import REFINEMENTS, Refinement
from mnemic.domain.memory import Namespace
from mnemic.domain.validation import check_choices, check_count, check_text, shown
from mnemic.errors import InvalidInput, UnknownMemory
from mnemic.services.backends import Backends
from mnemic.services.upkeep.consolidating import fade_steps, link_steps, merge_steps, note_steps
from mnemic.services.upkeep.pruning import prune_steps
from mnemic.services.upkeep.work import PlanPart, Work

Progress = Callable[[int], None]
"""Called with the number of memories examined so far."""

_SAVE_EVERY_SECONDS = 3.0
_TURN_SECONDS = 0.0005
_LONGEST_PAUSE_SECONDS = 0.02
MOST_STEPS = 20_000
"""A plan of more steps than this would lock the ledger for longer than a writer waits when it is applied."""


_WAYS = threading.Lock()
# How long the turns were before each of those began that give way now: the first one knows how long they are to be again.
_GIVEN: list[float] = []

Planner = Callable[[Work, int], Iterator[PlanPart]]
"""Draws up one kind of maintenance in parts, from a place on."""

PLANNERS: dict[Upkeep, Planner] = {
    Upkeep.PRUNE: prune_steps,
    Upkeep.MERGE: merge_steps,
    Upkeep.CONSOLIDATE: note_steps,
    Upkeep.LINK: link_steps,
    Upkeep.EXPIRE: fade_steps,
}
DEFAULT_UPKEEP = (Upkeep.PRUNE,)


def refinement_named(name: str | Refinement) -> Refinement:
    """A pruning rule by its name. Raises `InvalidInput`."""
    if isinstance(name, Refinement):
        return name
    if not isinstance(name, str) or name not in REFINEMENTS:
        raise InvalidInput(f"There is no rule {shown(name)}.", hint=f"The rules are: {', '.join(REFINEMENTS)}.")
    return REFINEMENTS[name]


def draw_up(
    backends: Backends, *, namespace: Namespace, upkeep: Sequence[object] = DEFAULT_UPKEEP,
    rule: str | Refinement = "default", resume: str | None = None, progress: Progress | None = None,
    considerate: bool = True,
) -> Plan:  # fmt: skip
    """Draw up a plan for a namespace and keep it. Recall goes on meanwhile: every part reads a snapshot of its own.

    How far it is, is kept every three seconds: ``resume`` goes on with an unfinished plan; what was written meanwhile
    may be left to the next one. ``considerate`` leaves half of the time to others in this process. Raises
    `InvalidInput`, `UnknownMemory` (a plan that does not exist), `StoreUnavailable`; a retry is safe.
    """
    chosen = refinement_named(rule)
    kinds = check_choices(upkeep, Upkeep, name="upkeep") or DEFAULT_UPKEEP
    if resume is None:
        plan = Plan(
            id=PlanId("p" + secrets.token_hex(6)), namespace=namespace, upkeep=kinds, rule=chosen.name,
            status=PlanStatus.UNFINISHED, created_at=backends.clock.now(),
        )  # fmt: skip
    else:
        plan = find_plan(backends, resume, namespace=namespace)
        if plan.status is not PlanStatus.UNFINISHED:
            return plan
        chosen = refinement_named(plan.rule)
    with _giving_way():
        return _finish(
            backends, plan, Work(backends=backends, namespace=namespace, rule=chosen, considerate=considerate), progress
        )


def _finish(backends: Backends, plan: Plan, work: Work, progress: Progress | None) -> Plan:
    saved = time.monotonic()
    for kind in plan.upkeep:
        place = plan.cursor.get(kind, 0)
        if place < 0:
            continue
        begun = time.monotonic()
        for part in PLANNERS[kind](work, place):
            room = MOST_STEPS - len(plan.steps)
            if len(part.steps) > room:
                more = len(part.steps) - room
                left_out = f"{more} more step{'' if more == 1 else 's'} to {kind}: apply this plan and draw up another"
                part = replace(part, steps=part.steps[:room], kept=(*part.kept, left_out))
            plan = replace(
                plan, examined=plan.examined + part.examined, steps=(*plan.steps, *part.steps),
                kept=(*plan.kept, *part.kept), cursor={**plan.cursor, kind: part.place or -1},
            )  # fmt: skip
            if progress is not None:
                progress(plan.examined)
            if time.monotonic() - saved >= _SAVE_EVERY_SECONDS:
                _keep(backends, plan)
                saved = time.monotonic()
            # Whoever recalls meanwhile gets half of the time to himself.
            if work.considerate:
                time.sleep(min(time.monotonic() - begun, _LONGEST_PAUSE_SECONDS))
            begun = time.monotonic()
        plan = replace(plan, cursor={**plan.cursor, kind: -1})
    plan = replace(plan, status=PlanStatus.PLANNED, cursor={})
    _keep(backends, plan)
    return plan


def find_plan(backends: Backends, id: str, *, namespace: Namespace | None = None) -> Plan:
    """A plan by its id. Raises `UnknownMemory`, also for one of another namespace."""
    id = check_text(id, name="the plan's id")
    with backends.ledger.snapshot() as snapshot:
        plan = snapshot.plan(PlanId(id))
    if plan is None or namespace not in (None, plan.namespace):
        raise UnknownMemory(
            f"There is no plan {id[:40]!r}.", hint="`mnemic plans list` lists them; an agent draws up a new one."
        )
    return plan


def list_plans(backends: Backends, *, namespace: Namespace, limit: int = 20) -> tuple[Plan, ...]:
    """The plans of a namespace, latest first."""
    check_count(limit, name="limit", low=1, high=1_000)
    with backends.ledger.snapshot() as snapshot:
        return tuple(snapshot.plans(namespace, limit=limit))


@contextmanager
def _giving_way() -> Iterator[None]:
    """Have Python's threads take turns ten times as often: a recall beside a plan must not wait 5 ms after each of its
    reads.
    """
    with _WAYS:
        _GIVEN.append(sys.getswitchinterval())
        sys.setswitchinterval(min(_GIVEN[0], _TURN_SECONDS))
    try:
        yield
    finally:
        with _WAYS:
            first = _GIVEN[0]
            _GIVEN.pop()
            # Of several at once the last one puts it back.
            if not _GIVEN:
                sys.setswitchinterval(first)


def _keep(backends: Backends, plan: Plan) -> None:
    with backends.ledger.transaction() as transaction:
        transaction.put_plan(plan)
