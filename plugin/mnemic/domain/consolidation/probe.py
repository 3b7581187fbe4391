"""The regression gate: what memory could answer before a plan it must still answer after it.

"Useful Memories Become Faulty" measures that consolidation makes formerly solved tasks fail; so every plan is tried on
questions made from the episodes it touches, and one lost answer stops it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mnemic.domain.consolidation.corpus import Corpus
from mnemic.domain.consolidation.terms import MOVING_TIMES, TURNS, Sentence, read_sentences, read_word
from mnemic.domain.memory import MemoryId

Search = Callable[[str], Sequence[MemoryId]]
"""Answers a question with ids, best first."""

TOP = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question and the memories any of which answers it.

    ``answer``: stems of what is asked for, which the question leaves out. A note that cites an expected memory answers it
    only if all of them stand in its text.
    """

    question: str
    expected: frozenset[MemoryId]
    answer: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CitingNote:
    """A note that may stand in for its evidence."""

    text: str
    evidence: frozenset[MemoryId]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Whether a plan may be applied. ``lost`` were answered before and are not after; ``gained`` the other way round."""

    passed: bool
    answered_before: int
    answered_after: int
    lost: tuple[Probe, ...]
    gained: tuple[Probe, ...]


def make_probes(
    corpus: Corpus, ids: Iterable[MemoryId], *, per_memory: int = 1, max_words: int = 8
) -> tuple[Probe, ...]:
    """Questions about memories, from their own most telling sentences, in the order of time; unknown ids are left out.

    A question is a cloze of keywords: the speaker and the ``max_words`` ≥ 2 most telling words of the sentence in their
    order, without the last of its values (a number, else a name, else the rarest word), which is the answer. Memories of the
    same question share one probe, as each of them answers it. A memory without two telling words makes none.
    """
    rows = sorted({corpus.position[id] for id in ids if id in corpus.position})
    probes: dict[tuple[str, frozenset[str]], set[MemoryId]] = {}
    for row in rows:
        record = corpus.records[row]
        sentences = sorted(
            enumerate(corpus.sentences[row]), key=lambda item: (-_information(corpus, item[1], max_words), item[0])
        )
        for _, sentence in sentences[:per_memory]:
            found = _cloze(corpus, sentence, record.speaker, max_words)
            if found is not None:
                probes.setdefault(found, set()).add(record.id)
    return tuple(
        Probe(question=question, expected=frozenset(expected), answer=answer)
        for (question, answer), expected in probes.items()
    )


def _information(corpus: Corpus, sentence: Sentence, max_words: int) -> float:
    ranked = sorted((corpus.idf(word) for word in set(sentence.stems)), reverse=True)
    return sum(ranked[: max_words + 1])


def _cloze(
    corpus: Corpus, sentence: Sentence, speaker: str | None, max_words: int
) -> tuple[str, frozenset[str]] | None:
    words: dict[str, str] = {}
    for token in sentence.tokens:
        base = read_word(token)[1]
        if base and token not in TURNS and token not in MOVING_TIMES:
            words.setdefault(base, token)
    if len(words) < 3:
        return None
    values = [word for word in words if word[0].isdigit()] or [
        word for word in words if word in sentence.names and word not in corpus.speakers
    ]
    answer = values[-1] if values else max(words, key=lambda word: (corpus.idf(word), word))
    telling = sorted((word for word in words if word != answer), key=lambda word: (-corpus.idf(word), word))
    kept = set(telling[:max_words])
    question = " ".join([*([speaker] if speaker else []), *(words[word] for word in words if word in kept)])
    return question, frozenset({answer})


def answers(
    probe: Probe, found: Sequence[MemoryId], *, notes: Mapping[MemoryId, CitingNote] | None = None, k: int = TOP
) -> bool:
    """Whether an expected memory, or a note that cites one and holds the answer, is among the first ``k`` found."""
    for id in found[:k]:
        if id in probe.expected:
            return True
        note = (notes or {}).get(id)
        if note is not None and note.evidence & probe.expected and probe.answer <= _stems(note.text):
            return True
    return False


def _stems(text: str) -> frozenset[str]:
    return frozenset(word for sentence in read_sentences(text) for word in sentence.stems)


def answered(
    probes: Sequence[Probe], search: Search, *, notes: Mapping[MemoryId, CitingNote] | None = None, k: int = TOP
) -> tuple[bool, ...]:
    """Which probes a search answers, in their order. One search for each."""
    return tuple(answers(probe, search(probe.question), notes=notes, k=k) for probe in probes)


def decide(probes: Sequence[Probe], before: Sequence[bool], after: Sequence[bool]) -> GateVerdict:
    """Passes only if nothing that was answered before is lost. Raises ValueError for lists of different lengths."""
    pairs = list(zip(probes, before, after, strict=True))
    lost = tuple(probe for probe, was, is_ in pairs if was and not is_)
    return GateVerdict(
        passed=not lost,
        answered_before=sum(before),
        answered_after=sum(after),
        lost=lost,
        gained=tuple(probe for probe, was, is_ in pairs if is_ and not was),
    )


def gate(
    probes: Sequence[Probe],
    before: Search,
    after: Search,
    *,
    notes: Mapping[MemoryId, CitingNote] | None = None,
    k: int = TOP,
) -> GateVerdict:
    """Ask all probes of memory as it is and as it would be. ``notes`` are those of the plan; they count only afterwards."""
    return decide(probes, answered(probes, before, k=k), answered(probes, after, notes=notes, k=k))
