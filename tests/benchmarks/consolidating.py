"""What consolidation costs and gains on LoCoMo, through the public API; and where episodes begin in one long stream.

    python -m tests.benchmarks.consolidating --data ../shared/data [--json FILE] [--generous]

*R@5 strict*: a note is not its evidence, so it only takes places. *R@5 cited*: a note among the first five counts for the
turns that it cites. *own place*: notes are left out of the five places, as if recall showed them beside the episodes.
*archived*: the cited turns are archived, which is why nothing does so. Boundaries are those of LoCoMo's sessions, all
sessions of a conversation in one stream, with and without dates, beside cuts of a fixed length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

import mnemic
from mnemic import Memory, NewMemory
from mnemic.domain.consolidation.batches import collect
from mnemic.domain.consolidation.contradictions import find_contradictions
from mnemic.domain.consolidation.corpus import Corpus, read_corpus
from mnemic.domain.consolidation.links import propose_links
from mnemic.domain.consolidation.notes import DEFAULT, GENEROUS, NoteProposal, NoteSettings, propose_notes
from mnemic.domain.consolidation.probe import CitingNote, Probe, answered, decide, make_probes
from mnemic.domain.consolidation.segmentation import SegmentationSettings, boundaries
from mnemic.domain.consolidation.support import unsupported_claims
from mnemic.domain.memory import MemoryId, MemoryRecord
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing.recall_bench import Case, load_cases
from tests.consolidation.scoring import score_boundaries

if TYPE_CHECKING:
    from mnemic.domain.consolidation.corpus import Matrix

DEEP = 20


@dataclass
class Loaded:
    """A conversation in the memory: the stored turns in their order, vectors of their texts, and gold ids by turn."""

    conversation: Case
    records: list[MemoryRecord]
    vectors: Matrix
    ids: dict[str, MemoryId]


async def remember_turns(memory: Memory, conversations: list[Case]) -> list[Loaded]:
    """Store every turn; identical turns of one occasion are one memory."""
    loaded = []
    embedder = StaticEmbedder()
    for conversation in conversations:
        receipts = await memory.remember_many([new for _, new in conversation.turns])
        ids = {name: receipt.id for (name, _), receipt in zip(conversation.turns, receipts, strict=True)}
        unique = list(dict.fromkeys(ids.values()))
        records = [await memory.get(id, namespace=(conversation.name,)) for id in unique]
        vectors = embedder.embed([record.text for record in records])
        loaded.append(Loaded(conversation, records, vectors, ids))
    return loaded


async def ask(memory: Memory, loaded: list[Loaded], notes: dict[str, frozenset[str]]) -> dict[str, Any]:
    """R@5 by the three ways of counting, and how many of five places notes take."""
    strict, cited, own, places = [], [], [], []
    for each in loaded:
        for question in each.conversation.questions:
            result = await memory.recall(question.text, namespace=(each.conversation.name,), k=DEEP, min_score=0)
            ranked = [str(hit.memory.id) for hit in result.hits]
            gold = {str(each.ids[name]) for name in question.gold}
            top = set(ranked[:5])
            strict.append(len(gold & top) / len(gold))
            covered = top.union(*(notes[id] for id in top & notes.keys()))
            cited.append(len(gold & covered) / len(gold))
            own.append(len(gold & set([id for id in ranked if id not in notes][:5])) / len(gold))
            places.append(len(top & notes.keys()))
    return {
        "strict": round(100 * fmean(strict), 2),
        "cited": round(100 * fmean(cited), 2),
        "own place": round(100 * fmean(own), 2),
        "places taken": round(fmean(places), 3),
        "questions": len(strict),
    }


async def probe(memory: Memory, name: str, probes: Sequence[Probe], notes: dict[MemoryId, CitingNote]) -> list[bool]:
    """Which probes the memory answers now."""
    found: dict[str, list[MemoryId]] = {}
    for one in probes:
        result = await memory.recall(one.question, namespace=(name,), k=5, min_score=0)
        found[one.question] = [hit.memory.id for hit in result.hits]
    return list(answered(probes, found.__getitem__, notes=notes))


async def run(conversations: list[Case], memory: Memory, settings: NoteSettings) -> dict[str, Any]:
    """Measure before, with notes, and with the evidence archived; and the gate on both."""
    loaded = await remember_turns(memory, conversations)
    before = await ask(memory, loaded, {})
    started = time.perf_counter()
    corpora = [read_corpus(each.records, each.vectors) for each in loaded]
    proposals = [collect(propose_notes(corpus, settings)) for corpus in corpora]
    seconds = time.perf_counter() - started
    probes = [
        make_probes(corpus, {id for note in found for id in note.evidence})
        for corpus, found in zip(corpora, proposals, strict=True)
    ]
    names = [each.conversation.name for each in loaded]
    probed_before = [await probe(memory, name, asked, {}) for name, asked in zip(names, probes, strict=True)]
    evidence: dict[str, frozenset[str]] = {}
    citing: dict[MemoryId, CitingNote] = {}
    for name, found in zip(names, proposals, strict=True):
        receipts = await memory.remember_many(
            [NewMemory(text=note.text, kind="semantic", namespace=(name,), evidence=note.evidence) for note in found]
        )
        for receipt, note in zip(receipts, found, strict=True):
            evidence[receipt.id] = frozenset(map(str, note.evidence))
            citing[receipt.id] = CitingNote(text=note.text, evidence=frozenset(note.evidence))
    after = await ask(memory, loaded, evidence)
    probed_after = [await probe(memory, name, asked, citing) for name, asked in zip(names, probes, strict=True)]
    for name, found in zip(names, proposals, strict=True):
        ids = sorted({id for note in found for id in note.evidence})
        if ids:
            await memory.archive(ids, namespace=(name,))
    archived = await ask(memory, loaded, evidence)
    probed_archived = [await probe(memory, name, asked, citing) for name, asked in zip(names, probes, strict=True)]
    return {
        "turns": sum(map(len, corpora)),
        "notes": sum(map(len, proposals)),
        "unsupported": sum(
            map(len, (claims for pair in zip(corpora, proposals, strict=True) for claims in _claims(*pair)))
        ),
        "contradictions": sum(len(collect(find_contradictions(corpus))) for corpus in corpora),
        "propose_seconds": round(seconds, 3),
        "R@5": {"before": before, "with notes": after, "evidence archived": archived},
        "gate": {
            "with notes": _gate(probes, probed_before, probed_after),
            "evidence archived": _gate(probes, probed_before, probed_archived),
        },
        "links": [_link_quality(each, corpus) for each, corpus in zip(loaded, corpora, strict=True)],
        "boundaries": _boundaries(loaded),
    }


def _claims(corpus: Corpus, notes: Sequence[NoteProposal]) -> list[tuple[str, ...]]:
    """What each note says beyond its evidence; the text is checked as a whole against the evidence as a whole."""
    found = []
    for note in notes:
        records = [corpus.records[corpus.position[id]] for id in note.evidence]
        known = [note.subject, *(quote.said for quote in note.quotes), *(record.speaker or "" for record in records)]
        found.append(unsupported_claims(note.text, [record.text for record in records], known=known))
    return found


def _gate(
    probes: Sequence[Sequence[Probe]], before: Sequence[list[bool]], after: Sequence[list[bool]]
) -> dict[str, Any]:
    verdicts = [decide(*three) for three in zip(probes, before, after, strict=True)]
    return {
        "probes": sum(map(len, probes)),
        "answered before": sum(verdict.answered_before for verdict in verdicts),
        "answered after": sum(verdict.answered_after for verdict in verdicts),
        "lost": sum(len(verdict.lost) for verdict in verdicts),
        "plans passed": f"{sum(verdict.passed for verdict in verdicts)} of {len(verdicts)}",
    }


def _link_quality(each: Loaded, corpus: Corpus) -> dict[str, float]:
    """Of pairs of turns of different sessions that answer one question together: how many are linked, beside chance."""
    links = {frozenset((link.source, link.target)) for link in collect(propose_links(corpus))}
    session = {record.id: record.session for record in corpus.records}
    pairs = set()
    for question in each.conversation.questions:
        gold = sorted({each.ids[name] for name in question.gold})
        pairs |= {frozenset((a, b)) for a in gold for b in gold if a < b and session[a] != session[b]}
    chance = len(links) / (len(corpus) * (len(corpus) - 1) / 2)
    return {"links": len(links), "gold pairs": len(pairs), "linked": len(links & pairs), "lift": round(
        len(links & pairs) / max(len(pairs) * chance, 1e-9), 1)}  # fmt: skip


def _boundaries(loaded: list[Loaded]) -> dict[str, dict[str, float]]:
    plain = SegmentationSettings(by_session=False)
    cases = {
        "drift or surprise": (replace(plain, greetings=False), False),
        "drift": (replace(plain, greetings=False, surprise=False), False),
        "surprise": (replace(plain, greetings=False, drift=False), False),
        "greetings": (replace(plain, drift=False, surprise=False), False),
        "all, without dates": (plain, False),
        "all, with dates": (plain, True),
    }
    rows: dict[str, list[Any]] = {name: [] for name in ("fixed length", *cases)}
    for each in loaded:
        turns = each.records
        true = {at for at in range(1, len(turns)) if turns[at].session != turns[at - 1].session}
        step = round(len(turns) / (len(true) + 1))
        rows["fixed length"].append(score_boundaries(set(range(step, len(turns), step)), true, len(turns)))
        for name, (settings, dated) in cases.items():
            stream = turns if dated else [replace(turn, occurred_at=None) for turn in turns]
            found = set(boundaries(stream, each.vectors, settings)) - {0}
            rows[name].append(score_boundaries(found, true, len(turns)))
    return {
        name: {
            figure: round(float(np.mean([getattr(score, figure) for score in scores])), 3)
            for figure in ("precision", "recall", "f1", "window_diff")
        }
        for name, scores in rows.items()
    }


def show(result: dict[str, Any], console: Console) -> None:
    table = Table(title=f"LoCoMo R@5, {result['turns']} turns, {result['notes']} notes, percent")
    for name in ("", "strict", "cited", "own place", "places taken"):
        table.add_column(name, justify="right" if name else "left")
    for name, row in result["R@5"].items():
        table.add_row(name, *(str(row[column]) for column in ("strict", "cited", "own place", "places taken")))
    console.print(table)
    console.print(f"unsupported claims {result['unsupported']}, contradictions {result['contradictions']}")
    for name, row in result["gate"].items():
        console.print(f"gate, {name}: {row}")
    console.print(f"links: {result['links']}")
    table = Table(title="Boundaries of sessions (± 2 turns)")
    for name in ("", "precision", "recall", "f1", "window_diff"):
        table.add_column(name, justify="right" if name else "left")
    for name, row in result["boundaries"].items():
        table.add_row(name, *(f"{value:.3f}" for value in row.values()))
    console.print(table)


async def main(arguments: argparse.Namespace) -> None:
    conversations = load_cases(arguments.data / "locomo_dev.json.gz", "locomo")
    with tempfile.TemporaryDirectory() as folder:
        async with mnemic.open_memory(folder, embedder="static", durable=False) as memory:
            result = await run(conversations, memory, GENEROUS if arguments.generous else DEFAULT)
    show(result, Console())
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--generous", action="store_true", help="propose the notes of a recall with a place for notes")
    asyncio.run(main(parser.parse_args()))
