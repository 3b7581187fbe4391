"""Sessions in the ledger: durable, shared by processes, undone by nothing but an explicit erase."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from mnemic import Memory, open_memory
from mnemic.domain.memory import Role
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.errors import InvalidInput, StoreUnavailable
from tests.working_memory.scripts import message, tool_step


def quick(home: Path) -> Memory:
    return open_memory(home, chroma="off", token_counter="heuristic")


async def test_two_processes_see_each_others_messages_and_edits_at_once(tmp_path: Path) -> None:
    async with quick(tmp_path) as one, quick(tmp_path) as two:
        first, second = one.session("chat"), two.session("chat")
        await first.append("line one\n" * 20 + "line two")
        await second.append("ok", role="assistant")
        cut = await first.fragment_context("line two", "line two", num_fragments=1)
        await second.fold_fragment(cut.ids[0])
        assert [m.text for m in await first.view()] == [m.text for m in await second.view()]
        assert (await first.view())[0].text != (await first.originals())[0].text
        await first.undo()
        assert await second.view() == await second.originals()
        assert [edit.tool for edit in await second.log()] == ["fragment_context", "fold_fragment", "undo"]


async def test_many_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    async with quick(tmp_path) as one, quick(tmp_path) as two:

        async def write(memory: Memory, name: str) -> None:
            for at in range(25):
                await memory.session("chat").append(f"{name} {at}")

        async with anyio.create_task_group() as group:
            for memory in (one, two):
                for name in ("a", "b"):
                    group.start_soon(write, memory, f"{name}{id(memory)}")
        texts = [m.text for m in await one.session("chat").view()]
        assert len(texts) == len(set(texts)) == 100
        assert len({m.id for m in await two.session("chat").view()}) == 100


async def test_a_session_survives_the_death_of_the_process(tmp_path: Path) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from mnemic import open_memory\n"
        "async def main():\n"
        "    async with open_memory(sys.argv[1], chroma='off') as memory:\n"
        "        session = memory.session('chat')\n"
        "        await session.append('remember the number 42, ' * 20, folding='lean')\n"
        "        await session.open_subgoal('count')\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, check=False)
    assert killed.returncode == -9
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        assert (await session.view())[0].text.startswith("remember the number 42")
        assert await session.read(lambda found: [s.text for s in found.subgoals()]) == ["count"]
        assert await session.read(lambda found: found.value(Cell.OPTION, "folding")) == "lean"


async def test_a_refused_edit_changes_nothing_and_is_not_stored(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        with pytest.raises(InvalidInput, match="no session"):
            await session.view()
        with pytest.raises(InvalidInput, match="no session"):
            await session.fold_fragment("f00000")
        await session.append(tool_step("get", "{}", "a result"))
        with pytest.raises(InvalidInput, match="nobody made"):
            await session.append([message("tool", "late", answers="nobody")])
        taken = (await session.view())[0].id
        with pytest.raises(InvalidInput, match="already"):
            await session.append([Message(id=taken, role=Role.USER, text="again")])
        for action, arguments in (
            ("fold_fragment", {"fragment_id": "f00000"}), ("prune_context", {"memory_text": "x", "delete_ids": ["y"]}),
            ("close_subgoal", {}), ("retrieve", {"numbers": [7]}), ("undo", {}), ("dance", {}), ("release", {}),
        ):  # fmt: skip
            with pytest.raises(InvalidInput) as error:
                await session.sculpt(action, **arguments)
            assert error.value.hint
        assert await session.log() == []
        assert len(await session.view()) == 2
    async with quick(tmp_path) as again:
        assert len(await again.session("chat").originals()) == 2


async def test_the_twenty_first_tool_step_of_a_turn_is_refused(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        await session.append("look for the needle in here")
        for _ in range(20):
            await session.search_context("needle")
        with pytest.raises(InvalidInput, match="20 tool steps"):
            await session.search_context("needle")
        await session.append("go on")
        await session.search_context("needle")


async def test_a_model_summarises_once_per_closed_subgoal_and_never_inside_a_lock(tmp_path: Path) -> None:
    asked: list[str] = []

    def summarise(text: str, focus: str) -> str:
        asked.append(focus)
        return "all is well"

    async with open_memory(tmp_path, chroma="off", summarise=summarise) as memory:
        session = memory.session("chat")
        await session.append("start")
        for at in range(4):
            await session.open_subgoal(f"goal {at}")
            await session.append(tool_step("get", "{}", f"result {at} " * 40))
        await session.close_subgoal()
        assert asked == [f"goal {at}" for at in range(4)]
        view = "\n".join(m.text for m in await session.view())
        assert view.count("Observation: all is well") == 4


@pytest.mark.usefixtures("patient_erasing")
async def test_erasing_a_session_leaves_no_byte_of_it(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("secret")
        await session.append("the password is xyzzy-plugh-77")
        await session.erase()
        assert await memory.sessions() == ()
        with pytest.raises(InvalidInput):
            await session.view()
        await session.append("new beginning")
        assert [m.text for m in await session.view()] == ["new beginning"]
        assert (await memory.doctor()).healthy
    assert not any(b"xyzzy-plugh-77" in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


async def test_sessions_of_one_namespace_are_not_seen_from_another(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        await memory.session("chat", namespace="team/ana").append("hers")
        await memory.session("chat", namespace="team/ben").append("his")
        assert [m.text for m in await memory.session("chat", namespace="team/ana").view()] == ["hers"]
        assert [info.name for info in await memory.sessions(namespace="team/ben")] == ["chat"]
        with pytest.raises(InvalidInput):
            await memory.session("chat").view()


async def test_batched_edits_wait_until_they_pay(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        text = "\n".join(f"line {at} " + "word " * 20 for at in range(100))
        await session.append([message("user", text), message("assistant", "word " * 3_000)], batching=True)
        cut = await session.fragment_context("line 0 ", "line 99 ", num_fragments=15)
        before = await session.stats()
        await session.fold_fragment(cut.ids[0])
        waiting = await session.stats()
        assert waiting.shown == before.shown
        assert sum(fragment.waiting for fragment in waiting.fragments) == 1
        for id in cut.ids[1:]:
            await session.fold_fragment(id)
        released = await session.stats()
        assert released.shown < before.shown
        assert [edit.tool for edit in await session.log()].count("release") >= 1


async def test_task_graph_revisions_make_dependants_stale(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("plan")
        await session.append("plan a trip")
        await session.sculpt("set_task", id="dates", title="choose dates", status="done")
        await session.sculpt("set_task", id="flight", title="book a flight", after=["dates"], status="done")
        await session.sculpt("set_task", id="hotel", title="book a hotel", after=["flight"], status="active")
        await session.sculpt("set_task", id="snacks", title="buy snacks", status="done")
        told = await session.sculpt("set_task", id="dates", title="choose other dates")
        assert told.ids == ("dates", "flight", "hotel")
        found = await session.read(lambda memory: {k: t.status.value for k, t in memory.values(Cell.TASK).items()})
        assert found == {"dates": "done", "flight": "stale", "hotel": "stale", "snacks": "done"}
        with pytest.raises(InvalidInput, match="wait for each other"):
            await session.sculpt("set_task", id="dates", after=["hotel"])
        with pytest.raises(InvalidInput, match="not done"):
            await session.sculpt("set_task", id="hotel", status="done")


async def test_a_transcript_goes_on_where_the_session_ended(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        call = {"id": "c1", "type": "function", "function": {"name": "get", "arguments": "{}"}}
        await session.append_transcript('[{"role": "user", "content": "go"}]')
        await session.append_transcript(json.dumps([{"role": "assistant", "content": None, "tool_calls": [call]}]))
        await session.append_transcript('[{"role": "tool", "tool_call_id": "c1", "content": "done"}]')
        assert [(m.id, m.role.value, m.answers) for m in await session.view()] == [
            ("msg1", "user", None), ("msg2", "assistant", None), ("msg3", "tool", "c1"),
        ]  # fmt: skip


async def test_a_transcript_that_went_on_is_imported_again_without_doubling_anything(tmp_path: Path) -> None:
    lines = [
        json.dumps({
            "type": kind, "uuid": f"u{at}", "parentUuid": f"u{at - 1}" if at else None, "sessionId": "s",
            "message": {"role": kind, "content": f"{kind} says {at}", **({"id": f"a{at}"} if kind == "assistant" else {})},
        })
        for at, kind in enumerate(["user", "assistant"] * 3)
    ]  # fmt: skip
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        added = [
            len(await session.append_transcript("\n".join(lines[:count]), whole=True)) for count in (2, 2, 5, 6, 4, 6)
        ]
        assert added == [2, 0, 3, 1, 0, 0]
        assert [m.text for m in await session.originals()][-1] == "assistant says 5"
        other = json.dumps([{"role": "user", "content": "Something else."}])
        assert len(await session.append_transcript(other, whole=True)) == 1, "another conversation goes on from it"
        with pytest.raises(InvalidInput, match="too"):
            await session.append_transcript("\n".join(lines))


async def test_a_models_answers_in_the_text_protocol_open_subgoals_and_retrieve_them(tmp_path: Path) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("maze")
        await session.append("Find the key.")
        assert await session.take_answer("Subgoal: open the drawer\nAction: open drawer 1") == "open drawer 1"
        await session.append("drawer 1 holds a pen and much else " * 20, role="tool")
        assert await session.take_answer("Subgoal: open the door\nAction: open door") == "open door"
        assert (await session.history()).count("much else") < 20
        assert await session.take_answer("Action: retrieve(1)") is None
        assert (await session.history()).count("much else") == 20
        with pytest.raises(InvalidInput, match="Action"):
            await session.take_answer("I wonder.")
        assert len(await session.view()) == 4


async def test_a_session_is_erased_though_the_file_cannot_be_rewritten_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with quick(tmp_path) as memory:
        session = memory.session("chat")
        await session.append("hello")
        ledger = memory._opened().backends.ledger

        def full() -> bool:
            raise StoreUnavailable("The disk is full.", hint="Free some space.")

        with monkeypatch.context() as patched:
            patched.setattr(ledger, "scrub", full)
            await session.erase()
            findings = (await memory.doctor()).findings
        assert await memory.sessions() == ()
        assert [one.ok for one in findings if one.check == "erasures"] == [False], "what is left is known"
