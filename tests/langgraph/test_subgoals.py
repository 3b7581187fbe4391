"""HiAgent through compiled graphs (methods H1-H5), resumed from a database at every step."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

from mnemic.services.working_memory.conversation import ContextRules
from mnemic_langgraph.subgoals import (
    SubgoalState,
    create_environment_node,
    create_subgoal_node,
    observation,
    route_by_action,
)
from mnemic_langgraph.testing import ScriptedChatModel, as_sent
from mnemic_langgraph.working_memory import Projection

SUBGOALS, ACTIONS = 12, 4
THREAD: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 500}
GOAL = "Goal: tidy the store room."


def script(subgoals: int = SUBGOALS) -> list[str]:
    """A model that works through subgoals of four actions each and then has nothing more to do."""
    said = []
    for number in range(1, subgoals + 1):
        said.append(f"Subgoal: tidy shelf {number}\nAction: move {number}.1")
        said += [f"Action: move {number}.{action}" for action in range(2, ACTIONS + 1)]
    return said


def by_history(answers: list[str], *, retrieve_at: int | None = None) -> Callable[[list[BaseMessage]], str]:
    """The answer that comes next by what the prompt tells, so that a new process can go on. After ``retrieve_at`` steps it
    asks for the first subgoal's details, unless they are shown.
    """

    def answer(prompt: list[BaseMessage]) -> str:
        text = prompt[1].text
        number = re.findall(r"step (\d+)\.", text)
        done = int(number[-1]) if number else 0
        if done == retrieve_at and "RAW observation 1 of" not in text:
            return "Action: retrieve(1)"
        return answers[done] if done < len(answers) else "Finished."

    return answer


class Environment:
    """Answers every action with a line of its own, and remembers what it was given."""

    def __init__(self, received: list[str] | None = None) -> None:
        self.received = [] if received is None else received

    async def act(self, action: str) -> str:
        self.received.append(action)
        return f"RAW observation {len(self.received)} of {action}; the shelf is full, step {len(self.received)}."


def graph(
    model: Any, environment: Environment, *, checkpointer: Any = None, interrupt: bool = False, **options: Any
) -> Any:
    builder = StateGraph(SubgoalState)
    builder.add_node("subgoal", create_subgoal_node(model=model, **options))
    builder.add_node("environment", create_environment_node(environment.act))
    builder.add_edge(START, "subgoal")
    builder.add_conditional_edges("subgoal", route_by_action, {"act": "environment", "end": END})
    builder.add_edge("environment", "subgoal")
    return builder.compile(checkpointer=checkpointer, interrupt_after=["subgoal", "environment"] if interrupt else None)


def say(subgoal_of: list[str]) -> Any:
    async def summarise(text: str, subgoal: str) -> str:
        subgoal_of.append(subgoal)
        return f"{subgoal} is done"

    return summarise


def test_graph_h1_closed_subgoals_are_two_lines_and_are_summarised_once() -> None:
    asked: list[str] = []
    model, environment = ScriptedChatModel(script=[*script(), *["Finished."] * 4]), Environment()
    final = graph(model, environment, summarise=say(asked)).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert asked == [f"tidy shelf {number}" for number in range(1, SUBGOALS)]
    assert len(environment.received) == SUBGOALS * ACTIONS
    assert len(final["messages"]) == 1 + 2 * SUBGOALS * ACTIONS + 1
    for at, prompt in enumerate(model.prompts[1 : SUBGOALS * ACTIONS + 1], 1):
        closed, steps = divmod(at - 1, ACTIONS)
        lines = prompt[1].text.split("\n")
        assert lines[0] == GOAL
        for number in range(1, closed + 1):
            assert lines[2 * number - 1 : 2 * number + 1] == [
                f"{number} Subgoal: tidy shelf {number}",
                f"Observation: tidy shelf {number} is done",
            ]
        assert lines[2 * closed + 1] == f"{closed + 1} Subgoal: tidy shelf {closed + 1}"
        assert prompt[1].text.count("RAW observation") == steps + 1


def test_graph_h1_two_subgoals_in_a_row_are_told_to_the_model_and_change_nothing() -> None:
    wrong = ["Subgoal: three\nSubgoal: four\nAction: x", "Subgoal: three", "I do not know"]
    right = "Subgoal: one\nAction: go"
    model, environment = ScriptedChatModel(script=[*wrong, right, *["Well."] * 4]), Environment()
    final = graph(model, environment).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert environment.received == ["go"]
    assert [m.text for m in final["messages"] if isinstance(m, AIMessage)] == [right, "Well."]
    assert "two subgoals in one answer" in model.prompts[1][-1].text
    assert model.prompts[3][:2] == model.prompts[0][:2]


@pytest.mark.parametrize("spelling", ["retrieve(1, 3)", "retrieve(1,3)", "Retrieve( 1 ,3 )"])
def test_graph_h2_retrieve_shows_chunks_byte_for_byte_without_a_step_of_the_environment(spelling: str) -> None:
    answers = [*script(4), f"Action: {spelling}", "Action: look", "Subgoal: last\nAction: rest", *["Done."] * 4]
    model, environment = ScriptedChatModel(script=answers), Environment()
    final = graph(model, environment, summarise=say([])).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert environment.received == [*(f"move {n}.{a}" for n in range(1, 5) for a in range(1, 5)), "look", "rest"]
    after, then, last = (model.prompts[at][1].text for at in (17, 18, 19))
    seen = [message.text for message in final["messages"] if message.name == "observation"]
    for shown in (after, then):
        assert all(text in shown for text in [*seen[:4], *seen[8:12]])
        assert not any(text in shown for text in seen[4:8])
    # Only what the new subgoal has seen is shown in full: the retrieved ones are folded again.
    assert [text for text in seen if f"Observation: {text}\n" in last + "\n"] == seen[-1:]
    assert "retrieve(" not in last


def test_graph_h2_an_unknown_subgoal_and_the_third_retrieve_in_a_row_are_refused() -> None:
    answers = [*script(3), *(f"Action: retrieve({n})" for n in (99, 1, 2, 3)), "Action: look", *["Done."] * 4]
    model, environment = ScriptedChatModel(script=answers), Environment()
    graph(model, environment).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert environment.received[-1] == "look"
    assert len(environment.received) == 13
    refusals = [prompt[-1].text for prompt in model.prompts if prompt[-1].name == "observation"]
    assert "no subgoal 99" in refusals[0]
    assert "2 times" in refusals[1]


def test_graph_h3_evicted_chunks_stay_in_the_state_and_keep_their_numbers() -> None:
    answers = [*script(15), "Action: retrieve(1)", "Action: look", *["Done."] * 4]
    model, environment = ScriptedChatModel(script=answers), Environment()
    final = graph(model, environment, budget_tokens=420).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert "left out: subgoals 1-" in model.prompts[60][1].text
    assert "RAW observation 1 of move 1.1" not in model.prompts[60][1].text
    assert "RAW observation 1 of move 1.1" in model.prompts[61][1].text
    said = [m.text for m in final["messages"] if isinstance(m, AIMessage)]
    done = [line.removeprefix("Action: ") for text in said for line in text.splitlines() if line.startswith("Action: ")]
    exported = "\n".join(action for action in done if not action.startswith("retrieve"))
    assert (
        hashlib.sha256(exported.encode()).digest() == hashlib.sha256("\n".join(environment.received).encode()).digest()
    )


@pytest.mark.parametrize("said", ["", "\n\n", "\nfirst\nsecond", None])
def test_graph_h5_a_failing_summariser_falls_back_and_no_observation_is_empty(said: str | None) -> None:
    async def summarise(text: str, subgoal: str) -> str:
        if said is None:
            raise RuntimeError("no model")
        return said

    model = ScriptedChatModel(script=[*script(2), *["Done."] * 4])
    graph(model, Environment(), summarise=summarise).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    told = re.search(r"^1 Subgoal: tidy shelf 1\nObservation: (.+)$", model.prompts[-1][1].text, re.MULTILINE)
    assert told is not None
    assert told[1].startswith("first" if said and said.strip() else "RAW observation 4 of move 1.4")


@pytest.mark.parametrize(
    ("retrieve_at", "options"), [(None, {}), (14, {}), (None, {"budget_tokens": 120}), (14, {"folding": "lean"})]
)
def test_graph_h5_a_graph_resumed_from_the_database_at_every_step_sees_the_same_prompts(
    tmp_path: Path, retrieve_at: int | None, options: dict[str, Any]
) -> None:
    answers = by_history(script(5), retrieve_at=retrieve_at)
    whole, asked = ScriptedChatModel(script=answers), list[str]()
    graph(whole, Environment(), summarise=say(asked), **options).invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
    assert ("RAW observation 1 of" in whole.prompts[16][1].text) == (retrieve_at is not None)
    assert any("left out:" in prompt[1].text for prompt in whole.prompts) == ("budget_tokens" in options)
    sent: list[str] = []
    received: list[str] = []
    again: list[str] = []
    start: Any = {"messages": [HumanMessage(GOAL)]}
    for _ in range(200):
        # Everything but the database is new, as in another process.
        model = ScriptedChatModel(script=answers)
        with SqliteSaver.from_conn_string(str(tmp_path / "graph.db")) as saver:
            step = graph(
                model, Environment(received), checkpointer=saver, interrupt=True, summarise=say(again), **options
            )
            step.invoke(start, THREAD)
            going_on = bool(step.get_state(THREAD).next)
        sent += model.sent
        start = None
        if not going_on:
            break
    assert sent == whole.sent
    assert again == asked
    assert len(received) == 5 * ACTIONS


def test_a_fork_of_an_earlier_checkpoint_sees_what_that_moment_saw(tmp_path: Path) -> None:
    with SqliteSaver.from_conn_string(str(tmp_path / "graph.db")) as saver:
        model = ScriptedChatModel(script=by_history(script(3)))
        step = graph(model, Environment(), checkpointer=saver)
        step.invoke({"messages": [HumanMessage(GOAL)]}, THREAD)
        earlier = [state for state in step.get_state_history(THREAD) if state.next == ("subgoal",)]
        moment = earlier[-6]
        prompts = len(model.prompts)
        step.invoke(None, moment.config)
        assert as_sent(model.prompts[prompts]) == as_sent(model.prompts[5])


async def test_the_node_is_awaited_and_called_alone() -> None:
    model = ScriptedChatModel(script=["Subgoal: one\nAction: go"])
    node = create_subgoal_node(model=model)
    update = await node.ainvoke({"messages": [HumanMessage(GOAL)]})
    assert update["action"] == "go"
    assert update["messages"][0].text == "Subgoal: one\nAction: go"


def test_observations_fold_and_words_of_the_user_do_not() -> None:
    projection = Projection(ContextRules(text_protocol=True))
    seen = "\n".join(f"shelf {n} holds nothing new" for n in range(60))
    messages: list[BaseMessage] = [
        HumanMessage("Goal", id="g"), AIMessage("Subgoal: a\nAction: x", id="1"), observation(seen),
        HumanMessage("Mind the door " * 20, id="u"), AIMessage("Subgoal: b\nAction: y", id="2"),
    ]  # fmt: skip
    view = projection.view(messages)
    assert len(view) == len(messages)
    assert view[2].text == "·"
    assert view[3] is messages[3]
    assert messages[2].text == seen


def test_with_a_preset_a_closed_subgoal_shows_what_the_preset_leaves_of_it() -> None:
    projection = Projection(ContextRules(text_protocol=True, folding="lean"))
    seen = '{"code": "XK-7", "notes": "' + "we thank you for your patience " * 30 + '"}'
    told = "say " + "It is on its way and we shall be in touch about it. " * 8
    messages: list[BaseMessage] = [
        HumanMessage("Where is my parcel?"), AIMessage("Subgoal: find it\nAction: get_parcel(7)"), observation(seen),
        AIMessage('Action: set_alarm({"at": "12:30", "for": "XK-7"})'), observation("set"), AIMessage(f"Action: {told}"),
        HumanMessage("And the other?"), AIMessage("Subgoal: find the other\nAction: get_parcel(8)"), observation("none"),
    ]  # fmt: skip
    text = projection.history(messages)
    assert "1 Subgoal: find it" in text
    assert "XK-7" in text
    assert 'set_alarm({"at": "12:30", "for": "XK-7"})' in text
    assert "patience we thank you" not in text
    assert told not in text
    assert text.index("Where is my parcel?") < text.index("And the other?") < text.index("2 Subgoal: find the other")


def test_a_long_argument_that_was_given_twice_stays_to_be_read() -> None:
    thought = (
        "I have looked at every shelf and found no key, so the door has to be opened in another way, with the rope."
    )
    said = [AIMessage(f'Action: think({{"thought": "{thought}"}})') for _ in range(2)]
    messages: list[BaseMessage] = [HumanMessage("Open the door."), AIMessage("Subgoal: find a key\nAction: look(1)")]
    for one in said:
        messages += [observation("nothing"), one]
    messages += [observation("nothing"), HumanMessage("Well?"), AIMessage("Subgoal: open it\nAction: look(2)")]
    assert thought in Projection(ContextRules(text_protocol=True, folding="lean")).history(messages)
