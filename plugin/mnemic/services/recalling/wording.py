"""The words to search for: those of the question as far as somebody has written them, and what they were meant to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mnemic.domain.forms import without_spare_pieces
from mnemic.domain.recall import MemoryFilter
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.postings import MOST_HOLDING, Keys
from mnemic.retrieval.question import Question
from mnemic.retrieval.spelling import SHORTEST
from mnemic.services.backends import Backends

# A word that so few have written may have been written in other namespaces alone.
_RARE = 20
# So many words of the same question are looked for under other spellings, and so many are taken for each.
_MOST_CORRECTED = 8
_MOST_INSTEAD = 3


def words_asked(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, namespaces: Sequence[int], question: Question
) -> tuple[str, ...]:
    """The words of ``question``, each that nobody has written followed by those that are nearly it.

    What others have written must not show: whether a word is known is asked of what the filter lets through, and what is
    nearly it is sought in ``namespaces`` and must pass the filter, too.
    """
    counts = dict(zip(question.words, snapshot.document_counts(question.words), strict=True))
    words = [word for word in question.words if counts[word] or word not in question.unsure] or list(question.words)
    words = without_spare_pieces(words, counts)
    rare = [word for word in words if len(word) >= SHORTEST and counts[word] <= _RARE]
    held = holding(backends, snapshot, filter, namespaces, [word for word in rare if counts[word]])
    unknown = [word for word in rare if not counts[word] or not len(held.get(word, ()))]
    for word in unknown[:_MOST_CORRECTED]:
        near = backends.spellings.near(snapshot, namespaces, word)
        meant = [other for other in near if snapshot.occurs(other, filter)][:_MOST_INSTEAD]
        at = words.index(word) + 1
        words[at:at] = [other for other in meant if other not in words]
    return tuple(words)


def holding(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, namespaces: Sequence[int], words: Sequence[str]
) -> dict[str, Keys]:
    """For each word the memories that pass the filter and hold it, ascending; a word is missing that too many hold."""
    if len(namespaces) == 1 and filter.is_plain():
        return backends.postings.holding(snapshot, filter, namespaces[0], words)
    found = snapshot.postings(words, filter, limit=MOST_HOLDING)
    return {word: np.array(sorted(keys), np.int64) for word, keys in found.items()}
