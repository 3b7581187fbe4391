"""Trying again with what failures teach, as a graph: ReMe's acceptance test R2, interrupted and resumed at every step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

from mnemic import Memory
from mnemic.domain.learning.facets import Facets, NewExperience
from mnemic.errors import InvalidInput
from mnemic_langgraph import ExperienceMiddleware, RetryState, create_retry_graph
from mnemic_langgraph.blocking import run_blocking
from mnemic_langgraph.testing import ScriptedChatModel, call
from tests.langgraph.graphs import open_here, step_by_step, thread

TASK = "Cancel booking SDZQKO and refund 300 dollars to the card"
FAILS = [
    AIMessage("", tool_calls=[call("cancel_booking", booking="SDZQKO", id="a")]),
    "It could not be cancelled.",
]
WORKS = [
    AIMessage("", tool_calls=[call("get_booking", booking="SDZQKO", id="a")]),
    AIMessage("", tool_calls=[call("cancel_booking", booking="SDZQKO", id="b")]),
    "Cancelled, and 300 dollars are on the card.",
]


async def pool(memory: Memory) -> str:
    """A hash of all that is known as an experience."""
    found = await memory.list(kinds=["procedural"], limit=1000)
    return hashlib.sha256("\n".join(sorted(f"{one.id} {one.text}" for one in found)).encode()).hexdigest()


def get_booking(booking: str) -> str:
    """Look a booking up."""
    return f"Booking {booking}: insured, 300 dollars."


def cancel_booking(booking: str) -> str:
    """Cancel a booking."""
    return f"Error: booking {booking} must be looked up first."


class Rewards:
    """The rewards of attempts, in their order, for a scripted world: of the messages that an attempt ends with."""

    def __init__(self, *rewards: float) -> None:
        self.rewards = rewards

    def __call__(self, output: Any) -> float:
        return 1.0 if "300 dollars are on the card" in output["messages"][-1].text else 0.0

    def model(self) -> ScriptedChatModel:
        """A model whose every attempt goes as its reward says; which one it is, it learns from the guidance."""

        def answer(messages: list[Any]) -> Any:
            system = messages[0].text if messages[0].type == "system" else ""
            number = next((int(line[-1]) for line in system.splitlines() if line.startswith("> after attempt ")), 0)
            script = WORKS if self.rewards[number] == 1 else FAILS
            return script[sum(message.type == "ai" for message in messages)]

        return ScriptedChatModel(script=answer)


def said_of(failed: Sequence[Any]) -> list[str]:
    return [f"Look the booking up before you cancel it.\nafter attempt {len(failed)}"]


def make(memory: Memory, model: ScriptedChatModel, rewards: Rewards, **options: Any) -> Any:
    agent = create_agent(
        model, [get_booking, cancel_booking], system_prompt="You are an airline's agent.",
        middleware=[ExperienceMiddleware(memory=memory, reflect=False)],
    )  # fmt: skip
    return create_retry_graph(agent, memory=memory, reward=rewards, **{"reflect": said_of, **options})


async def known(memory: Memory) -> None:
    await memory.learning.store(
        [NewExperience(when_to_use=f"In a task such as: {TASK}", content="Be quick and cancel the booking at once.",
                       facets=Facets(task=TASK))]
    )  # fmt: skip


async def test_graph_r2_lessons_take_the_place_of_recall_and_only_the_success_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recalls: list[str] = []
    async with open_here(tmp_path) as memory:
        await known(memory)
        before, model, rewards = await pool(memory), Rewards(0, 0, 1).model(), Rewards(0, 0, 1)
        plain = Memory.recall

        async def counted(self: Memory, query: str | None = None, **options: Any) -> Any:
            recalls.append(str(query))
            return await plain(self, query, **options)

        monkeypatch.setattr(Memory, "recall", counted)
        hashes: list[str] = []
        graph = make(memory, model, rewards, checkpointer=InMemorySaver())
        result: dict[str, Any] = {}
        async for mode, part in graph.astream(
            {"messages": [("user", TASK)]}, thread(), stream_mode=["updates", "values"]
        ):
            if mode == "values":
                result = part
            elif "weigh" in part:
                hashes.append(await pool(memory))
        assert recalls == [TASK], "nothing is recalled for an attempt after the first"
        assert hashes == [before] * 3, "nothing is stored of an attempt that failed"
        assert result["retry"]["succeeded"] and result["retry"]["attempt"] == 3 and result["retry"]["reflections"] == 2
        systems = [prompt[0].text for prompt in model.prompts]
        assert len(systems) == 2 + 2 + 3
        assert all("Be quick and cancel" in text and "after attempt" not in text for text in systems[:2])
        for number, prompts in ((1, systems[2:4]), (2, systems[4:])):
            for text in prompts:
                assert f"> after attempt {number}" in text and "Be quick" not in text
                assert text.count("> after attempt") == 1
        # Every attempt begins as the first one did: what a failed one said is not in the next one's prompt.
        assert all(len(model.prompts[at]) == 2 for at in (0, 2, 4))
        learnt = [await memory.get(id) for id in result["learnt"]]
        assert learnt and {id for one in learnt for id in one.evidence} == set(result["episodes"])
        assert await pool(memory) != before
        told = await memory.get(result["episodes"][0])
        assert "get_booking" in told.text and not any("after attempt" in one.text for one in learnt)
        assert result["messages"][-1].text.startswith("Cancelled")


async def test_graph_r2_four_failures_leave_the_pool_as_it_was_after_three_reflections(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        await known(memory)
        before = await pool(memory)
        rewards = Rewards(0, 0, 0, 0)
        graph = make(memory, rewards.model(), rewards)
        events: list[Any] = []
        result: dict[str, Any] = {}
        async for mode, part in graph.astream({"messages": [("user", TASK)]}, stream_mode=["custom", "values"]):
            if mode == "custom":
                events.append(part)
            else:
                result = part
        assert await pool(memory) == before
        assert result["retry"]["succeeded"] is False and result["retry"]["reflections"] == 3
        assert [event["event"] for event in events] == ["recalled", "reflected", "reflected", "reflected"]
        assert result["learnt"] == []


async def test_graph_r2_winning_lessons_are_kept_if_wanted(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        rewards = Rewards(0, 1)
        graph = make(memory, rewards.model(), rewards, keep_winning_lessons=True)
        result = await graph.ainvoke({"messages": [("user", TASK)]})
        texts = [(await memory.get(id)).text for id in result["learnt"]]
        assert any("Look the booking up before you cancel it." in text for text in texts)


async def test_graph_r2_the_rules_reflect_where_nobody_else_does_and_the_first_attempt_is_credited(
    tmp_path: Path,
) -> None:
    async with open_here(tmp_path) as memory:
        await known(memory)
        rewards = Rewards(0, 0)
        graph = make(memory, Rewards(0, 0).model(), rewards, reflect=None, max_reflections=1)
        result = await graph.ainvoke({"messages": [("user", TASK)]})
        assert any("cancel_booking" in lesson for lesson in result["retry"]["lessons"])
        (view,) = await memory.learning.experiences()
        assert view.utility.shown == 1 and view.utility.shown_successes == 0


async def test_graph_r2_resumed_from_the_database_at_every_step_the_prompts_are_the_same(tmp_path: Path) -> None:
    async def run(folder: Path, *, stepwise: bool) -> tuple[list[str], dict[str, Any], int]:
        folder.mkdir()
        rewards, models = Rewards(0, 0, 1), []

        async def consult(failed: Sequence[Any]) -> list[str]:
            if stepwise:
                interrupt({"failed": len(failed)})  # a person looks at it in the middle of a reflection
            return said_of(failed)

        async with open_here(folder) as memory:
            await memory.learning.store(
                [NewExperience(when_to_use=f"In a task such as: {TASK}", content="Be quick.", facets=Facets(task=TASK))]
            )
            id = (await memory.list(kinds=["procedural"]))[0].id

            def again(checkpointer: Any) -> Any:
                models.append(rewards.model())
                return make(memory, models[-1], rewards, reflect=consult, checkpointer=checkpointer)

            given = {"messages": [HumanMessage(TASK, id="task")]}
            if stepwise:
                result = await step_by_step(folder, again, given, thread())
            else:
                result = await again(InMemorySaver()).ainvoke(given, thread())
            credited = (await memory.learning.utilities([id]))[id].shown
            sent = [text.replace(id, "ID") for model in models for text in model.sent]
            return sent, result, credited

    whole, ended, credited = await run(tmp_path / "whole", stepwise=False)
    parts, resumed, credited_too = await run(tmp_path / "parts", stepwise=True)
    assert whole == parts and len(whole) == 7
    assert ended["retry"]["lessons"] == resumed["retry"]["lessons"]
    assert credited == credited_too == 1


async def test_it_can_be_a_node_of_another_graph(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        rewards = Rewards(0, 1)
        graph: Any = StateGraph(RetryState)
        graph.add_node("task", make(memory, rewards.model(), rewards))
        graph.add_edge(START, "task")
        graph.add_edge("task", END)
        result = await graph.compile(checkpointer=InMemorySaver()).ainvoke({"messages": [("user", TASK)]}, thread())
        assert result["retry"]["succeeded"] and result["learnt"]


def test_without_an_event_loop_it_runs_and_resumes_with_a_sync_checkpointer(tmp_path: Path) -> None:
    memory = open_here(tmp_path)
    run_blocking(memory.open)
    try:
        rewards = Rewards(0, 1)
        model = rewards.model()

        def consult(failed: Sequence[Any]) -> list[str]:
            return said_of(failed) if interrupt("go on?") else []

        with SqliteSaver.from_conn_string(str(tmp_path / "sync.db")) as first:
            graph = make(memory, model, rewards, reflect=consult, checkpointer=first)
            stopped = graph.invoke({"messages": [("user", TASK)]}, thread())
            assert stopped["__interrupt__"][0].value == "go on?"
        with SqliteSaver.from_conn_string(str(tmp_path / "sync.db")) as second:
            graph = make(memory, model, rewards, reflect=consult, checkpointer=second)
            result = graph.invoke(Command(resume=True), thread())
        assert result["retry"]["succeeded"] and len(model.prompts) == 5
    finally:
        memory.close_now()


async def test_an_attempt_may_be_a_function_and_its_reward_is_checked(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        seen: list[str] = []

        async def attempt(state: Any) -> dict[str, Any]:
            seen.append(state["guidance"])
            return {"messages": [AIMessage("done")], "reward": 1.0}

        result = await create_retry_graph(attempt, memory=memory).ainvoke({"messages": [("user", TASK)]})
        assert result["retry"]["succeeded"] and seen == [""]
        for wrong in (None, 2.0, True, "good"):

            def rewarded(_: Any, reward: Any = wrong) -> dict[str, Any]:
                return {"messages": [AIMessage("done")], "reward": reward}

            with pytest.raises(InvalidInput, match="reward"):
                await create_retry_graph(rewarded, memory=memory).ainvoke({"messages": [("user", TASK)]})


async def test_a_second_task_on_a_thread_has_its_own_words_and_its_own_reward(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        given: list[tuple[str, Any, Any]] = []

        def attempt(state: Any) -> dict[str, Any]:
            given.append((state["guidance_task"], state.get("reward"), state.get("used")))
            solved = {"reward": 1.0, "used": []} if "door" in state["guidance_task"] else {}
            return {"messages": [AIMessage("I have tried.")], **solved}

        def reward(output: Any) -> float:
            return output.get("reward") or 0.0

        work: Any = StateGraph(RetryState)
        work.add_node("work", attempt)
        work.add_edge(START, "work")
        work.add_edge("work", END)
        graph: Any = create_retry_graph(
            work.compile(), memory=memory, reward=reward, max_reflections=0, checkpointer=InMemorySaver()
        )
        first = await graph.ainvoke({"messages": [("user", "Fix the door")]}, thread())
        second = await graph.ainvoke({"messages": [("user", "Fix the window")]}, thread())
        assert given == [("Fix the door", None, None), ("Fix the window", None, None)]
        assert [end["retry"]["task"] for end in (first, second)] == ["Fix the door", "Fix the window"]
        assert [end["retry"]["succeeded"] for end in (first, second)] == [True, False]


async def test_an_agent_in_a_second_task_is_not_shown_what_helps_with_the_first(tmp_path: Path) -> None:
    async with open_here(tmp_path) as memory:
        model = ScriptedChatModel(script=lambda messages: "Done.")
        agent = create_agent(model, [], middleware=[ExperienceMiddleware(memory=memory, reflect=False)])
        graph: Any = create_retry_graph(agent, memory=memory, reward=lambda _: 1.0, checkpointer=InMemorySaver())
        for task in ("Fix the door", "Fix the window"):
            recalled = [
                part["query"]
                async for _, part in graph.astream(
                    {"messages": [("user", task)]}, thread(), stream_mode="custom", subgraphs=True
                )
                if part.get("event") == "recalled"
            ]
            assert recalled == [task]
