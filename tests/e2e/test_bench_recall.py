"""``mnemic bench recall`` and ``mnemic bench fetch`` as people use them."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mnemic_mcp.cli import bench_recall
from mnemic_mcp.cli.app import app
from tests.conftest import ROOT
from tests.contract.test_embedders import make_tiny_model

EXAMPLE = str(ROOT / "docs" / "recall-example.jsonl")
CONTENT = json.dumps(
    [
        {
            "sample_id": "conv-1",
            "conversation": {
                "session_1_date_time": "9:00 am on 7 May, 2023",
                "session_1": [{"speaker": "Ana", "dia_id": "D1:1", "text": "I moved to Lisbon."}],
            },
            "qa": [{"question": "Where does Ana live?", "evidence": ["D1:1"], "category": 4}],
        }
    ]
).encode()


def run(*arguments: str, fails: bool = False) -> str:
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert (result.exit_code != 0) is fails, result.output + result.stderr
    return result.stderr if fails else result.stdout


def test_a_file_of_ones_own_is_measured_and_everything_is_written_as_json(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    shown = run("recall", EXAMPLE, "--format", "jsonl", "--k", "3", "--k", "1", "--json", str(out))
    lines = [line.split("\t") for line in shown.splitlines()]
    assert ["", "R@1", "R@3", "hit@10", "MRR", "S@5", "p50 ms", "p95 ms"] in lines
    (ours,) = (line for line in lines if line[0] == "mnemic")
    assert all("[" in cell and cell.endswith("]") for cell in ours[1:])
    assert {line[0] for line in lines} >= {"Chroma", "BM25 (FTS5)", "RRF of cosine and BM25", "temporal", "notes"}
    assert "LangGraph InMemoryStore" in shown
    found = json.loads(out.read_text())
    assert found["data"] == {
        "file": "recall-example.jsonl", "format": "jsonl", "assistant": False,
        "sha256": hashlib.sha256(Path(EXAMPLE).read_bytes()).hexdigest(),
    }  # fmt: skip
    assert found["rows"][0]["quality"]["all"]["R@3"]["mean"] > 80  # five of six questions, or all of them
    assert {"commit", "versions", "seed", "resamples", "options", "embedder", "settings"} <= found.keys()
    assert str(ROOT.parent) not in out.read_text()


def test_one_store_with_distractors_and_some_of_the_questions() -> None:
    options = ("--together", "--distractors", "12", "--limit", "3", "--seed", "1", "--no-compare")
    shown = run("recall", EXAMPLE, "--format", "jsonl", *options)
    assert "3 questions on 22 turns in one namespace (distractors in each: 12 generated texts)" in shown
    shown = run(
        "recall", EXAMPLE, "--format", "jsonl", "--no-compare", "--distractors", "12", "--distractors-from", EXAMPLE,
        "--distractors-format", "jsonl",
    )  # fmt: skip
    assert "10 turns of recall-example.jsonl, then 2 put together" in shown
    assert "Chroma" not in shown


def test_deep_mode_is_measured_with_the_model_in_the_folder(tmp_path: Path) -> None:
    make_tiny_model(tmp_path / "models" / "minilm")
    shown = run("recall", EXAMPLE, "--format", "jsonl", "--deep", "--no-compare", "--home", str(tmp_path))
    rows = [line.split("\t") for line in shown.splitlines()]
    assert len([row for row in rows if row[0] == "mnemic deep"]) == 2, "its figures, and how far the default is ahead"
    assert shown.count("The first recall in a namespace") == 2


def test_silence_is_shown_for_the_right_and_another_case() -> None:
    lines = run("recall", EXAMPLE, "--format", "jsonl", "--abstain").splitlines()
    assert [line.split("\t")[0] for line in lines[-2:]] == ["right case", "other case"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--format", "locomo"), "is not in the format locomo"),
        (("--format", "jsonl", "--k", "101"), "Invalid value for '--k'"),
        (("--format", "jsonl", "--abstain", "--together"), "only one"),
        (("--format", "jsonl", "--tier", "minilm"), "mnemic models fetch minilm"),
        (("--format", "jsonl", "--deep"), "mnemic models fetch minilm"),
        (("--format", "jsonl", "--deep", "--abstain"), "--abstain was given with --deep"),
        (("--format", "jsonl", "--distractors-from", EXAMPLE), "Only one of --distractors-from"),
        (
            ("--format", "jsonl", "--distractors-from", EXAMPLE, "--distractors-format", "jsonl"),
            "without --distractors",
        ),
        ((), "Missing option"),
    ],
)
def test_what_cannot_be_measured_is_a_clear_error(arguments: tuple[str, ...], said: str) -> None:
    assert said in run("recall", EXAMPLE, *arguments, fails=True)


def test_a_wrong_line_ends_the_command_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text('{"memory": {"id": "a", "text": "x"}}\n{"question": "y?", "gold": ["b"]}\n')
    message = run("recall", str(path), "--format", "jsonl", fails=True)
    assert "InvalidInput" in message and "own.jsonl, line 2: gold names 'b'" in message and "→ Give the id" in message


class _Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/locomo10.json" else 404)
        self.send_header("content-length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[bench_recall.DataSet]:
    """LoCoMo's place taken by a small file of the same form on a server of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    item = bench_recall.DataSet(
        **{
            **vars(bench_recall.DATA_SETS["locomo"]), "sha256": hashlib.sha256(CONTENT).hexdigest(), "holds": (1, 1),
            "address": f"http://127.0.0.1:{server.server_address[1]}/locomo10.json",
        }
    )  # fmt: skip
    monkeypatch.setitem(bench_recall.DATA_SETS, "locomo", item)
    yield item
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("served")
def test_a_data_set_is_fetched_once_with_its_licence_and_can_be_measured(tmp_path: Path) -> None:
    target = tmp_path / "locomo10.json"
    shown = run("fetch", "locomo", "--to", str(target))
    assert "CC BY-NC 4.0" in shown and "do not use it commercially" in shown and "is ready" in shown
    assert target.read_bytes() == CONTENT
    assert "is here already" in run("fetch", "locomo", "--to", str(target))
    assert "1 questions on 1 turns" in run("recall", str(target), "--format", "locomo", "--no-compare")


