"""Links between memories and what a memory's neighbours suggest about it: A-MEM (Xu et al. 2025) without a model.

A-MEM links a note to its k = 5 nearest and lets a model rewrite its neighbours. Here a link needs both sides (mutual
nearest neighbours) or a rare name in both texts, and a neighbour never changes: new tags and keywords are proposals.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mnemic.domain.consolidation.batches import Batch, pieces
from mnemic.domain.consolidation.corpus import Corpus
from mnemic.domain.consolidation.neighbours import nearest
from mnemic.domain.consolidation.terms import MOVING_TIMES, TURNS, read_word
from mnemic.domain.memory import MemoryId


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """When two memories are linked.

    ``k`` ≥ 1 nearest neighbours, each among the other's; at most ``k`` links of a memory to earlier ones.
    ``min_similarity``: their cosine, 0..1. ``max_entity_memories``: a name in more memories than this is not rare.
    ``min_entity_score``, 0..1: the least that shared names must tell. ``same_session``: link turns of one session too,
    which their order links already.
    """

    k: int = 5
    min_similarity: float = 0.6
    max_entity_memories: int = 12
    min_entity_score: float = 0.35
    same_session: bool = False


DEFAULT = LinkSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkProposal:
    """A link from a memory to an earlier one. ``score`` in 0..1: the cosine, or what the shared names tell
    by their idf."""

    source: MemoryId
    target: MemoryId
    score: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionProposal:
    """Tags and keywords that a memory might get, lower case, new to it. ``because``: the linked memories that bear them."""

    id: MemoryId
    tags: tuple[str, ...]
    keywords: tuple[str, ...]
    because: tuple[MemoryId, ...]


def propose_links(
    corpus: Corpus, settings: LinkSettings = DEFAULT, *, size: int = 5_000, start: int = 0
) -> Iterator[Batch[LinkProposal]]:
    """Links of each memory to earlier ones, best first, by batches of memories in the order of time.

    Needs no vectors: without them names alone link. n·log n: neighbours are found in buckets (`neighbours.py`), a name
    links each memory with the two before it that share the name.
    """
    scores: dict[tuple[int, int], tuple[float, str]] = {}
    for pair, score, reason in [*_by_meaning(corpus, settings), *_by_names(corpus, settings)]:
        if score > scores.get(pair, (0.0, ""))[0]:
            scores[pair] = (score, reason)
    found: dict[int, list[tuple[float, int, str]]] = defaultdict(list)
    for (later, earlier), (score, reason) in scores.items():
        one, other = corpus.records[later], corpus.records[earlier]
        if settings.same_session or one.session is None or one.session != other.session:
            found[later].append((-score, earlier, reason))
    for at, end in pieces(len(corpus), size, start):
        links = [
            LinkProposal(
                source=corpus.records[row].id, target=corpus.records[other].id, score=round(-score, 4), reason=reason
            )
            for row in range(at, end)
            for score, other, reason in sorted(found.get(row, ()))[: settings.k]
        ]
        yield Batch(proposals=tuple(links), cursor=end, total=len(corpus))


_NAME_WEIGHT = 0.7  # what one shared name of two memories is worth, against a cosine of 1

Scored = tuple[tuple[int, int], float, str]


def _by_meaning(corpus: Corpus, settings: LinkSettings) -> Iterable[Scored]:
    if corpus.vectors is None or len(corpus) < 2:
        return
    ids, near = nearest(corpus.vectors, settings.k)
    rows, places = (near >= settings.min_similarity).nonzero()
    others = ids[rows, places]
    mutual = (ids[others] == rows[:, None]).any(axis=1) & (rows > others)
    scores = near[rows, places][mutual].tolist()
    for row, other, score in zip(rows[mutual].tolist(), others[mutual].tolist(), scores, strict=True):
        yield (row, other), min(score, 1.0), f"nearest to each other, cosine {score:.2f}"


def _by_names(corpus: Corpus, settings: LinkSettings) -> Iterable[Scored]:
    rare = {
        name
        for name in corpus.names
        if 2 <= corpus.frequency.get(name, 0) <= settings.max_entity_memories
        and not (name in corpus.speakers or name in MOVING_TIMES or name[0].isdigit())
    }
    memories: dict[str, list[int]] = defaultdict(list)
    for row, sentences in enumerate(corpus.sentences):
        names = {name for sentence in sentences for name in (sentence.opening, *sentence.names) if name in rare}
        for name in sorted(names):
            memories[name].append(row)
    shared: dict[tuple[int, int], list[str]] = defaultdict(list)
    for name, rows in sorted(memories.items()):
        for at, row in enumerate(rows):
            for other in rows[max(0, at - 2) : at]:
                shared[(row, other)].append(name)
    rarest = math.log((len(corpus) + 1) / 2.5)
    for pair, names_shared in shared.items():
        missed = math.prod(1 - _NAME_WEIGHT * min(corpus.idf(name) / rarest, 1.0) for name in names_shared)
        if 1 - missed >= settings.min_entity_score:
            yield pair, 1 - missed, f"both name {', '.join(names_shared[:3])}"


def keywords_of(corpus: Corpus, id: MemoryId, count: int = 5) -> tuple[str, ...]:
    """The words of a memory that tell most, by tf·idf, as they stand in it in lower case. Raises KeyError for no memory."""
    row = corpus.position[id]
    forms: dict[str, str] = {}
    weights: Counter[str] = Counter()
    for sentence in corpus.sentences[row]:
        for token in sentence.tokens:
            for base in filter(None, [read_word(token)[1]]):
                if token not in TURNS and token not in MOVING_TIMES and not base[0].isdigit() and len(base) > 2:
                    forms.setdefault(base, token)
                    weights[base] += 1
    ranked = sorted(weights, key=lambda base: (-(1 + math.log(weights[base])) * corpus.idf(base), base))
    return tuple(forms[base] for base in ranked[:count])


def propose_evolution(
    corpus: Corpus, links: Iterable[LinkProposal], *, min_neighbours: int = 2, count: int = 5
) -> tuple[EvolutionProposal, ...]:
    """What linked memories suggest about each other: tags and keywords of at least ``min_neighbours`` linked memories.

    A keyword must stand in the memory's own text too, so a memory is never described by what it does not say. Linear in
    the links.
    """
    linked: dict[MemoryId, set[MemoryId]] = defaultdict(set)
    for link in links:
        linked[link.source].add(link.target)
        linked[link.target].add(link.source)
    words = {id: frozenset(keywords_of(corpus, id, 2 * count)) for id in linked}
    proposals = []
    for id in sorted(linked, key=lambda one: corpus.position[one]):
        record = corpus.records[corpus.position[id]]
        has = frozenset(tag.lower() for tag in record.tags)
        tags: Counter[str] = Counter()
        keywords: Counter[str] = Counter()
        for other in linked[id]:
            tags.update({tag.lower() for tag in corpus.records[corpus.position[other]].tags} - has)
            keywords.update(words[id] & words[other] - has)
        new_tags = tuple(sorted(tag for tag, times in tags.items() if times >= min_neighbours))
        new_words = tuple(sorted(word for word, times in keywords.items() if times >= min_neighbours))[:count]
        if new_tags or new_words:
            because = tuple(
                other
                for other in sorted(linked[id], key=lambda one: corpus.position[one])
                if words[other] & set(new_words)
                or {tag.lower() for tag in corpus.records[corpus.position[other]].tags} & set(new_tags)
            )
            proposals.append(EvolutionProposal(id=id, tags=new_tags, keywords=new_words, because=because))
    return tuple(proposals)
