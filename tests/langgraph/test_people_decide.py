"""A person between the model and its editing tools: what was decided is what is shown, also out of a database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from mnemic_langgraph import SculptorMiddleware, SubgoalMiddleware
from mnemic_langgraph.testing import ScriptedChatModel, call

make_agent: Any = create_agent
THREAD: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 500}
NAMES = [f"{one}{other}" for one in "abcdef" for other in "abcdefghij"]
TEXT = "\n".join(f"The room of {name} holds boxes that nobody has opened for years." for name in NAMES)
START: Any = {
    "messages": [HumanMessage(TEXT, id="q"), AIMessage("I have read it.", id="a"), HumanMessage("Tidy up.", id="r")]
}
Mode = Literal["batched", "per_call"]
GATED: Any = {"fold_fragment": True}
CUT = call("fragment_context", "cut", start_marker="The room of aa holds", end_marker="of fj holds", num_fragments=3)


@tool
def count_boxes(shelf: int) -> str:
    """Count the boxes on a shelf."""
    return f"Shelf {shelf} has {shelf + 3} boxes."


def text_shown(sent: str) -> str:
    """What a prompt shows of `TEXT`."""
    return str(next(one["content"] for one in json.loads(sent) if one["role"] == "user"))


def fragments(messages: list[BaseMessage], of: str = "cut") -> list[str]:
    said = next(m.text for m in messages if isinstance(m, ToolMessage) and m.tool_call_id == of)
    return re.findall(r"\bf[0-9a-z]{5}\b", said)


def cuts_and_folds(messages: list[BaseMessage]) -> AIMessage:
    """Cuts the user's text into three, asks to fold the first, and says that it is done."""
    turns = sum(isinstance(message, AIMessage) for message in messages) - 1
    if turns == 0:
        return AIMessage("", tool_calls=[CUT])
    if turns == 1:
        return AIMessage("", tool_calls=[call("fold_fragment", "fold", fragment_id=fragments(messages)[0])])
    return AIMessage("Done.")


def decided(agent: Any, given: Any, decide: Any, mode: Mode) -> Any:
    """What an agent ends with when every question is answered by ``decide(name, args)``, and whether there were any."""
    result = agent.invoke(given, THREAD, durability="sync")
    while "__interrupt__" in result:
        result = agent.invoke(answers(result["__interrupt__"], decide, mode), THREAD, durability="sync")
    return result


def answers(interrupts: Any, decide: Any, mode: Mode) -> Command[Any]:
    if mode == "per_call":
        asked = [(one.id, one.value) for one in interrupts]
        return Command(resume={id: decide(value["name"], value["args"]) for id, value in asked})
    (asked_at_once,) = interrupts
    return Command(
        resume={"decisions": [decide(one["name"], one["args"]) for one in asked_at_once.value["action_requests"]]}
    )


def resumed(path: Path, make: Any, given: Any, decide: Any, mode: Mode) -> Any:
    """As `decided`, with an agent, a model and a connection made anew for every step."""
    for _ in range(50):
        with SqliteSaver.from_conn_string(str(path)) as saver:
            agent = make(saver)
            result = agent.invoke(given, THREAD, interrupt_before="*", durability="sync")
            state = agent.get_state(THREAD)
        if not state.next:
            return result
        asked = [one for task in state.tasks for one in task.interrupts]
        given = answers(asked, decide, mode) if asked else None
    raise AssertionError("The agent does not end.")


def approve(name: str, args: Any) -> Any:
    return {"type": "approve"}


def reject(name: str, args: Any) -> Any:
    return {"type": "reject", "message": "leave it"}


def respond(name: str, args: Any) -> Any:
    return {"type": "respond", "message": "I folded it in my mind."}


def prompts(models: list[ScriptedChatModel]) -> list[str]:
    return [sent for model in models for sent in model.sent]


