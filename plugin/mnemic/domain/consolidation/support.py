"""Whether a note says only what its evidence says (HaluMem's extraction check: every claim is in the source). English.

Strict on purpose: a refused wording costs a nicer sentence, an accepted invention costs the memory's worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from mnemic.domain.consolidation.terms import Sentence, in_same_order, read_sentences, stem

# Words that report without claiming anything.
_REPORTING = frozenset(
    stem(word)
    for word in """say says said mention mentions mentioned tell tells told talk talks talked speak speaks spoke report
    reported describe describes described repeatedly also both about according session conversation""".split()
)
_NEAR = 4


def unsupported_claims(text: str, evidence: Iterable[str], *, known: Iterable[str] = ()) -> tuple[str, ...]:
    """What ``text`` says and no evidence does; empty when it is supported.

    Every content word, name and number must occur in the evidence or in ``known`` (the subject, speakers, dates of the
    evidence); a number must stand near a word that it stands near there; a sentence is negated as the piece of evidence
    that it is closest to; what is said with a name other than the known ones is said in one sentence of the evidence, with
    the names in that order.
    """
    pieces = [sentence for part in evidence for sentence in read_sentences(part)]
    allowed = {word for part in known for sentence in read_sentences(part) for word in sentence.stems} | _REPORTING
    said = {word for sentence in pieces for word in sentence.stems} | allowed
    problems: list[str] = []
    for sentence in read_sentences(text):
        problems += [f"not in the evidence: {word}" for word in dict.fromkeys(sentence.stems) if word not in said]
        problems += [
            f"not in the evidence like this: {number}"
            for number in dict.fromkeys(sentence.numbers)
            if number not in allowed and not any(_same_place(number, sentence, piece) for piece in pieces)
        ]
        if not problems and pieces:
            problems += _turned_round(sentence, pieces, allowed)
    return tuple(problems)


def _same_place(number: str, sentence: Sentence, piece: Sentence) -> bool:
    mine, theirs = _neighbours(number, sentence.stems), _neighbours(number, piece.stems)
    return number in piece.numbers and (not mine or not theirs or bool(mine & theirs))


def _neighbours(number: str, stems: Sequence[str]) -> set[str]:
    """The nearest words after a number, for that is what it counts; those before it when none follow."""
    found: set[str] = set()
    for at, word in enumerate(stems):
        if word == number:
            after = [other for other in stems[at + 1 : at + _NEAR] if not other[0].isdigit()]
            found.update(after[:1] or stems[max(0, at - _NEAR) : at])
    return found


def _turned_round(sentence: Sentence, pieces: Sequence[Sentence], allowed: Set[str]) -> list[str]:
    content = frozenset(sentence.stems)
    if not content:
        return []
    best = max(len(content & frozenset(piece.stems)) for piece in pieces)
    closest = [piece for piece in pieces if len(content & frozenset(piece.stems)) == best]
    if best and all(piece.negated != sentence.negated for piece in closest):
        return [f"negated otherwise in the evidence: {sentence.text}"]
    names = frozenset(sentence.names) | ({sentence.opening} - {""})
    if not names - allowed:
        return []
    whole = [piece for piece in pieces if content - allowed <= frozenset(piece.stems)]
    if not any(in_same_order(sentence.stems, piece.stems, names & frozenset(piece.stems)) for piece in whole):
        return [f"not said of these names together in the evidence: {sentence.text}"]
    return []
