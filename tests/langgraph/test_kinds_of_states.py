"""Graphs whose state is a dataclass or a model of pydantic, as well as a typed dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel, Field

from mnemic import Channel, Origin
from mnemic_langgraph import (
    RetryState,
    SubgoalState,
    create_environment_node,
    create_recall_node,
    create_remember_node,
    create_retry_graph,
    create_subgoal_node,
    route_by_action,
)
from mnemic_langgraph.testing import ScriptedChatModel
from tests.langgraph.graphs import open_here


@dataclass
class SubgoalRecord:
    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    action: str | None = None


class SubgoalModel(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    action: str | None = None


@pytest.mark.parametrize("state", [SubgoalState, SubgoalRecord, SubgoalModel])
async def test_an_agent_in_subgoals_takes_its_actions(state: Any) -> None:
    model = ScriptedChatModel(script=["Subgoal: look\nAction: look around", "Action: take key", *["Finished."] * 9])
    graph: Any = StateGraph(state)
    graph.add_node("subgoal", create_subgoal_node(model=model))
    graph.add_node("environment", create_environment_node(_answer))
    graph.add_edge(START, "subgoal")
    graph.add_conditional_edges("subgoal", route_by_action, {"act": "environment", "end": END})
    graph.add_edge("environment", "subgoal")
    result = await graph.compile().ainvoke({"messages": [("user", "Find the key.")]})
    said = [message.text for message in result["messages"]]
    assert said[2] == "look around: done" and said[4] == "take key: done" and said[-1] == "Finished."


async def _answer(action: str) -> str:
    return f"{action}: done"


@dataclass
class RetryRecordState:
    messages: Annotated[list[AnyMessage], add_messages] = field(default_factory=list)
    retry: dict[str, Any] | None = None
    guidance: str = ""
    reward: float | None = None
    learnt: list[str] = field(default_factory=list)


class RetryModel(BaseModel):
    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    retry: dict[str, Any] | None = None
    guidance: str = ""
    reward: float | None = None
    learnt: list[str] = Field(default_factory=list)


@pytest.mark.parametrize("state", [RetryState, RetryRecordState, RetryModel])
async def test_a_retry_graph_tries_until_it_succeeds(state: Any, tmp_path: Path) -> None:
    attempts: list[dict[str, Any]] = []

    def attempt(given: dict[str, Any]) -> dict[str, Any]:
        attempts.append(given)
        return {"messages": [AIMessage(f"attempt {len(attempts)}")], "reward": float(len(attempts) == 2)}

    async with open_here(tmp_path) as memory:
        graph = create_retry_graph(attempt, memory=memory, state_schema=state)
        result = await graph.ainvoke({"messages": [("user", "Put a clean mug on the desk.")]})
    assert [message.text for message in result["messages"]][1:] == ["attempt 2"]
    assert result["retry"]["succeeded"] is True and result["retry"]["attempt"] == 2
    assert [message.text for message in attempts[1]["messages"]] == ["Put a clean mug on the desk."]


class RecallModel(BaseModel):
    """With the keys of the guard's node, which the graph does not have."""

    messages: Annotated[list[AnyMessage], add_messages] = Field(default_factory=list)
    recalled: list[dict[str, Any]] = Field(default_factory=list)
    verdicts: dict[str, Any] = Field(default_factory=dict)
    shown: list[dict[str, Any]] = Field(default_factory=list)


async def test_what_was_recalled_taints_an_answer_also_where_the_guards_keys_stand_empty(tmp_path: Path) -> None:
    web = Origin(channel=Channel.WEB, actor="crawler")
    async with open_here(tmp_path) as memory:
        await memory.remember("The locker at the station has the code 4711.", origin=web)
        asked = RecallModel(messages=[HumanMessage("Which code has the locker?", id="asked")])
        recalled = (await create_recall_node(memory=memory).ainvoke(asked))["recalled"]
    answered = [*asked.messages, AIMessage("It opens with 4711, as far as is known.", id="said")]
    # Another process, which knows of no delivery, goes on.
    async with open_here(tmp_path) as memory:
        node = create_remember_node(memory=memory)
        remembered = (await node.ainvoke(RecallModel(messages=answered, recalled=recalled)))["remembered"]
        (hit,) = await memory.show([remembered["said"]])
        assert hit.standing is not None and not hit.standing.trusted
