"""sculpt_context as an agent uses it: the real server process, a real client, and the command line beside it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from typer.testing import CliRunner

import mnemic
from mnemic.storage.token_counters import HeuristicTokenCounter
from mnemic_mcp.cli.app import app
from tests.e2e.clients import ERAS, call, refused
from tests.e2e.servers import parameters

LINES = "\n".join(f"Step {at}: checked shelf {at} and found {at * 3} boxes of type B-{at}." for at in range(60))


def run(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, [*arguments, "--home", str(home / "home")])
    assert result.exit_code == 0, result.output
    return result.output


async def sculpt(client: Client, action: str, **arguments: Any) -> Any:
    return await call(client, "sculpt_context", action=action, session="task", **arguments)


@pytest.mark.parametrize("era", ERAS)
async def test_a_long_task_is_cut_folded_searched_and_restored(tmp_path: Path, era: str) -> None:
    async with Client(parameters(tmp_path), mode=era) as client, Client(parameters(tmp_path), mode=era) as other:
        await sculpt(client, "append", text="You count boxes.", role="system")
        added = await sculpt(client, "append", text=LINES)
        assert added["ids"] == ["msg2"]
        await sculpt(client, "append", text="All shelves are checked.", role="assistant")
        cut = await sculpt(client, "fragment_context", start_marker="Step 0:", end_marker="type B-59.", num_fragments=4)
        assert len(cut["ids"]) == 4
        folded = await sculpt(client, "fold_fragment", fragment_id=cut["ids"][1])
        assert "fragment" not in folded["text"] or folded["shown_tokens"] > 0
        found = await sculpt(other, "search_context", query="shelf 20 ", context_size=50)
        detail = await sculpt(other, "get_search_detail", search_id=found["ids"][0], extended_context=100)
        assert "found 60 boxes" in detail["text"]
        await sculpt(client, "summarize_fragment", fragment_id=cut["ids"][0], focus="shelf 3")
        view = await sculpt(other, "view")
        assert f"[summary of {cut['ids'][0]} (focus: shelf 3)]" in view["text"]
        await sculpt(other, "undo")
        await sculpt(other, "restore_fragment", fragment_id=cut["ids"][1])
        view = await sculpt(client, "view", budget_tokens=20_000)
        assert all(f"> {line}" in view["text"] for line in LINES.split("\n"))
        log = await sculpt(client, "log")
        assert "undo by the agent" in log["text"]
        resource = await client.read_resource("memory://sessions/task/log")
        assert resource.contents[0].text == log["text"]  # type: ignore[union-attr]
        assert "Step 59" in (await client.read_resource("memory://sessions/task")).contents[0].text  # type: ignore[union-attr]
        assert "msg2 user" in (await client.read_resource("memory://sessions/task/fragments")).contents[0].text  # type: ignore[union-attr]
        assert json.loads((await client.read_resource("memory://sessions")).contents[0].text)[0]["name"] == "task"  # type: ignore[union-attr]


async def test_subgoals_prunes_tasks_and_packs(tmp_path: Path) -> None:
    async with Client(parameters(tmp_path)) as client:
        await call(client, "remember", text="The depot closes at six.")
        await sculpt(client, "append", text="Count the boxes in the depot.")
        await sculpt(client, "open_subgoal", text="reach the depot")
        made = {"id": "c1", "type": "function", "function": {"name": "drive", "arguments": '{"to": "depot 7"}'}}
        await sculpt(client, "append", messages=[
            {"role": "assistant", "content": None, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "c1", "content": "arrived at depot 7 after a long way " * 20},
        ])  # fmt: skip
        closed = await sculpt(client, "close_subgoal", text="At depot 7.", satisfied=True)
        assert "At depot 7." in closed["text"]
        assert "a long way" not in (await sculpt(client, "view"))["text"]
        await sculpt(client, "retrieve", ids=[1])
        assert "a long way" in (await sculpt(client, "view"))["text"]
        await sculpt(client, "open_subgoal", text="count")
        await sculpt(client, "append", text="row 1: 40 boxes " * 30, role="tool")
        pruned = await sculpt(client, "prune_context", memory="row 1 has 40 boxes", delete_ids=["msg4"])
        assert "row 1 has 40 boxes" in pruned["text"]
        assert "[pruned; row 1 has 40 boxes]" in (await sculpt(client, "view"))["text"]
        await sculpt(client, "set_task", id="count", text="count all rows")
        await sculpt(client, "set_task", id="report", text="write the report", ids=["count"])
        assert "task report (pending, after count)" in (await sculpt(client, "stats"))["text"]
        pack = await sculpt(client, "compose", text="When does the depot close?", budget_tokens=600)
        assert "The depot closes at six." in pack["text"]
        assert HeuristicTokenCounter().count(pack["text"]) <= 600


async def test_every_page_stays_inside_its_budget_and_the_pages_are_the_whole(tmp_path: Path) -> None:
    count = HeuristicTokenCounter().count
    async with Client(parameters(tmp_path)) as client:
        for at in range(30):
            await sculpt(client, "append", text=f"message number {at} " + "word " * 60)
        texts: list[str] = []
        cursor: dict[str, int] = {}
        while True:
            page = await sculpt(client, "view", budget_tokens=500, **cursor)
            assert count(page["text"]) <= 500
            texts.append(page["text"])
            if "next_cursor" not in page:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert [f"message number {at} " in "\n".join(texts) for at in range(30)] == [True] * 30
        assert "\n".join(texts).count("message number") == 30


async def test_a_wrong_call_says_what_would_be_right(tmp_path: Path) -> None:
    async with Client(parameters(tmp_path)) as client:
        await sculpt(client, "append", text="hello there")
        wrong: list[tuple[dict[str, Any], str]] = [
            ({"action": "fold_fragment"}, "needs fragment_id"),
            ({"action": "fold_fragment", "fragment_id": "f00000", "query": "x"}, "does not take query"),
            ({"action": "fold_fragment", "fragment_id": "f00000"}, "no fragment"),
            ({"action": "fold_everything"}, "fold_fragment"),
            ({"action": "append"}, "needs text"),
            ({"action": "retrieve", "ids": ["one"]}, "not the number"),
            ({"action": "fragment_context", "start_marker": "hello", "end_marker": "there", "num_fragments": 21}, "20"),
            ({"action": "view", "session": "other"}, "no session"),
            ({"action": "append", "messages": [{"role": "tool", "tool_call_id": "x", "content": "y"}]}, "was not made"),
        ]
        for arguments, says in wrong:
            text = await refused(client, "sculpt_context", **{"session": "task", **arguments})
            assert says in text, text
        assert (await sculpt(client, "log"))["text"] == "Nothing yet."


@pytest.mark.slow
def test_the_command_line_shows_sessions_and_replays_transcripts(tmp_path: Path) -> None:
    def mnemic(*arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "mnemic_mcp.main", *arguments], capture_output=True, text=True, check=False, input=stdin,
            env={"MNEMIC_HOME": str(tmp_path / "home"), "PATH": ""},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    turns = []
    for at in range(12):
        made = {"id": f"c{at}", "type": "function", "function": {"name": "get_row", "arguments": f'{{"row": {at}}}'}}
        rows = json.dumps([{"id": f"box-{at}-{n}", "state": "full", "weight": at * n} for n in range(15)])
        turns += [
            {"role": "user", "content": f"What is in row {at}?"},
            {"role": "assistant", "content": None, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": f"c{at}", "content": rows},
            {"role": "assistant", "content": f"Row {at} has 15 boxes."},
        ]
    path = tmp_path / "chat.json"
    path.write_text(json.dumps(turns))
    found = json.loads(mnemic("context", "replay", str(path), "--json"))
    saved = {row["preset"]: row["saved"] for row in found["presets"]}
    assert saved["none"] == 0
    assert saved["lean"] > saved["lossless"] > 0.2
    assert "lean" in mnemic("context", "replay", str(path), "-p", "lean")
    assert "48 messages" in mnemic("context", "import", str(path), "--session", "rows", "--folding", "lean")
    assert json.loads(mnemic("context", "list", "--json"))[0]["messages"] == 48
    assert "holds all of them" in mnemic("context", "import", str(path), "--session", "rows")
    path.write_text(json.dumps([*turns, {"role": "user", "content": "Thank you."}]))
    assert mnemic("context", "import", str(path), "--session", "rows").startswith("1 messages")
    path.write_text(json.dumps(turns))
    assert "holds all of them" in mnemic("context", "import", str(path), "--session", "rows")
    assert json.loads(mnemic("context", "list", "--json"))[0]["messages"] == 49
    assert mnemic("context", "import", "-", "--session", "piped", stdin=json.dumps(turns)).startswith("48 messages")
    mnemic("context", "erase", "piped", "--yes")
    asked = json.dumps({"messages": [{"role": "user", "content": "a\u2028b"}]}, ensure_ascii=False)
    lines = "\n".join([asked] * 12)
    assert json.loads(mnemic("context", "replay", "-", "--json", stdin=lines))["conversations"] == 12
    assert "What is in row 3?" in mnemic("context", "show", "rows")
    assert len(json.loads(mnemic("context", "show", "rows", "--json"))) == 49
    assert mnemic("context", "stats", "rows").startswith("msg1\tuser\t")
    assert "folding_policy by the policy" in mnemic("context", "log", "rows")
    assert "erased rows" in mnemic("context", "erase", "rows", "--yes")
    assert mnemic("context", "list") == ""


async def test_a_text_that_is_json_stays_a_text(tmp_path: Path) -> None:
    async with Client(parameters(tmp_path)) as client:
        for text in ('{"a": 1}', '["a", "b"]', "null", "42", "true"):
            await sculpt(client, "append", text=text, role="tool")
            await call(client, "remember", text=text)
        view = await sculpt(client, "view")
        assert [line for line in view["text"].split("\n") if line.startswith("> ")] == [
            '> {"a": 1}', '> ["a", "b"]', "> null", "> 42", "> true",
        ]  # fmt: skip
        found = await sculpt(client, "search_context", query='["a"', role="all")
        assert len(found["ids"]) == 1
        assert await call(client, "recall", query='["a", "b"]')
        # A list that a host sends as text is still a list.
        await sculpt(client, "prune_context", memory="kept", delete_ids='["msg1"]')
        assert "pruned already" in await refused(
            client, "sculpt_context", action="prune_context", session="task", memory="again", delete_ids=["msg1"]
        )


async def test_a_resource_that_does_not_show_all_of_a_session_says_how_to_go_on(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path) as memory:
        for at in range(60):
            await memory.session("task").append(f"message number {at} " + "alpha beta gamma delta epsilon zeta\n" * 300)
    async with Client(parameters(tmp_path)) as client:
        shown = (await client.read_resource("memory://sessions/task")).contents[0].text  # type: ignore[union-attr]
        *_, last = shown.split("\n")
        assert last.startswith('More: sculpt_context with action="view", session="task" and cursor=')
        cursor = int(last.rpartition("=")[2].rstrip("."))
        assert f"message number {cursor - 1} " in shown and f"message number {cursor} " not in shown
        assert f"message number {cursor} " in (await sculpt(client, "view", cursor=cursor, budget_tokens=5_000))["text"]
        whole = (await client.read_resource("memory://sessions/task/fragments")).contents[0].text  # type: ignore[union-attr]
        assert "More:" not in whole


def test_the_command_line_shows_all_pages_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic_mcp.cli.context._PAGE_TOKENS", 200)
    talk = tmp_path / "talk.json"
    talk.write_text(json.dumps([{"role": "user", "content": f"message {at} " * 20} for at in range(30)]))
    run(tmp_path, "context", "import", str(talk), "--session", "s")
    shown = run(tmp_path, "context", "show", "s")
    assert all(f"message {at} " in shown for at in range(30))
