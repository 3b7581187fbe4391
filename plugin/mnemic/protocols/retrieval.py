"""What ranking reads of the ledger besides the candidates themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from mnemic.domain.memory import Namespace, RowKey
from mnemic.domain.passages import Span
from mnemic.domain.recall import MemoryFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalHit:
    """A memory that shares words with a query; ``bm25`` > 0, higher is better."""

    key: RowKey
    bm25: float


class SearchedText(NamedTuple):
    """What the full-text index holds of a memory: its date in words, and everything else.

    ``rest`` begins with the text itself, so that its ``passages`` are places in ``rest``.
    """

    dated: str
    rest: str
    passages: tuple[Span, ...] = ()


class WordStatistics(NamedTuple):
    """``counts``: of ``memories`` memories, so many hold each of the words that were asked for, in their order."""

    counts: list[int]
    memories: int


class TurnRow(NamedTuple):
    """A change of a memory, as far as it matters to who speaks before and after whom.

    ``at`` is when it was said, and ``begins`` from when on it is true, in microseconds since 1970. ``present`` is false for
    what recall must not return; of what was erased nothing but ``key`` and ``seq`` is left.
    """

    key: RowKey
    seq: int
    session: str | None
    speaker: str | None
    role: str | None
    at: int
    present: bool
    begins: int = 0


class RetrievalReader(Protocol):
    """The part of a snapshot that ranking reads."""

    def telling(self, words: Sequence[str]) -> tuple[str, ...]:
        """Those of ``words`` that are worth a search: in a large ledger not the ones that occur nearly everywhere."""
        ...

    def lexical(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> list[LexicalHit]:
        """The best memories of ``filter`` by stemmed BM25 over ``words``, best first. What is cold is not searched."""
        ...

    def postings(self, words: Sequence[str], filter: MemoryFilter, *, limit: int) -> dict[str, list[RowKey]]:
        """For each of ``words`` all memories of ``filter`` in which it occurs in any form, in no order.

        A word is missing that more than ``limit`` hold.
        """
        ...

    def occurs(self, word: str, filter: MemoryFilter) -> bool:
        """Whether any memory of ``filter`` holds ``word`` in any form."""
        ...

    def speakers(self, namespace: Namespace, *, subtree: bool = False) -> list[str]:
        """Everybody whose words a namespace holds, sorted."""
        ...

    def about(self, speaker: str, keys: Sequence[RowKey]) -> set[RowKey]:
        """Of ``keys``, what ``speaker`` said and what mentions the speaker without having one itself: in its text, or as the
        subject of its fact.

        A mention is the name by itself and not letters of another word.
        """
        ...

    def stems(self, words: Sequence[str]) -> list[str]:
        """The stem of each word, as the full-text index cuts it."""
        ...

    def document_counts(self, words: Sequence[str]) -> list[int]:
        """In how many memories of the whole ledger each word occurs in any form."""
        ...

    def word_statistics(self, words: Sequence[str], namespace_key: int | None = None) -> WordStatistics:
        """In how many memories each word occurs in any form, and of how many: of one namespace, so that what others hold
        changes nothing there; of the whole ledger for None, and for a namespace so large that it makes no difference.
        """
        ...

    def average_length(self) -> float:
        """How many words a memory has on average, 1.0 in an empty ledger."""
        ...

    def searched_texts(self, keys: Sequence[RowKey]) -> dict[RowKey, SearchedText]:
        """What is searched of the memories that exist among ``keys``."""
        ...

    def said_by(self, keys: Sequence[RowKey]) -> dict[RowKey, tuple[str | None, str | None]]:
        """Speaker and role of those among ``keys`` that have either."""
        ...

    def moments(self, keys: Sequence[RowKey]) -> dict[RowKey, int]:
        """When each memory that exists among ``keys`` happened, else was recorded, in microseconds since 1970."""
        ...

    def announcements(self, keys: Sequence[RowKey], *, after: datetime) -> list[tuple[RowKey, RowKey]]:
        """Those of ``keys`` that hold only from some moment after ``after`` on, each behind what holds until then.

        What was to begin first comes first.
        """
        ...

    def texts(self, namespace_key: int, *, after: int, limit: int) -> list[tuple[int, str]]:
        """The seq and text of what changed in a namespace, whatever its status: seq > ``after``, in the order of seq."""
        ...

    def turns(self, namespace_key: int, *, after: int, limit: int) -> list[TurnRow]:
        """Changes in a namespace with seq > ``after`` in the order of seq, at most ``limit``."""
        ...
