"""Which of the memories that may be delivered are shown: one of those that say the same, and not too many of a session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from mnemic.domain.consolidation.alike import occasion, says_all_of
from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey
from mnemic.domain.recall import Hit
from mnemic.domain.text import fingerprint
from mnemic.guard.policy import Handling
from mnemic.retrieval.packing import Bookmark
from mnemic.services.guarding.standing import Vetted


class Found(NamedTuple):
    """A memory in the ranking, and the place after it."""

    key: RowKey
    hit: Hit
    place: int


Judged = tuple[Found, Vetted]


@dataclass(slots=True)
class Shown:
    """What takes one place of an answer: a memory, and those ``alike``, all of which it says.

    ``place`` in the ranking is that of the best of them.
    """

    place: int
    best: Judged
    alike: list[Judged] = field(default_factory=list)

    @property
    def members(self) -> list[Judged]:
        """All of them."""
        return [self.best, *self.alike]

    @property
    def ids(self) -> tuple[MemoryId, ...]:
        """Those that it says all of, in the order of the ranking."""
        return tuple(found.hit.memory.id for found, _ in sorted(self.alike, key=lambda one: one[0].place))


class Arrangement:
    """How an answer to one question is filled, page by page.

    ``per_session``: at most so many memories of one session are shown, None any number; what has no session is bounded by
    nothing. ``mark`` says what was dealt with on the pages before.
    """

    def __init__(self, per_session: int | None, mark: Bookmark) -> None:
        self._per_session = per_session
        self._mark = mark
        self._occasions: dict[RowKey, Hashable] = {}
        self._compared: dict[tuple[RowKey, RowKey], bool] = {}

    def open(self, found: Iterable[Found], shown: Sequence[Shown]) -> Iterator[Found]:
        """Those of ``found`` for which there is room beside ``shown``, and which no page before has named."""
        count = self._sessions(shown)
        ahead = frozenset(self._mark.ahead)
        return (one for one in found if one.place not in ahead and not self._is_full(count, one.hit.memory))

    def arrange(self, passed: Iterable[Judged]) -> list[Shown]:
        """What to show of memories that may be delivered, in their order.

        What is trusted is never hidden behind a stranger's, nor what has a warning behind what has none. Of two that say all
        of each other the first stays, or the more trusted; else the one that says more takes the place of the other. Plans
        are all shown: those that agree on one are its witnesses.
        """
        shown: list[Shown] = []
        count = self._sessions(())
        groups: dict[Hashable, list[Shown]] = {}
        for one in passed:
            record = one[0].hit.memory
            about = self._occasion(one)
            group = groups.setdefault(about, []) if about is not None else []
            if any(self._joins(one, other, count) for other in group):
                continue
            if not self._is_full(count, record):
                shown.append(Shown(one[0].place, one))
                group.append(shown[-1])
                count.update(self._session(record))
        return shown

    def bookmark(self, place: int, shown: Sequence[Shown], last: str = "") -> Bookmark:
        """Where the next page begins: after ``place``, where the memory ``last`` is, without what ``shown`` names behind."""
        places = [found.place for one in shown for found, _ in one.members] + [*self._mark.ahead]
        sessions = tuple(sorted(self._sessions(shown).elements()))
        return Bookmark(
            place, tuple(sorted(other for other in places if other > place)), sessions, last, self._mark.window
        )

    def _joins(self, one: Judged, other: Shown, count: Counter[int]) -> bool:
        """Whether ``other`` says all of this, or this all of ``other``; then they have become one."""
        if self._hides(other.best, one):
            other.alike.append(one)
            return True
        if not all(self._hides(one, member) for member in other.members):
            return False
        old, new = self._session(other.best[0].hit.memory), self._session(one[0].hit.memory)
        if old != new:
            if self._is_full(count, one[0].hit.memory):
                return False
            count.subtract(old)
            count.update(new)
        other.alike.append(other.best)
        other.best = one
        return True

    def _occasion(self, one: Judged) -> Hashable:
        key = one[0].key
        if key not in self._occasions:
            self._occasions[key] = None if one[1].path is not None else occasion(one[0].hit.memory)
        return self._occasions[key]

    def _hides(self, keep: Judged, other: Judged) -> bool:
        """Whether ``keep`` may stand for ``other``: it is trusted as much, has every warning, and says all of it."""
        if keep[1].trust < other[1].trust or keep[1].trusted < other[1].trusted:
            return False
        stranger = keep[1].trusted and not other[1].trusted
        if not stranger and not _warnings(other[1]) <= _warnings(keep[1]):
            return False
        pair = keep[0].key, other[0].key
        if pair not in self._compared:
            self._compared[pair] = says_all_of(keep[0].hit.memory, other[0].hit.memory)
        return self._compared[pair]

    def _sessions(self, shown: Sequence[Shown]) -> Counter[int]:
        """How often each session was shown."""
        count = Counter(self._mark.sessions)
        for one in shown:
            count.update(self._session(one.best[0].hit.memory))
        return count

    def _is_full(self, count: Counter[int], record: MemoryRecord) -> bool:
        return any(count[one] >= (self._per_session or 0) for one in self._session(record))

    def _session(self, record: MemoryRecord) -> tuple[int, ...]:
        """What its session is counted under, in four bytes: a cursor carries one for every hit. Nothing if nobody counts."""
        if self._per_session is None or record.session is None:
            return ()
        return (fingerprint(*record.namespace, record.session) & 0xFFFF_FFFF,)


def _warnings(one: Vetted) -> frozenset[str]:
    return frozenset(one.labels if one.handling is Handling.ALLOW else (*one.labels, *one.reasons))
