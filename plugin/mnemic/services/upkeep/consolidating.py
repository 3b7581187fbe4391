"""Plans for what memories say together: notes, links, copies of one fact, and what has faded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from mnemic.domain.consolidation import batches
from mnemic.domain.consolidation.contradictions import find_contradictions
from mnemic.domain.consolidation.duplicates import MergeProposal, propose_merges
from mnemic.domain.consolidation.fading import propose_fading
from mnemic.domain.consolidation.links import LinkProposal, propose_evolution, propose_links
from mnemic.domain.consolidation.notes import propose_notes
from mnemic.domain.consolidation.retention import Usage
from mnemic.domain.learning.plan import PlanStep, StepAction, Upkeep
from mnemic.domain.memory import MemoryId, Relation
from mnemic.services.guarding.standing import trusted_among
from mnemic.services.upkeep.work import PlanPart, Work

_MOST_PROPOSALS_TOLD = 50


def note_steps(work: Work, place: int) -> Iterator[PlanPart]:
    """Notes on what several independent episodes say, in their own words. The episodes stay as they are."""
    corpus = work.corpus
    pairs = batches.collect(find_contradictions(corpus))
    contested = frozenset(end for pair in pairs for end in (pair.older, pair.newer)) | work.contested
    told = tuple(
        f"{pair.older} and {pair.newer} contradict each other{pair.subject and f' about {pair.subject}'}: "
        "neither becomes part of a note"
        for pair in pairs[:_MOST_PROPOSALS_TOLD]
    )
    for part in propose_notes(corpus, contested=contested, start=place):
        quotable = [note for note in part.proposals if not _instructs(work, note.evidence)]
        steps = tuple(
            PlanStep(
                action=StepAction.NOTE, upkeep=Upkeep.CONSOLIDATE, ids=note.evidence, reason=note.reason,
                detail={"text": note.text, "tags": ["note"]},
            )
            for note in quotable
        )  # fmt: skip
        yield _part_of_plan(work, part.cursor, part.total, steps, told if part.cursor >= part.total else ())


def link_steps(work: Work, place: int) -> Iterator[PlanPart]:
    """Links between memories that are near each other in meaning or share rare names."""
    corpus = work.corpus
    found: list[LinkProposal] = []
    for part in propose_links(corpus, start=place):
        found += part.proposals
        steps = tuple(
            PlanStep(
                action=StepAction.LINK, upkeep=Upkeep.LINK, ids=(link.source, link.target), reason=link.reason,
                detail={"relation": Relation.RELATED.value, "score": round(min(max(link.score, 0.0), 1.0), 4)},
            )
            for link in part.proposals
        )  # fmt: skip
        told: tuple[str, ...] = ()
        if part.cursor >= part.total:
            evolved = propose_evolution(corpus, found)[:_MOST_PROPOSALS_TOLD]
            told = tuple(
                f"{one.id} might be tagged {', '.join(one.tags or one.keywords)}, as {', '.join(one.because[:3])} are"
                for one in evolved
                if one.tags or one.keywords
            )
        yield _part_of_plan(work, part.cursor, part.total, steps, told)


def merge_steps(work: Work, place: int) -> Iterator[PlanPart]:
    """Copies of one fact: the one that says most stays, the others are archived."""
    for part in propose_merges(work.corpus, protected=work.protected, start=place):
        steps = tuple(
            PlanStep(
                action=StepAction.ARCHIVE, upkeep=Upkeep.MERGE, ids=(id,), reason=merge.reason,
                detail={"into": merge.keep},
            )
            for merge in part.proposals
            for id in _outweighed(work, merge)
        )  # fmt: skip
        yield _part_of_plan(work, part.cursor, part.total, steps)


def fade_steps(work: Work, place: int) -> Iterator[PlanPart]:
    """What was not used for long, and long enough after it was last said."""
    usage = _usage(work)
    now = work.backends.clock.now()
    for part in propose_fading(work.corpus, now=now, usage=usage.get, protected=work.protected, start=place):
        steps = tuple(
            PlanStep(action=StepAction.ARCHIVE, upkeep=Upkeep.EXPIRE, ids=(one.id,), reason=one.reason)
            for one in part.proposals
        )
        yield _part_of_plan(work, part.cursor, part.total, steps)


def _outweighed(work: Work, merge: MergeProposal) -> tuple[MemoryId, ...]:
    """What may be archived for the sake of what is kept: nothing that is trusted where that is a stranger's."""
    rows = dict(work.rows[id] for id in (merge.keep, *merge.archive))
    with work.backends.ledger.snapshot() as snapshot:
        trusted = trusted_among(snapshot, work.backends.guard.policy, rows)
    if work.rows[merge.keep][0] in trusted:
        return merge.archive
    return tuple(id for id in merge.archive if work.rows[id][0] not in trusted)


def _instructs(work: Work, ids: Iterable[MemoryId]) -> bool:
    """Whether recall would mask something in any of these: that is not quoted, in a note or in its plan."""
    rows = dict(work.rows[id] for id in ids)
    with work.backends.ledger.snapshot() as snapshot:
        marks = snapshot.marks(list(rows))
        trusted = trusted_among(snapshot, work.backends.guard.policy, rows)
    return any(found.directives for key, found in marks.items() if key not in trusted)


def _part_of_plan(
    work: Work, cursor: int, total: int, steps: tuple[PlanStep, ...], kept: Iterable[str] = ()
) -> PlanPart:
    last = cursor >= total
    # Notes go through subjects and the rest through memories: all are examined when the last part is.
    return PlanPart(
        examined=len(work.corpus) if last else 0, steps=steps, kept=tuple(kept), place=0 if last else cursor
    )


def _usage(work: Work) -> dict[MemoryId, Usage]:
    keys = {key: id for id, (key, _) in work.rows.items()}
    with work.backends.ledger.snapshot() as snapshot:
        known = snapshot.utilities(list(keys))
    usage: dict[MemoryId, Usage] = {}
    for id, (key, record) in work.rows.items():
        utility = known.get(key)
        if utility is None and not record.confirmations:
            continue
        last: list[datetime] = [moment for moment in (record.confirmed_at, utility and utility.last_used_at) if moment]
        usage[id] = Usage(
            recalls=0 if utility is None else utility.shown, confirmations=record.confirmations,
            last_used=max(last, default=None),
        )  # fmt: skip
    return usage
