"""Which memories may be archived because nobody has used them for long. Archiving can be undone; nothing is erased."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

from mnemic.domain.consolidation.batches import Batch, pieces
from mnemic.domain.consolidation.corpus import Corpus
from mnemic.domain.consolidation.retention import UNUSED, RetentionModel, Usage, Zone, retention, zone_of
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class FadingSettings:
    """When a memory fades.

    ``below``: retention, 0..1; 0.05 is where SuperLocalMemory stops keeping one. ``min_unused``: the published strengths
    are days and hours, by which all memory would be gone within two weeks, so this long must have passed as well.
    ``kinds``: lessons expire by their own rules and are left alone.
    """

    model: RetentionModel = RetentionModel.EBBINGHAUS
    below: float = 0.05
    min_unused: timedelta = timedelta(days=90)
    kinds: frozenset[Kind] = frozenset({Kind.EPISODIC, Kind.SEMANTIC})


DEFAULT = FadingSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class FadeProposal:
    """A memory that may be archived. ``retention`` in 0..1."""

    id: MemoryId
    retention: float
    zone: Zone
    reason: str


def propose_fading(
    corpus: Corpus,
    *,
    now: datetime,
    usage: Callable[[MemoryId], Usage | None] = lambda _: None,
    protected: Set[MemoryId] = frozenset(),
    settings: FadingSettings = DEFAULT,
    size: int = 10_000,
    start: int = 0,
) -> Iterator[Batch[FadeProposal]]:
    """Memories that fade, in the order of time, by batches of memories.

    ``protected`` memories (vouched for, contested, cited by what is archived …) never fade, and neither does what the
    memories here cite or replaced. Evidence stays even when the note that cites it fades: the note may come back.
    """
    cited = {id for record in corpus.records for id in (*record.evidence, *filter(None, [record.supersedes]))}
    safe = protected | cited
    for at, end in pieces(len(corpus), size, start):
        found = (
            fades(record, usage(record.id) or UNUSED, now=now, settings=settings)
            for record in corpus.records[at:end]
            if record.id not in safe
        )
        yield Batch(proposals=tuple(one for one in found if one), cursor=end, total=len(corpus))


def fades(
    record: MemoryRecord, usage: Usage, *, now: datetime, settings: FadingSettings = DEFAULT
) -> FadeProposal | None:
    """Whether a memory that nothing protects has faded at ``now``; confirmations of the record count as use."""
    if record.kind not in settings.kinds:
        return None
    used = [record.recorded_at, *usage.used, *filter(None, [usage.last_used, record.confirmed_at])]
    unused = now - max(used)
    if unused < settings.min_unused:
        return None
    whole = Usage(
        recalls=usage.recalls,
        confirmations=max(usage.confirmations, record.confirmations),
        importance=usage.importance,
        emotion=usage.emotion,
        last_used=max(used),
        used=usage.used,
    )
    left = retention(whole, created=record.recorded_at, now=now, model=settings.model)
    if left > settings.below:
        return None
    return FadeProposal(
        id=record.id,
        retention=left,
        zone=zone_of(left),
        reason=f"not used for {unused.days} days, retention {left:.3f} ({settings.model})",
    )
