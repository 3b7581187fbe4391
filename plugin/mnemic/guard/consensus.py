"""Which of the paths recalled together agree, counted by independent origins.

A-MemGuard (arXiv 2510.02373) asks whether the reasoning paths of the memories recalled for one question agree. Its code
counts memories, so whoever writes most of them wins. Here an origin has one vote however many memories it writes, and
nothing is kept without a quorum. Distance of two paths: 1 − Jaccard of their typed edges, 0..1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mnemic.domain.lesson import Edge
from mnemic.domain.text import jaccard
from mnemic.guard.effects import STEERING
from mnemic.guard.paths import Path

PathDecision = Literal["keep", "contested", "reject"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRecord:
    """A recalled memory with its path. ``origin_key`` names its independent origin; memories with one key are one witness."""

    id: str
    path: Path
    origin_key: str
    trusted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsensusSettings:
    """How agreement is counted.

    ``k``: how many recalled memories with a path the caller judges together (1..20). ``eps``: the greatest distance at which
    two paths agree, 0..1. ``min_samples``: of the clustering, ≥ 1. ``quorum_origins``: trusted origins that must agree, ≥ 1.
    ``count``: what one vote is; ``records`` is the published way and loses to a flood. ``method``: ``quorum`` is ours;
    ``clustering`` is DBSCAN whose heaviest cluster is kept, without a quorum.
    """

    k: int = 4
    eps: float = 0.5
    min_samples: int = 2
    quorum_origins: int = 2
    count: Literal["origins", "records"] = "origins"
    method: Literal["quorum", "clustering"] = "quorum"


OURS = ConsensusSettings()
AMEMGUARD_RELEASED = ConsensusSettings(count="records", method="clustering")
"""``method='clustering'`` of the released code: the largest DBSCAN cluster is kept; without a cluster all are rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathVerdict:
    """What became of one path. ``contested``: nobody can tell, so it is not trusted and no lesson is drawn.

    ``score``, 0..1: over the edges of the path, the mean share of the votes present that support the edge. ``support``: the
    origins whose paths agree with this one, its own among them, sorted. ``unsupported``: edges that only its own origin has.
    """

    decision: PathDecision
    score: float
    support: tuple[str, ...]
    unsupported: frozenset[Edge]
    reasons: tuple[str, ...]


def judge(records: Sequence[PathRecord], settings: ConsensusSettings = OURS) -> dict[str, PathVerdict]:
    """A verdict for every record, by id (ids are distinct). The order of the records does not matter.

    ``quorum``: a path is kept when paths of ``quorum_origins`` trusted origins, which are more than half of the trusted
    origins present, agree with it, or when it agrees with such a path of another origin. Agreement is direct: two paths never
    agree by way of a third, so nobody can bridge his plan to that of others. Two such plans with equal support, or none:
    contested. Untrusted origins are judged and have no vote. A path with an effect that
    no other agreeing trusted origin names is an outlier, however much of the plan it shares.
    """
    if settings.method == "clustering":
        decisions = _by_clusters(records, settings)
    else:
        decisions = _by_quorum(records, settings)
    return {record.id: _explained(record, records, settings, *decisions[record.id]) for record in records}


Decided = dict[str, tuple[PathDecision, str]]


def _voter(record: PathRecord, settings: ConsensusSettings) -> str:
    return record.origin_key if settings.count == "origins" else record.id


def _agree(one: PathRecord, other: PathRecord, settings: ConsensusSettings) -> bool:
    return 1.0 - jaccard(one.path.typed_edges, other.path.typed_edges) <= settings.eps


def _support(record: PathRecord, records: Sequence[PathRecord], settings: ConsensusSettings) -> set[str]:
    """The trusted voters whose paths agree directly with this one."""
    return {_voter(other, settings) for other in records if other.trusted and _agree(record, other, settings)}


