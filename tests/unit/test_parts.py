"""Small parts on their own."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mnemic.domain.memory import MemoryId, RowKey
from mnemic.domain.quoting import quote, visible
from mnemic.domain.recall import Hit, MemoryFilter
from mnemic.domain.text import jaccard, near_keys, normalise, search_words, shape_words
from mnemic.domain.validation import check_id
from mnemic.retrieval.fusion import Candidate, give_room
from mnemic.retrieval.packing import pack
from mnemic.retrieval.question import parse_question
from mnemic.storage.sqlite.fts_terms import FtsTerms
from mnemic.storage.sqlite.ledger import SqliteLedger
from mnemic.storage.system import new_memory_id
from mnemic.storage.token_counters import HeuristicTokenCounter, create_token_counter, is_encoding_cached
from mnemic.testing import LedgerContract, make_record
from mnemic_mcp.views import hit_text, hit_view, render_hit


def test_normalising_folds_space_and_composes_but_keeps_case() -> None:
    assert normalise(" Cafe\u0301\n\tau  lait ") == "Café au lait"
    assert normalise("US") != normalise("us")


def test_texts_that_differ_in_a_number_have_the_same_shape() -> None:
    three, four = shape_words("The meeting is at 3 pm"), shape_words("The meeting is at 4 pm")
    assert three == four
    assert set(near_keys("x", three)) == set(near_keys("x", four))
    assert not set(near_keys("x", three)) & set(near_keys("y", three))
    assert jaccard(three, shape_words("the meeting is at noon")) < 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("What did she paint?", ["paint"]),
        ("who are you", ["who", "are", "you"]),
        ('" OR * NEAR(x', ["near", "x"]),
        ("snake_case and kebab-case", ["snake", "case", "kebab"]),
        ("???", []),
    ],
)
def test_search_words_are_the_telling_ones(query: str, words: list[str]) -> None:
    assert search_words(query) == words


@pytest.mark.parametrize(
    ("query", "named", "words"),
    [
        ("What did Ana Silva paint?", [["Ana Silva"]], ("paint",)),
        ("What did ana's friend paint?", [["Ana Silva"]], ("friend", "paint")),
        ("Did Ana meet Ben?", [["Ben"], ["Ana Silva"]], ("meet",)),
        ("Ana", [], ("ana",)),
        ("banana bread", [], ("banana", "bread")),
        ("Who booked the hotel?", [], ("booked", "hotel")),
        ("What did The Boss book?", [["The Boss"]], ("book",)),
    ],
)
def test_a_question_names_a_speaker(query: str, named: list[list[str]], words: tuple[str, ...]) -> None:
    question = parse_question(query, ["Ana Silva", "Ben", "The Boss"])
    assert ([list(called) for called in question.named], question.words) == (named, words)


def _hit(text: str) -> Hit:
    return Hit(memory=make_record(text), score=0.5, lexical=0.5, similarity=0.5)


def test_packing_keeps_order_and_stops_at_the_first_that_does_not_fit() -> None:
    counter = HeuristicTokenCounter()
    hits = [_hit("short one"), _hit("long " * 100), _hit("short two")]
    packed, tokens = pack(hits, 50, lambda hit: hit.shown_text, counter)
    assert packed == hits[:1]
    assert tokens == counter.count("short one")
    assert pack(hits, None, lambda hit: hit.shown_text, counter) == (hits, None)


def test_a_first_hit_that_is_too_long_is_cut_to_fit_exactly() -> None:
    counter = HeuristicTokenCounter()
    (hit,), tokens = pack([_hit("word " * 1_000)], 40, lambda hit: hit.shown_text, counter)
    assert tokens is not None
    assert 35 <= tokens <= 40
    assert hit.excerpt is not None
    assert hit.memory.text.startswith(hit.excerpt)


def test_particulars_are_left_out_when_they_alone_would_break_the_budget() -> None:
    counter = HeuristicTokenCounter()
    record = make_record(
        "short text", tags=tuple(f"a rather long tag number {at}" for at in range(60)), source="s" * 900
    )
    (hit,), tokens = pack([Hit(memory=record, score=0.5, lexical=0.5, similarity=0.5)], 120, render_hit, counter)
    assert hit.brief
    assert tokens is not None
    assert tokens <= 120
    assert "short text" in hit_text(hit)


def test_stems_are_those_of_the_full_text_index() -> None:
    terms = FtsTerms()
    assert terms.stems(["running", "runs", "Zürich"]) == ["run", "run", "zurich"]
    terms.close()


def test_document_counts_follow_the_ledger_as_it_grows(tmp_path: Path) -> None:
    class Contract(LedgerContract):
        def make_ledger(self, folder: Path) -> SqliteLedger:
            return SqliteLedger(folder / "ledger.sqlite3")

    contract = Contract()
    ledger = contract.open(tmp_path)
    for count in (1, 2, 3, 40):
        contract.add(ledger, *(make_record(f"apple number {count} {at}") for at in range(count)))
        with ledger.snapshot() as snapshot:
            key = snapshot.lexical(["apple"], MemoryFilter(namespace=("test",)), limit=1)[0].key
            assert key
            assert snapshot.document_counts(["apple"])[0] > 0
    ledger.close()


def test_the_heuristic_counts_words_numbers_signs_and_other_scripts() -> None:
    count = HeuristicTokenCounter().count
    assert count("") == 0
    assert count("a small cat") == 3
    assert count("internationalization") == 4
    assert count("1234567") == 3
    assert count("東京") == 2
    assert count("a\n\nb") == 3


def test_no_counter_ever_waits_for_the_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    assert not is_encoding_cached()
    assert create_token_counter("auto").name == "heuristic"
    monkeypatch.setattr("mnemic.storage.token_counters._LOAD_DEADLINE_SECONDS", 0.05)
    blocked = threading.Event()

    class Hanging:
        def __init__(self) -> None:
            blocked.wait(20)

    monkeypatch.setattr("mnemic.storage.token_counters.TiktokenCounter", Hanging)
    assert create_token_counter("tiktoken").name == "heuristic"
    blocked.set()


def test_quotations_hide_nothing() -> None:
    assert quote("one\ntwo\u202e\x1b[2J") == "> one\n> two\\u202e\\u001b[2J"
    assert visible("tab\tstays") == "tab\tstays"
    assert visible("a\u2063b\u00adc\u3164d\U000e0041") == "a\\u2063b\\u00adc\\u3164d\\U000e0041"
    assert visible("👩\u200d👧 می\u200cخواهم 東\u3000京 \u00a0") == "👩\u200d👧 می\u200cخواهم 東\u3000京 \u00a0"
    assert hit_text(_hit("x\u2028y")).endswith("> x\\u2028y")


def test_a_hit_names_what_is_alike_where_there_is_room() -> None:
    hit = replace(_hit("x"), alike=(MemoryId("m2"), MemoryId("m3")))
    assert "(+2 alike: m2, m3)" in hit_text(hit)
    assert hit_view(hit)["alike"] == ["m2", "m3"]
    assert "alike" not in hit_view(_hit("x"))
    assert "m2" not in hit_text(replace(hit, brief=True)) + str(hit_view(replace(hit, brief=True)))


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, mnemic, mnemic.memory, mnemic_mcp.cli.app\n"
        "heavy = {'chromadb', 'numpy', 'tokenizers', 'onnxruntime', 'sqlite3', 'tiktoken', 'structlog', 'mcp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_every_exported_name_is_there() -> None:
    package = importlib.import_module("mnemic")
    for name in package.__all__:
        assert getattr(package, name)
    with pytest.raises(AttributeError):
        _ = package.nonsense


def test_strangers_take_at_most_half_of_the_places_while_others_are_left_that_score_half_as_much() -> None:
    def candidate(key: int, score: float) -> Candidate:
        return Candidate(key=RowKey(key), lexical=score, similarity=None, score=score, parts=np.zeros(8))

    strangers = [candidate(key, 0.9 - key / 100) for key in range(6)]
    others = [candidate(10, 0.6), candidate(11, 0.5), candidate(12, 0.2)]
    placed = give_room([*strangers, *others], {one.key for one in strangers})
    assert [one.key for one in placed] == [0, 10, 1, 11, 2, 3, 4, 5, 12]
    assert give_room(others, set()) == others
    assert give_room(strangers, {one.key for one in strangers}) == strangers


def test_the_ids_of_one_process_never_repeat_whatever_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic.storage.system.time.time_ns", lambda: 1_800_000_000_000_000_000)
    monkeypatch.setattr("mnemic.storage.system.secrets.randbits", lambda bits: 7)
    ids = [new_memory_id() for _ in range(1_000)]
    assert len(set(ids)) == len(ids) and ids == sorted(ids)
    assert [check_id(id) for id in ids] == ids
