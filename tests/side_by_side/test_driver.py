"""The driver counts what is lost, refused and found; it needs none of the other systems for that."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mnemic.domain.memory import NewMemory
from mnemic.storage.static_embedder import StaticEmbedder
from mnemic.testing.recall_bench import RecallBench, bench_recall, load_cases
from tests.conftest import ROOT
from tests.side_by_side import faults, measures
from tests.side_by_side.client import Client, SystemFailed
from tests.side_by_side.quality import SHOWN, measure_quality
from tests.side_by_side.systems import Places, System, mnemic_of_this_process
from tests.side_by_side.table import NOTHING, rows, where_others_are_ahead


class Toy(System):
    key, title, environment_name, driven, embedder = "toy", "toy", "none", "lines", "none"
    forgets, refuses = 0, 0

    def command(self, folder: Path) -> list[str]:
        script = Path(__file__).with_name("toy_memory.py")
        return [sys.executable, str(script), str(folder / "held"), str(self.forgets), str(self.refuses)]

    def remember_turns(self, client: Client, turns: Sequence[NewMemory]) -> list[str]:
        for turn in turns:
            client.tool("remember", {"text": turn.text})
        return [turn.text for turn in turns]

    def recall(self, client: Client, query: str, k: int) -> list[str]:
        found: list[str] = client.tool("recall", {"query": query})["structuredContent"]["value"][:k]
        return found

    def texts(self, client: Client, folder: Path) -> set[str]:
        return set(client.tool("list", {})["structuredContent"]["value"])


class Forgetful(Toy):
    forgets, refuses = 7, 5


def silent(_: str) -> None:
    pass


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return Toy(Places(tmp_path, None))


@pytest.fixture
def forgetful(tmp_path: Path) -> Forgetful:
    return Forgetful(Places(tmp_path, None))


def test_what_was_acknowledged_and_is_gone_is_told_from_what_was_refused(forgetful: Forgetful, tmp_path: Path) -> None:
    found = faults.two_writers(forgetful, tmp_path / "store", silent)
    # Each of two processes refuses 40 of its 200, and forgets every seventh that it has not refused: 28 less those 5.
    assert found["writes"] == 2 * faults.WRITES
    assert (found["acknowledged"], found["errors"], found["first_errors"]) == (320, 80, ["busy"])
    assert (found["unlisted"], found["unfound"]) == (46, 46)


def test_a_store_that_keeps_everything_has_no_losses(toy: Toy, tmp_path: Path) -> None:
    found = faults.two_writers(toy, tmp_path / "store", silent)
    assert (found["acknowledged"], found["errors"], found["unlisted"], found["unfound"]) == (400, 0, 0, 0)


def test_kills_count_what_was_written_and_what_was_there_before(
    forgetful: Forgetful, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "KILLS", 2)
    monkeypatch.setattr(faults, "_SECONDS_OF_WRITING", (0.0, 0.01))
    base = tmp_path / "base"
    measures.fill(toy, base, ["one", "two"])
    found = faults.kills(toy, base, ["one", "two", "never stored"], tmp_path, silent)
    assert found["acknowledged"] > 0
    assert (found["rounds"], found["unlisted"], found["unfound"], found["known_missing"]) == (2, 0, 0, 2)
    assert found["unusable"] == 0


def test_a_process_that_ends_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    client = Client([sys.executable, "-c", "raise SystemExit('out of paper')"], {}, tmp_path / "log")
    with pytest.raises(SystemFailed, match="out of paper"):
        client.handshake()
    client.end()


def test_mnemic_is_driven_with_the_fields_that_others_find_in_the_text(tmp_path: Path) -> None:
    system = mnemic_of_this_process(Places(tmp_path, None))
    turns = [
        NewMemory(text="The ferry leaves at nine.", speaker="Ana", occurred_at="2023-05-07T10:00:00+00:00"),
        NewMemory(text="Ben collects stamps."),
    ]
    with system.start(tmp_path / "store") as client:
        tools = client.handshake()
        ids = system.remember_turns(client, turns)
        assert system.recall(client, "When does the ferry leave?", 1) == [ids[0]]
        hit = client.tool("recall", {"query": "ferry", "k": 1})["structuredContent"]["memories"][0]
        assert (hit["speaker"], hit["when"]) == ("Ana", "2023-05-07")
        assert system.texts(client, tmp_path / "store") == {turn.text for turn in turns}
        assert measures.resident_mb(client.process.pid) > 1
    assert {tool["name"] for tool in tools} >= {"remember", "recall"}
    assert measures.tool_tokens(tools)["tool_tokens"] > measures.tool_tokens(tools[:1])["tool_tokens"] > 0
    assert measures.tool_tokens([])["tool_tokens"] is None


def test_over_mcp_mnemic_finds_what_bench_recall_finds(tmp_path: Path) -> None:
    # The conversation alone: the other case has fields that no turn of LoCoMo has.
    cases = load_cases(ROOT / "docs" / "recall-example.jsonl", "jsonl")[:1]
    over_mcp = measure_quality(mnemic_of_this_process(Places(tmp_path, None)), cases, tmp_path, silent)
    by_api = asyncio.run(bench_recall(cases, StaticEmbedder(), RecallBench(cuts=(5, 10), compare=False)))
    for name in SHOWN:
        expected = by_api["rows"][0]["quality"]["all"][name]["mean"]
        assert over_mcp["ways"]["default"][name]["mean"] == expected, name


def test_a_larger_store_is_left_out_only_if_it_would_take_too_long() -> None:
    assert measures.over_the_limit(70, 9_000, 300) == "storing 9,000 more would take 11 min, and the limit is 5"
    assert measures.over_the_limit(3, 9_000, 300) is None


def test_quantiles_are_in_milliseconds() -> None:
    found = measures.quantiles([0.001] * 50 + [0.1] * 50)
    assert found == {"p50_ms": 50.5, "p95_ms": 100.0, "calls": 100}


def test_the_texts_are_distinct() -> None:
    texts, questions = measures.texts_and_questions(300, 20)
    assert (len(set(texts)), len(questions)) == (300, 20)
    written = {faults.memory_of(name, at) for name in ("first", "second") for at in range(faults.WRITES)}
    assert len(written) == 2 * faults.WRITES


def test_where_another_is_ahead_is_said_and_what_was_not_measured_is_a_dash() -> None:
    def entry(title: str, handshake: float, **more: Any) -> dict[str, Any]:
        start = {"handshake_seconds": handshake, "first_recall_seconds": 1.0, "tool_tokens": None, "tools": 0}
        return {"title": title, "start": start, **more}

    systems = {
        "mnemic": entry("mnemic", 0.7),
        "mnemic-minilm": entry("mnemic, MiniLM", 0.6),
        "other": entry("other", 0.4),
    }
    results = {"systems": systems, "versions": {"mnemic": "1"}}
    assert where_others_are_ahead(results) == ["start to handshake, s (other)"]
    shown = {row[0]: row[1:] for row in rows(results)}
    assert shown["version"] == ["1", "1", NOTHING]
    assert shown["start to handshake, s"] == ["0.70", "0.60", "0.40"]
    assert shown["syncs to disk in a remember"] == [NOTHING] * 3
