"""Memories that are linked to what was found, as candidates beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mnemic.domain.memory import Link, MemoryId, MemoryRecord, Relation, RowKey, Status
from mnemic.domain.recall import LINKS_PART, MemoryFilter
from mnemic.protocols import LedgerSnapshot, Vectors
from mnemic.retrieval.pagerank import Weights, received
from mnemic.retrieval.question import Question
from mnemic.retrieval.shared_words import joined_by_words
from mnemic.retrieval.smoothing import Scores
from mnemic.services.backends import Backends
from mnemic.services.recalling.candidates import Found, find_candidates

# How strongly a link of score 1 leads from its source to its target, and back. A fact leads to its episodes. An episode
# hardly leads to the notes that quote it, which would only stand before it, nor what is found to all that resembles it: on
# LoCoMo dev with consolidated notes and links R@1 falls from 43.2 to 35.2 where all of these are 1, to 42.6 as it is. What
# contradicts a memory does not answer the same question, and what was merely in view when it was written need not have to do
# with it.
ONWARD: Mapping[Relation, float] = {Relation.EVIDENCE: 1.0, Relation.RELATED: 0.1, Relation.NEAR_DUPLICATE: 0.1}
BACK: Mapping[Relation, float] = {**ONWARD, Relation.EVIDENCE: 0.1}
# The best memories are where walks begin. Two links lead from a fact to its episodes and to what else was drawn from them.
_SEEDS = 40
_REACH = 2
# Of each memory the strongest links, among equals the oldest: a flood of new links does not displace what was there.
_MOST_LINKS = 20
_MOST_ADDED = 100
# The one episode behind a fact that scores 0.6 comes to 0.36 by its link alone, each of three to 0.14.
LINK_WEIGHT = 1.5
# On LoCoMo dev R@10 79.1 instead of 78.7, multi-hop 52.8 instead of 51.4; with consolidated notes and links beside, 79.2
# instead of 78.4 and 53.1 instead of 51.2, but R@5 69.5 instead of 70.7. LongMemEval with the assistant's turns loses 7 R@5,
# and 2 R@10 without them (15 cases): nobody gets it unasked.
WORD_WEIGHT = 0.2
_DECIMALS = 6


def with_linked(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, question: Question, vector: Vectors | None,
    found: Found,
) -> Found:  # fmt: skip
    """The answer of `find_candidates` with the memories that are linked to the best of ``found``, its answer without them.

    Links to evidence are followed both ways, as from AriGraph's facts to their episodes, and so are those between related
    and nearly equal memories. What reaches a memory over links and over rare words (`received`) takes its score s to
    1 - (1 - s) * exp(-w * received): no score falls, and none leaves 0..1.
    """
    graph = LinkGraph(snapshot, [entry.key for entry in found.candidates[:_SEEDS]])
    known = {entry.key for entry in found.candidates}
    added = [key for key in graph.passing(filter) if key not in known][:_MOST_ADDED]
    found = find_candidates(backends, snapshot, filter, question, vector, also=added)
    candidates = found.candidates
    if not candidates:
        return found
    keys = [entry.key for entry in candidates]
    scores = np.array([entry.score for entry in candidates])
    words = joined_by_words(backends.bags.gather(snapshot, keys, ()), len(keys))
    gained = LINK_WEIGHT * graph.received(keys, scores)
    gained += WORD_WEIGHT * received(words, np.arange(min(_SEEDS, len(keys))), scores)
    lifted = np.round(1 - (1 - scores) * np.exp(-gained), _DECIMALS)
    order = np.lexsort((np.array(keys), -lifted)).tolist()
    gains = lifted - scores
    linked = [
        candidates[at]._replace(score=float(lifted[at]), parts=np.append(candidates[at].parts, gains[at]))
        for at in order
    ]
    return found._replace(candidates=linked, parts=(*found.parts, LINKS_PART))


class LinkGraph:
    """Some active memories, what is linked to them within their namespaces, and how strongly."""

    def __init__(self, snapshot: LedgerSnapshot, keys: Sequence[RowKey]) -> None:
        self._snapshot = snapshot
        self._found: dict[MemoryId, tuple[RowKey, MemoryRecord]] = {}
        self._weights: dict[tuple[RowKey, RowKey], float] = {}
        records = snapshot.records(keys)
        front = self._take({records[key].id: (key, records[key]) for key in keys if key in records})
        for _ in range(_REACH):
            links = _strongest(snapshot.links(front), front)
            # In the order of the links, so that chance does not decide what is left out.
            ends = dict.fromkeys(end for link in links for end in (link.source, link.target) if end not in self._found)
            found = snapshot.find(ends)
            front = self._take({id: found[id] for id in ends if id in found})
            for link in links:
                self._join(link)

    def passing(self, filter: MemoryFilter) -> list[RowKey]:
        """The memories that pass ``filter``, nearest first."""
        if filter.is_plain():
            found = self._found.values()
            return [key for key, one in found if one.namespace == filter.namespace and one.kind in filter.kinds]
        matching = set(self._snapshot.matching_keys(filter, among=[key for key, _ in self._found.values()]).tolist())
        return [key for key, _ in self._found.values() if key in matching]

    def received(self, keys: Sequence[RowKey], scores: Scores) -> Scores:
        """What reaches each of ``keys``, best first, from the first `_SEEDS` of them over links; see `received`."""
        nodes = sorted({key for pair in self._weights for key in pair})
        place = {key: at for at, key in enumerate(nodes)}
        weights: Weights = np.zeros((len(nodes), len(nodes)))
        for (one, other), weight in self._weights.items():
            weights[place[one], place[other]] = weight
        at_node = np.zeros(len(nodes))
        for key, score in zip(keys, scores.tolist(), strict=True):
            if key in place:
                at_node[place[key]] = score
        seeds = np.array([place[key] for key in keys[:_SEEDS] if key in place], np.int64)
        over_links = received(weights, seeds, at_node)
        return np.array([over_links[place[key]] if key in place else 0.0 for key in keys])

    def _take(self, found: Mapping[MemoryId, tuple[RowKey, MemoryRecord]]) -> list[MemoryId]:
        # What is archived or withheld says nothing for others.
        news = {id: one for id, one in found.items() if one[1].status is Status.ACTIVE}
        self._found |= news
        return list(news)

    def _join(self, link: Link) -> None:
        ends = [self._found[id] for id in (link.source, link.target) if id in self._found]
        if len(ends) == 2 and ends[0][1].namespace == ends[1][1].namespace:
            (source, _), (target, _) = ends
            for pair, strength in (((source, target), ONWARD), ((target, source), BACK)):
                self._weights[pair] = max(self._weights.get(pair, 0.0), strength[link.relation] * link.score)


def _strength(link: Link) -> float:
    return ONWARD[link.relation] * link.score


def _strongest(links: Iterable[Link], ids: Sequence[MemoryId]) -> list[Link]:
    """Of the links that are followed, the `_MOST_LINKS` strongest of each of ``ids``, oldest first among equals."""
    of: dict[MemoryId, list[Link]] = defaultdict(list)
    for link in links:
        if link.relation in ONWARD and link.source != link.target:
            of[link.source].append(link)
            of[link.target].append(link)
    strongest: dict[Link, None] = {}
    for id in ids:
        ordered = sorted(of[id], key=lambda link: (-_strength(link), link.source, link.target, link.relation))
        strongest |= dict.fromkeys(ordered[:_MOST_LINKS])
    return list(strongest)
