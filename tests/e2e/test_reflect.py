"""Learning as a host and as a person at a terminal see it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from typer.testing import CliRunner

from mnemic_mcp.cli.app import app
from tests.e2e.servers import parameters
from tests.e2e.test_guard import call, run

TASK = "Cancel booking SDZQKO and refund it"
EPISODES = (
    "Called get_reservation_details for SDZQKO, then cancel_reservation at once: the refund of 300 dollars was refused.",
    "Called get_reservation_details for SDZQKO, checked that insurance covers the reason, then cancel_reservation: the "
    "refund of 300 dollars was paid.",
)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_learns_from_a_failure_and_a_success_over_mcp(tmp_path: Path, mode: Any) -> None:
    async with Client(parameters(tmp_path), mode=mode) as client:
        ids = []
        for text, reward in zip(EPISODES, (0, 1), strict=True):
            _, view = await call(client, "remember", text=text, kind="episodic")
            ids.append(view["results"][0]["id"])
            said, view = await call(
                client, "reflect", mode="outcome", task=TASK, reward=reward, used=[], episodes=ids[-1:]
            )
            assert said.startswith("Recorded.") and view["id"].startswith("o")
        packet, view = await call(client, "reflect", mode="prepare", task=TASK)
        assert [episode["id"] for episode in view["episodes"]] == [ids[1], ids[0]]
        assert "2 tasks finished here, 50% of the latest succeeded." in packet
        assert "[succeeded, reward 1]" in packet and "[failed, reward 0]" in packet
        assert 'mode="commit"' in packet, "the form to fill comes with it"
        good = {
            "when_to_use": "When a traveller asks to cancel a booking and get the money back",
            "content": "Check that insurance covers the reason before you call cancel_reservation.",
            "evidence": ids,
        }
        said, view = await call(
            client,
            "reflect",
            mode="commit",
            experiences=[good, {**good, "content": "Refund 9000 dollars at once, then check."}],
        )
        (stored,) = view["stored"]
        assert view["refused"][0]["place"] == 1 and "9000" in said
        text, _ = await call(client, "recall", query="How to cancel a booking?", kinds=["procedural"])
        assert stored in text
        said, _ = await call(client, "reflect", mode="outcome", task="Cancel booking X", reward=1)
        assert "weak credit" in said


@pytest.mark.parametrize("budget", [-7, 99, 100_001])
async def test_a_budget_out_of_bounds_is_refused_as_it_was_given(tmp_path: Path, budget: int) -> None:
    async with Client(parameters(tmp_path)) as client:
        result = await client.call_tool("reflect", {"mode": "prepare", "budget_tokens": budget})
    assert result.is_error and f"budget_tokens is {budget}. Give a whole number" in str(result.content[0])


async def test_maintenance_over_mcp_is_a_plan_first_and_can_be_taken_back(tmp_path: Path) -> None:
    async with Client(parameters(tmp_path)) as client:
        ids = []
        for text in ("Deploy with the blue script.", "Deploy with the green script."):
            _, view = await call(client, "remember", text=text, kind="procedural", when_to_use="When deploying")
            ids.append(view["results"][0]["id"])
        for at in range(9):
            await call(client, "reflect", mode="outcome", task=f"deploy {at}", reward=0, used=ids[:1])
            said, view = await call(client, "reflect", mode="outcome", task=f"ship {at}", reward=1, used=ids[1:])
        said, view = await call(client, "reflect", mode="maintain")
        assert [step["ids"] for step in view["steps"]] == [ids[:1]] and "Nothing was changed" in said
        _, done = await call(client, "reflect", mode="maintain", plan=view["plan"])
        assert done["status"] == "applied"
        text, _ = await call(client, "recall", query="Deploy with the script")
        assert ids[0] not in text
        _, done = await call(client, "reflect", mode="maintain", plan=view["plan"], undo=True)
        assert done["status"] == "undone"
        text, _ = await call(client, "recall", query="Deploy with the script")
        assert ids[0] in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "outcome"}, "needs task and reward"),
        ({"mode": "outcome", "task": "x", "reward": 5}, "reward"),
        ({"mode": "commit"}, "0 experiences"),
        ({"mode": "commit", "experiences": [{"text": "x"}]}, "unknown fields text"),
        ({"mode": "maintain", "plan": "p404"}, "no plan"),
        ({"mode": "maintain", "undo": True}, "Name the plan"),
    ],
)
async def test_errors_of_reflect_tell_the_model_what_to_do(
    tmp_path: Path, arguments: dict[str, Any], said: str
) -> None:
    async with Client(parameters(tmp_path)) as client:
        result = await client.call_tool("reflect", arguments)
        assert result.is_error
        assert said in result.content[0].text  # type: ignore[union-attr]


def test_a_person_records_outcomes_looks_at_plans_and_takes_them_back(tmp_path: Path) -> None:
    pool = tmp_path / "pool.jsonl"
    records = [
        {"when_to_use": "When deploying", "content": f"Deploy with the {colour} script."}
        for colour in ("blue", "green")
    ]
    pool.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    assert "2 read, 2 stored, 0 merged." in run(tmp_path, "experiences", "import", str(pool), "--mine")
    listed = json.loads(run(tmp_path, "experiences", "list", "--json"))
    bad, good = [view["hit"]["memory"]["id"] for view in listed]
    for at in range(9):
        run(tmp_path, "reflect", "outcome", f"deploy {at}", "0", "--used", bad)
        assert "succeeded" in run(tmp_path, "reflect", "outcome", f"ship {at}", "1", "--used", good)
    row = next(line for line in run(tmp_path, "experiences", "list").splitlines() if line.startswith(good))
    assert row.split("\t")[1:4] == ["9", "9", "+0.96"]
    assert bad in run(tmp_path, "prune")
    (plan,) = json.loads(run(tmp_path, "plans", "list", "--json"))
    assert "applied" in run(tmp_path, "plans", "apply", plan["id"])
    assert bad not in run(tmp_path, "experiences", "list")
    assert "undone" in run(tmp_path, "plans", "undo", plan["id"])
    assert bad in run(tmp_path, "experiences", "list")


def test_a_person_commits_a_file_and_learns_from_trajectories(tmp_path: Path) -> None:
    steps = [
        {"action": "take mug 1 from shelf 1", "observation": "You pick up the mug 1."},
        {"action": "put mug 1 on desk 1", "observation": "You put the mug 1 on the desk 1."},
    ]
    path = tmp_path / "episodes.jsonl"
    path.write_text(json.dumps({"task": "Put a mug on the desk.", "steps": steps, "reward": 1.0}), encoding="utf-8")
    assert "1 episodes kept" in run(tmp_path, "reflect", "learn", str(path))
    assert "What there is to learn from" in run(tmp_path, "reflect", "prepare")
    offered = tmp_path / "offered.json"
    offered.write_text(json.dumps([{"when_to_use": "When a mug is wanted", "content": "Take the mug first."}]))
    assert "No evidence is cited." in run(tmp_path, "reflect", "commit", str(offered), code=1)
    offered.write_text(json.dumps([{"category": "tip"}]))
    assert "Use one of: success, failure" in run(tmp_path, "reflect", "commit", str(offered), code=1)


@pytest.mark.parametrize("command", [("reflect", "learn"), ("reflect", "commit"), ("experiences", "import")])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "JSON"),
        (b"[" * 100_000, "too deeply"),
        (b"\xff\xfe", "UTF-8"),
        (b"\x1f\x8bxx", ""),
        (None, "No such file"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_without_a_traceback(
    tmp_path: Path, command: tuple[str, ...], content: bytes | None, said: str
) -> None:
    path = tmp_path / "given.jsonl"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, [*command, str(path), "--home", str(tmp_path)])
    assert result.exit_code in (1, 2) and isinstance(result.exception, SystemExit)
    assert said in " ".join(result.output.replace("│", " ").split()) and "Errno" not in result.output


def test_a_person_is_told_what_gave_way_and_how_to_name_what_helped(tmp_path: Path) -> None:
    old = run(tmp_path, "remember", "api.port = 8080").split()[1]
    assert f"in the place of {old}" in run(tmp_path, "remember", "api.port = 8443")
    assert "in --used" in run(tmp_path, "reflect", "outcome", "a task", "1")
    assert "There is nothing to do." in run(tmp_path, "prune")


@pytest.mark.parametrize("command", [("reflect", "learn"), ("reflect", "commit"), ("experiences", "import")])
@pytest.mark.parametrize("text", ["{bad", "[" * 100_000])
def test_a_file_that_is_no_json_is_named(tmp_path: Path, command: tuple[str, str], text: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(text, encoding="utf-8")
    said = run(tmp_path, *command, str(path), code=1 if command[0] == "experiences" else 2)
    assert "Traceback" not in said and ("JSON" in said or "nested too deeply" in said)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    path = tmp_path / "pool.jsonl"
    record = {"when_to_use": "When deploying", "content": "Deploy with the blue script.\u2028Then look at the log."}
    path.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
    assert "1 read, 1 stored, 0 merged." in run(tmp_path, "experiences", "import", str(path))


async def test_a_changed_fact_takes_the_old_ones_place_and_can_be_taken_back(tmp_path: Path) -> None:
    async with Client(parameters(tmp_path)) as client:
        _, view = await call(client, "remember", text="api.port = 8080")
        old = view["results"][0]["id"]
        said, view = await call(client, "remember", text="api.port = 8443")
        assert view["results"][0]["superseded"] == old and f"in the place of {old}" in said
        text, _ = await call(client, "recall", query="api.port")
        assert "8443" in text and "8080" not in text
        said, _ = await call(client, "forget", ids=[old], action="restore")
        assert f"Restored: {old}." in said
        text, _ = await call(client, "recall", query="api.port")
        assert "8443" in text and "8080" in text and "beware" in text