def run_both(
    tmp_path: Path, script: Any, decide: Any, mode: Mode, gated: Any = GATED, first: str = "person"
) -> tuple[list[BaseMessage], list[str]]:
    """The messages and prompts of an agent whose person answers at once, after it was seen that it is the same when
    everything is made anew from the database at every step.
    """
    sent: list[list[str]] = []
    for saver in (InMemorySaver(), None):
        models: list[ScriptedChatModel] = []

        def make(checkpointer: Any, models: Any = models) -> Any:
            models.append(ScriptedChatModel(script=script))
            person = HumanInTheLoopMiddleware(interrupt_on=gated, interrupt_mode=mode)
            ours = [SculptorMiddleware(), SubgoalMiddleware(folding=None)]
            return make_agent(
                models[-1], [count_boxes], checkpointer=checkpointer,
                middleware=[person, *ours] if first == "person" else [*ours, person],
            )  # fmt: skip

        if saver is None:
            result = resumed(tmp_path / "agent.db", make, START, decide, mode)
        else:
            result = decided(make(saver), START, decide, mode)
        sent.append(prompts(models))
    assert sent[0] == sent[1]
    return result["messages"], sent[0]


@pytest.mark.parametrize("first", ["person", "ours"])
@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_an_approved_edit_shows_what_it_shows_without_a_person(tmp_path: Path, mode: Mode, first: str) -> None:
    plain = ScriptedChatModel(script=cuts_and_folds)
    ours = [SculptorMiddleware(), SubgoalMiddleware(folding=None)]
    make_agent(plain, [count_boxes], middleware=ours).invoke(START, THREAD)
    _, sent = run_both(tmp_path, cuts_and_folds, approve, mode, first=first)
    assert sent == plain.sent
    assert "room of ad " in sent[1] and "room of ad " not in sent[2]


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize(("decide", "status"), [(reject, "error"), (respond, "success")])
def test_a_call_that_did_not_run_is_no_edit(tmp_path: Path, mode: Mode, decide: Any, status: str) -> None:
    messages, sent = run_both(tmp_path, cuts_and_folds, decide, mode)
    answer = next(m for m in messages if isinstance(m, ToolMessage) and m.tool_call_id == "fold")
    assert answer.status == status
    assert "room of ad " in sent[2] and sent[2].startswith(sent[1].removesuffix("\n]"))


@pytest.mark.parametrize("first", ["person", "ours"])
@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_an_edited_call_is_what_it_was_edited_to(tmp_path: Path, mode: Mode, first: str) -> None:
    def other(name: str, args: Any) -> Any:
        return {"type": "edit", "edited_action": {"name": name, "args": {"fragment_id": ids[2]}}}

    ids: list[str] = []

    def noting(messages: list[BaseMessage]) -> AIMessage:
        if any(isinstance(message, ToolMessage) for message in messages):
            ids[:] = fragments(messages)
        return cuts_and_folds(messages)

    messages, sent = run_both(tmp_path, noting, other, mode, first=first)
    asked = next(m for m in messages if isinstance(m, AIMessage) and m.tool_calls and m.tool_calls[0]["id"] == "fold")
    assert asked.tool_calls[0]["args"] == {"fragment_id": ids[0]}, "LangChain leaves the call as the model made it"
    assert "room of ad " in sent[2] and "room of fa " not in sent[2]


def test_a_call_may_be_edited_into_another_tools_and_out_of_ours(tmp_path: Path) -> None:
    def script(messages: list[BaseMessage]) -> AIMessage:
        turns = sum(isinstance(message, AIMessage) for message in messages) - 1
        if turns == 0:
            return AIMessage("", tool_calls=[CUT])
        if turns == 1:
            ids[:] = fragments(messages)
            both = [
                call("fold_fragment", "away", fragment_id=fragments(messages)[0]),
                call("count_boxes", "in", shelf=4),
            ]
            return AIMessage("", tool_calls=both)
        return AIMessage("Done.")

    ids: list[str] = []

    def swap(name: str, args: Any) -> Any:
        if name == "fold_fragment":
            return {"type": "edit", "edited_action": {"name": "count_boxes", "args": {"shelf": 9}}}
        action = {"name": "fold_fragment", "args": {"fragment_id": ids[1]}}
        return {"type": "edit", "edited_action": action}

    gated = {"fold_fragment": True, "count_boxes": True}
    messages, sent = run_both(tmp_path, script, swap, "batched", gated)
    results = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    assert "Shelf 9 has 12 boxes." in results["away"].text
    assert results["in"].status == "success" and "Folded" in results["in"].text
    shown = text_shown(sent[2])
    assert "room of ad " in shown and "room of cd " not in shown, "the fold that a person asked for was made, no other"