def _by_quorum(records: Sequence[PathRecord], settings: ConsensusSettings) -> Decided:
    present = {_voter(record, settings) for record in records if record.trusted}
    support = {record.id: _support(record, records, settings) for record in records}
    cores = [
        record
        for record in records
        if len(support[record.id]) >= settings.quorum_origins and 2 * len(support[record.id]) > len(present)
    ]
    if not cores:
        return _all(
            records, "contested", f"no {settings.quorum_origins} independent origins and most of {len(present)} agree"
        )
    plans = _components(cores, lambda one, other: _agree(one, other, settings))
    strength = [max(len(support[record.id]) for record in plan) for plan in plans]
    if strength.count(max(strength)) > 1:
        return _all(records, "contested", "two plans have equal support")
    chosen = plans[strength.index(max(strength))]
    decided: Decided = {}
    for record in records:
        voter = _voter(record, settings)
        near = [
            core
            for core in chosen
            if core is record or (_agree(record, core, settings) and _voter(core, settings) != voter)
        ]
        if not near:
            decided[record.id] = "reject", f"disagrees with the plan of {max(strength)} independent origins"
        elif alone := _own_effects(record, records, settings):
            decided[record.id] = "reject", f"no other origin of its plan names: {', '.join(sorted(alone))}"
        else:
            decided[record.id] = "keep", f"agrees with the plan of {max(strength)} independent origins"
    return decided


def _own_effects(record: PathRecord, records: Sequence[PathRecord], settings: ConsensusSettings) -> frozenset[str]:
    """The effects of a record that no agreeing trusted record of another origin has."""
    voter = _voter(record, settings)
    others = [r for r in records if r.trusted and _voter(r, settings) != voter and _agree(record, r, settings)]
    return record.path.effects - STEERING - frozenset().union(*(other.path.effects for other in others))


def _components(
    records: Sequence[PathRecord], linked: Callable[[PathRecord, PathRecord], bool]
) -> list[list[PathRecord]]:
    groups: list[list[PathRecord]] = []
    for record in records:
        touching = [group for group in groups if any(linked(record, other) for other in group)]
        merged = [record, *(other for group in touching for other in group)]
        groups = [group for group in groups if group not in touching] + [merged]
    return groups


def _by_clusters(records: Sequence[PathRecord], settings: ConsensusSettings) -> Decided:
    labels = dbscan(len(records), lambda i, j: _agree(records[i], records[j], settings), settings.min_samples)
    votes: dict[int, set[str]] = {}
    for record, label in zip(records, labels, strict=True):
        if label >= 0:
            votes.setdefault(label, set()).add(_voter(record, settings))
    if not votes:
        return _all(records, "reject", "no two paths agree")
    weights = Counter({label: len(voters) for label, voters in votes.items()})
    (best, weight), *rest = weights.most_common(2)
    if rest and rest[0][1] == weight:
        return _all(records, "contested", "two plans have equal support")
    return {
        record.id: ("keep", "in the largest cluster") if label == best else ("reject", "outside the largest cluster")
        for record, label in zip(records, labels, strict=True)
    }


def _all(records: Sequence[PathRecord], decision: PathDecision, reason: str) -> Decided:
    return {record.id: (decision, reason) for record in records}


def dbscan(count: int, near: Callable[[int, int], bool], min_samples: int) -> list[int]:
    """Cluster labels 0.. of ``count`` points, -1 for noise (Ester et al. 1996). ``near(i, i)`` is taken as true."""
    neighbours = [[j for j in range(count) if i == j or near(i, j)] for i in range(count)]
    labels = [-1] * count
    cluster = 0
    for start in range(count):
        if labels[start] >= 0 or len(neighbours[start]) < min_samples:
            continue
        reached = [start]
        while reached:
            point = reached.pop()
            if labels[point] >= 0:
                continue
            labels[point] = cluster
            if len(neighbours[point]) >= min_samples:
                reached.extend(neighbours[point])
        cluster += 1
    return labels


def _explained(
    record: PathRecord, records: Sequence[PathRecord], settings: ConsensusSettings, decision: PathDecision, reason: str
) -> PathVerdict:
    """The verdict with the shares of the votes that speak for each edge."""
    present = {_voter(other, settings) for other in records}
    edges = record.path.typed_edges
    voters = {edge: {_voter(other, settings) for other in records if edge in other.path.typed_edges} for edge in edges}
    score = sum(len(found) for found in voters.values()) / (len(edges) * len(present)) if edges else 0.0
    agreeing = {other.origin_key for other in records if other is record or _agree(record, other, settings)}
    return PathVerdict(
        decision=decision,
        score=score,
        support=tuple(sorted(agreeing)),
        unsupported=frozenset(edge for edge, found in voters.items() if found == {_voter(record, settings)}),
        reasons=(reason,),
    )
