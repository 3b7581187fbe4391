"""An agent that edits its context at random, for properties that must hold whatever it does."""

from __future__ import annotations

import random
import re
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from mnemic_langgraph.sculptor import create_sculpt_node, route_to_sculpt
from mnemic_langgraph.testing import call
from mnemic_langgraph.working_memory import Projection

WORDS = ("alpha", "beta 7", "key: 3", '{"a": [1, 2]}', "naïve ✓", "中文字", "error: failed", "path/to_file.txt", "\n")


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


@tool
def look_up(item: str) -> str:
    """Look an item up."""
    rng = random.Random(item)
    return f"{item}: " + " ".join(rng.choice(WORDS) for _ in range(rng.randint(5, 60)))


class RandomEditor:
    """Answers with calls that depend on a seed and on how much was said, so that it can be asked again."""

    def __init__(self, seed: int, steps: int) -> None:
        self.seed = seed
        self.steps = steps

    def __call__(self, messages: list[BaseMessage]) -> AIMessage:
        rng = random.Random(f"{self.seed} {len(messages)}")
        turns = sum(isinstance(message, AIMessage) for message in messages)
        if turns >= self.steps:
            return AIMessage("done")
        calls = [self._call(rng, messages, f"c{turns}_{number}") for number in range(rng.randint(1, 3))]
        return AIMessage("let me see " * rng.randint(0, 6), tool_calls=calls)

    def _call(self, rng: random.Random, messages: list[BaseMessage], id: str) -> dict[str, Any]:
        results = [message for message in messages if isinstance(message, ToolMessage)]
        found = re.findall(r"\bf[0-9a-z]{5}\b", " ".join(message.text for message in results)) or ["f00000"]
        hits = re.findall(r"\bs[0-9a-z]{5}\b", " ".join(message.text for message in results)) or ["s00000"]
        choice = rng.randrange(10)
        if choice <= 2 or not results:
            return call("look_up", id, item=f"item {rng.randint(1, 9)}")
        if choice <= 4:
            source = rng.choice(messages).text or "x"
            low, high = sorted(rng.randrange(len(source) + 1) for _ in range(2))
            return call(
                "fragment_context", id, start_marker=source[low : low + 20], end_marker=source[max(high - 20, 0) : high],
                num_fragments=rng.randint(1, 4), role=rng.choice(("user", "assistant", "all")),
            )  # fmt: skip
        if choice == 5:
            return call("fold_fragment", id, fragment_id=rng.choice(found))
        if choice == 6:
            return call("summarize_fragment", id, fragment_id=rng.choice(found), focus="numbers")
        if choice == 7:
            return call("restore_fragment", id, fragment_id=rng.choice(found))
        if choice == 8:
            if rng.random() < 0.5:
                return call("get_search_detail", id, search_id=rng.choice(hits))
            return call("search_context", id, query=rng.choice(("a", "beta", "7")), role="all", max_results=3)
        chosen = rng.sample(results, min(len(results), rng.randint(1, 3)))
        return call("prune_context", id, memory="what matters", delete_ids=[m.tool_call_id for m in chosen])


def editing_graph(model: Any, projection: Projection, *, checkpointer: Any = None, interrupt: bool = False) -> Any:
    """A model and its tools, with every prompt shown by the projection."""

    def ask(state: State) -> Any:
        return {"messages": [model.invoke(projection.view(state["messages"]))]}

    builder = StateGraph(State)
    builder.add_node("model", ask)
    builder.add_node("sculpt", create_sculpt_node(projection=projection, tools=[look_up]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", route_to_sculpt, {"sculpt": "sculpt", "end": END})
    builder.add_edge("sculpt", "model")
    return builder.compile(checkpointer=checkpointer, interrupt_after=["model", "sculpt"] if interrupt else None)


def question() -> HumanMessage:
    return HumanMessage("alpha beta 7 key: 3 naïve ✓ path/to_file.txt and all of that\n" * 3, id="q")