@pytest.mark.usefixtures("served")
def test_another_file_than_the_known_one_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    other, target = tmp_path / "other.json", tmp_path / "locomo10.json"
    other.write_bytes(CONTENT + b" ")
    message = run("fetch", "locomo", "--to", str(target), "--archive", str(other), fails=True)
    assert "has the SHA-256" in message and "do not use it" in message
    assert "cannot be read" in run(
        "fetch", "locomo", "--archive", str(tmp_path / "nowhere"), "--to", str(target), fails=True
    )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["other.json"]
    target.write_bytes(b"something else")
    assert "has the SHA-256" in run("fetch", "locomo", "--to", str(target), fails=True)
    assert target.read_bytes() == b"something else"


def test_a_file_that_holds_something_else_is_refused(
    tmp_path: Path, served: bench_recall.DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        bench_recall.DATA_SETS, "locomo", bench_recall.DataSet(**{**vars(served), "holds": (10, 1_986)})
    )
    message = run("fetch", "locomo", "--to", str(tmp_path / "x.json"), fails=True)
    assert "holds 1 conversations with 1 questions, not 10 with 1,986" in message
    assert not (tmp_path / "x.json").exists()


def test_fetching_without_a_network_or_a_known_name_is_a_clear_error(
    tmp_path: Path, served: bench_recall.DataSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for address in ("http://127.0.0.1:9/locomo10.json", served.address + "x"):
        monkeypatch.setitem(
            bench_recall.DATA_SETS, "locomo", bench_recall.DataSet(**{**vars(served), "address": address})
        )
        assert "cannot be fetched" in run("fetch", "locomo", "--to", str(tmp_path / "x.json"), fails=True)
    assert "There is no data set" in run("fetch", "nonsense", fails=True)
    assert "cannot be written" in run(
        "fetch", "locomo", "--to", str(tmp_path / "no" / "x.json"), "--archive", _archive(tmp_path), fails=True
    )


def _archive(tmp_path: Path) -> str:
    path = tmp_path / "archive.json"
    path.write_bytes(CONTENT)
    return str(path)