@pytest.mark.parametrize("mode", ["batched", "per_call"])
@pytest.mark.parametrize("fate", ["approve", "reject", "respond", "edit", "nonsense"])
def test_ids_that_one_call_told_are_good_whatever_became_of_the_calls_beside_it(
    tmp_path: Path, mode: Mode, fate: str
) -> None:
    def script(messages: list[BaseMessage]) -> AIMessage:
        turns = sum(isinstance(message, AIMessage) for message in messages) - 1
        if turns == 0:
            return AIMessage("", tool_calls=[CUT])
        if turns == 1:
            last = fragments(messages)[2]
            again = call(
                "fragment_context", "again", start_marker="of ad holds", end_marker="of aj holds", num_fragments=2
            )
            find = call("search_context", "find", query="of ah ", role="all")
            return AIMessage("", tool_calls=[call("fold_fragment", "fold", fragment_id=last), again, find])
        if turns == 2:
            found = next(m.text for m in messages if isinstance(m, ToolMessage) and m.tool_call_id == "find")
            search = re.findall(r"\bs[0-9a-z]{5}\b", found)[0]
            id = fragments(messages, "again")[0]
            more = [call("fold_fragment", "later", fragment_id=id), call("get_search_detail", "more", search_id=search)]
            return AIMessage("", tool_calls=more)
        return AIMessage("Done.")

    def decide(name: str, args: Any) -> Any:
        asked.append(args["fragment_id"])
        if args["fragment_id"] != asked[0]:
            return {"type": "approve"}
        if fate in ("edit", "nonsense"):
            id = args["fragment_id"] if fate == "edit" else "f00000"
            return {"type": "edit", "edited_action": {"name": name, "args": {"fragment_id": id}}}
        return {"approve": approve, "reject": reject, "respond": respond}[fate](name, args)

    asked: list[str] = []
    messages, sent = run_both(tmp_path, script, lambda *given: decide(*given), mode)
    results = {m.tool_call_id: m for m in messages if isinstance(m, ToolMessage)}
    assert [results[id].status for id in ("again", "find", "later", "more")] == ["success"] * 4, results
    folded = fate in ("approve", "edit")
    assert ("room of fa " in text_shown(sent[-1])) is not folded
    assert "room of ae " not in text_shown(sent[-1]), "the later fold was made by the id that was told"


@pytest.mark.parametrize(
    "nodes", [{"interrupt_before": ["tools"]}, {"interrupt_after": ["model"]}, {"interrupt_after": ["tools"]}]
)
@pytest.mark.parametrize("script", ["folds", "subgoals"])
def test_interrupted_while_an_edit_is_pending_the_next_prompt_is_the_same(
    tmp_path: Path, nodes: Any, script: str
) -> None:
    def works_in_subgoals(messages: list[BaseMessage]) -> AIMessage:
        turns = sum(isinstance(message, AIMessage) for message in messages) - 1
        if turns == 5:
            return AIMessage("Done.")
        begin = call("open_subgoal", f"s{turns}", text=f"count shelf {turns}", summary="Counted." if turns else None)
        return AIMessage("", tool_calls=[begin, call("count_boxes", f"c{turns}", shelf=turns)])

    answer: Any = cuts_and_folds if script == "folds" else works_in_subgoals
    whole = ScriptedChatModel(script=answer)
    ours: list[Any] = [SubgoalMiddleware(), SculptorMiddleware()]
    make_agent(whole, [count_boxes], middleware=ours).invoke(START, THREAD)
    models: list[ScriptedChatModel] = []
    given: Any = START
    for _ in range(50):
        with SqliteSaver.from_conn_string(str(tmp_path / "agent.db")) as saver:
            models.append(ScriptedChatModel(script=answer))
            anew: list[Any] = [SubgoalMiddleware(), SculptorMiddleware()]
            agent = make_agent(models[-1], [count_boxes], middleware=anew, checkpointer=saver, **nodes)
            agent.invoke(given, THREAD)
            if not agent.get_state(THREAD).next:
                break
            given = None
    assert len(models) > 2 and prompts(models) == whole.sent
