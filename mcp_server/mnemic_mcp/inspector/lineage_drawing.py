"""The lineage of a memory as a drawing: what it was drawn from, its versions, and what came of it, from left to right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mnemic import MemoryRecord
from mnemic.domain.memory import History, MemoryId, Relation
from mnemic_mcp.inspector.showing import day, plain_short

WIDTH, HEIGHT = 236, 46
_GAP_X, _GAP_Y = 104, 16
_MOST = 7
_PREVIEW_CHARS = 36
_WORDS = {
    Relation.EVIDENCE: "drawn from", Relation.CONTEXT: "context", Relation.CONTRADICTS: "contradicts",
    Relation.RELATED: "related", Relation.NEAR_DUPLICATE: "nearly the same",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A box of `WIDTH` by `HEIGHT` at ``x``, ``y``. ``here`` is the memory whose page this is."""

    id: str
    x: float
    y: float
    caption: str
    text: str
    kind: str = ""
    here: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A curve between two boxes with what it means, and where to write that."""

    path: str
    word: str
    x: float
    y: float
    relation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """All sizes in pixels. ``left_out`` counts the linked memories there was no room for."""

    width: float
    height: float
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """A memory beside the versions. ``version`` is the one it belongs to; ``before``: it was there first."""

    id: MemoryId
    version: MemoryId
    relation: Relation
    before: bool


def ties_of(history: History) -> tuple[Tie, ...]:
    """The memories that are linked to any version of a memory, each once, and citations before mere likeness."""
    versions = {version.id for version in history.versions}
    cited = [(version.id, id) for version in history.versions for id in version.evidence]
    found = {
        id: Tie(id=id, version=version, relation=Relation.EVIDENCE, before=True)
        for version, id in cited
        if id not in versions
    }
    order = list(_WORDS)
    for link in sorted(history.links, key=lambda link: (order.index(link.relation), -link.score)):
        outward = link.source in versions
        other, version = (link.target, link.source) if outward else (link.source, link.target)
        if other not in versions and other not in found:
            before = outward and link.relation in (Relation.EVIDENCE, Relation.CONTEXT)
            found[other] = Tie(id=other, version=version, relation=link.relation, before=before)
    return tuple(found.values())


def draw_lineage(
    here: MemoryId, versions: Sequence[MemoryRecord], ties: Sequence[Tie], known: Mapping[MemoryId, MemoryRecord]
) -> Drawing:
    """A drawing of at most seven boxes in each column. ``known`` has the linked memories that are still there."""
    left = [tie for tie in ties if tie.before]
    right = [tie for tie in ties if not tie.before]
    chain = _around(here, versions)
    columns = [column for column in (left[:_MOST], chain, right[:_MOST]) if column]
    height = max(len(column) for column in columns) * (HEIGHT + _GAP_Y) - _GAP_Y
    chain_x = (WIDTH + _GAP_X) if left else 0
    nodes: dict[str, Node] = {}

    def top(count: int, at: int) -> float:
        return (height - count * (HEIGHT + _GAP_Y) + _GAP_Y) / 2 + at * (HEIGHT + _GAP_Y)

    for at, version in enumerate(chain):
        caption = f"{version.status.value} · {day(version.valid_from)}"
        nodes[version.id] = Node(
            id=version.id, x=chain_x, y=top(len(chain), at), caption=caption, kind=version.kind.value,
            text=plain_short(version.text, _PREVIEW_CHARS), here=version.id == here,
        )  # fmt: skip
    for column, x in ((left[:_MOST], 0), (right[:_MOST], chain_x + WIDTH + _GAP_X)):
        for at, tie in enumerate(column):
            nodes[tie.id] = _tied(tie, known.get(tie.id), x, top(len(column), at))
    edges = [_down(nodes[one.id], nodes[other.id]) for one, other in pairwise(chain)]
    edges += [_across(nodes[tie.id], nodes[tie.version], tie) for tie in ties if {tie.id, tie.version} <= nodes.keys()]
    return Drawing(
        width=max(node.x for node in nodes.values()) + WIDTH, height=height, nodes=tuple(nodes.values()), edges=tuple(edges),
        left_out=len(versions) - len(chain) + max(0, len(left) - _MOST) + max(0, len(right) - _MOST),
    )  # fmt: skip


def _around(here: MemoryId, versions: Sequence[MemoryRecord]) -> list[MemoryRecord]:
    """The versions nearest to this one, oldest first."""
    at = next((place for place, version in enumerate(versions) if version.id == here), 0)
    start = max(0, min(at - _MOST // 2, len(versions) - _MOST))
    return list(versions[start : start + _MOST])


def _tied(tie: Tie, record: MemoryRecord | None, x: float, y: float) -> Node:
    if record is None:
        return Node(id=tie.id, x=x, y=y, caption="erased", text=tie.id, gone=True)
    caption = f"{record.kind.value} · {day(record.occurred_at or record.recorded_at)}"
    # A stranger's words in quarantine are read on their own page, where what was found in them is marked.
    text = "(in quarantine)" if record.status == "quarantined" else plain_short(record.text, _PREVIEW_CHARS)
    return Node(id=tie.id, x=x, y=y, caption=caption, text=text, kind=record.kind.value)


def _down(old: Node, new: Node) -> Edge:
    x = old.x + WIDTH / 2
    return Edge(path=f"M{x} {old.y + HEIGHT}V{new.y - 3}", word="", x=x, y=0, relation="supersedes")


def _across(tied: Node, version: Node, tie: Tie) -> Edge:
    first, second = (tied, version) if tie.before else (version, tied)
    x1, y1, x2, y2 = first.x + WIDTH, first.y + HEIGHT / 2, second.x - 3, second.y + HEIGHT / 2
    middle = (x1 + x2) / 2
    word = "gave" if tie.relation is Relation.EVIDENCE and not tie.before else _WORDS[tie.relation]
    # Written where the curve leaves its own box, since many meet at the version.
    word_x, word_y = (x1 + _GAP_X * 0.5, y1 + (y2 - y1) * 0.5) if y1 == y2 else (middle, tied.y + HEIGHT / 2)
    return Edge(
        path=f"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}", word=word, x=word_x, y=word_y - 5,
        relation=tie.relation.value,
    )  # fmt: skip
