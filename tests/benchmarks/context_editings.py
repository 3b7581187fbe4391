"""Ways of editing an agent's context, each a graph that can be run: LangChain's, langmem's and ours.

The summaries of LangChain and langmem are written by a stand-in for a model (`telling_values`): deterministic, and here for
everyone to read. A real model would write another text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count as counter
from typing import Any, Protocol

from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ClearToolUsesEdit,
    ContextEditingMiddleware,
    SummarizationMiddleware,
)
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from mnemic.domain.folding.atoms import atoms_of
from mnemic.services.working_memory.conversation import SCULPTOR_TOOL_NAMES, ContextRules
from mnemic.storage.token_counters import HeuristicTokenCounter
from mnemic_langgraph.context_middleware import SculptorMiddleware, SubgoalMiddleware
from mnemic_langgraph.conversation import ARTIFACT
from mnemic_langgraph.messages import EDIT
from mnemic_langgraph.working_memory import Projection, projection_for
from tests.benchmarks.context_chats import Recording, parts

SUMMARY_TOKENS = 256
"""How long the stand-in's summaries are at most: langmem's own default."""
_LONG_LINE = 160
_TRIES = 3
_FRAGMENT = re.compile(r"^s\w+ · (\S+) \([^)]*? in (\w+)\):$", re.MULTILINE)


class Editing(Protocol):
    """A way of editing the context of an agent."""

    @property
    def name(self) -> str: ...

    def graph(self, recording: Recording, head: str) -> Any:
        """A graph with a channel ``messages`` and a checkpointer, whose model and tools are the recording's."""
        ...

    def ask(self, kept: list[BaseMessage], id: str, original: str, prompt: Sequence[BaseMessage]) -> str | None:
        """What the agent gets to read when it wants the hidden ``original`` text of message ``id`` back, by the tools that
        this way of editing gives it; None if it has none that would help. ``kept`` is what the state holds.
        """
        ...


@dataclass(frozen=True, slots=True)
class ByMiddleware:
    """An agent of ``create_agent`` with middleware of its own; without ``ask_for`` it has no tool to look back with."""

    name: str
    middleware: Callable[[], Sequence[AgentMiddleware[Any, Any]]] = tuple
    ask_for: Callable[[list[BaseMessage], str, str, Sequence[BaseMessage]], str | None] | None = None

    def graph(self, recording: Recording, head: str) -> Any:
        return create_agent(
            recording.model, [], system_prompt=head, middleware=[*self.middleware(), recording.tools],
            checkpointer=InMemorySaver(),
        )  # fmt: skip

    def ask(self, kept: list[BaseMessage], id: str, original: str, prompt: Sequence[BaseMessage]) -> str | None:
        return None if self.ask_for is None else self.ask_for(kept, id, original, prompt)


def none() -> Editing:
    """The whole history in every prompt."""
    return ByMiddleware("no editing")


# ------------------------------------------------------------------------------------------------ LangChain


def clearing(trigger: int | None, *, keep: int = 3, inputs: bool = False) -> Editing:
    """`ContextEditingMiddleware`, which blanks old results of tools; None is all its defaults."""
    if trigger is None:
        return ByMiddleware("ContextEditing, default (100,000)", lambda: [ContextEditingMiddleware()])
    edit = ClearToolUsesEdit(trigger=trigger, keep=keep, clear_tool_inputs=inputs)
    name = f"ContextEditing, trigger {trigger:,}, keep {keep}{', inputs' if inputs else ''}"
    return ByMiddleware(name, lambda: [ContextEditingMiddleware(edits=[edit])])


def summarising(trigger: int | None, *, keep: int = 20) -> Editing:
    """`SummarizationMiddleware`, which puts one summary in the place of old messages; None is all its defaults."""

    def middleware() -> list[AgentMiddleware[Any, Any]]:
        model = Recording().model  # only asked for its profile: the stand-in writes the summaries
        if trigger is None:
            return [SummarizationMiddleware(model, summarizer=telling_values)]
        chosen = SummarizationMiddleware(
            model, trigger=("tokens", trigger), keep=("messages", keep), summarizer=telling_values
        )
        return [chosen]

    name = "default (never)" if trigger is None else f"trigger {trigger:,}, keep {keep}"
    return ByMiddleware(f"Summarization*, {name}", middleware)


# ------------------------------------------------------------------------------------------------ langmem


class _Summarised(MessagesState):
    context: dict[str, Any]
    summarized_messages: list[BaseMessage]


@dataclass(frozen=True, slots=True)
class Langmem:
    """`langmem.short_term.SummarizationNode` before the model, as langmem's guide places it."""

    max_tokens: int

    @property
    def name(self) -> str:
        return f"langmem Summarization*, {self.max_tokens:,}"

    def graph(self, recording: Recording, head: str) -> Any:
        from langmem.short_term import SummarizationNode  # type: ignore[import-untyped]

        node = SummarizationNode(
            model=RunnableLambda(lambda messages: AIMessage(telling_values(messages))),
            max_tokens=self.max_tokens, max_summary_tokens=SUMMARY_TOKENS,
            initial_summary_prompt=ChatPromptTemplate.from_messages([("placeholder", "{messages}")]),
            existing_summary_prompt=ChatPromptTemplate.from_messages(
                [("system", "{existing_summary}"), ("placeholder", "{messages}")]
            ),
        )  # fmt: skip

        def answer(state: Any) -> dict[str, Any]:
            return {"messages": [recording.model.invoke([SystemMessage(head), *state["summarized_messages"]])]}

        def run(state: Any) -> dict[str, Any]:
            return {"messages": [recording.result_of(call["id"]) for call in state["messages"][-1].tool_calls]}

        graph = StateGraph(_Summarised)
        graph.add_node("summarise", node)
        graph.add_node("model", answer)
        graph.add_node("tools", run)
        graph.add_edge(START, "summarise")
        graph.add_edge("summarise", "model")
        graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
        graph.add_edge("tools", "summarise")
        return graph.compile(checkpointer=InMemorySaver())

    def ask(self, kept: list[BaseMessage], id: str, original: str, prompt: Sequence[BaseMessage]) -> str | None:
        return None


# ------------------------------------------------------------------------------------------------ ours


def ours(folding: str) -> Editing:
    """Our middlewares: a preset of folding, and Sculptor's tools. No instructions, which no other row has."""

    def middleware() -> list[Any]:
        return [SubgoalMiddleware(folding=folding, tools=False), SculptorMiddleware(instructions=None, prune=False)]

    rules = ContextRules(folding=folding, safe_folding=True, tools=frozenset(SCULPTOR_TOOL_NAMES))
    return ByMiddleware(f"mnemic {folding}", middleware, Asking(projection_for(rules)).ask)


@dataclass(slots=True)
class Asking:
    """An agent that wants a hidden text back: it searches for a value that it can read and restores what holds the value.

    The tools do their work as they do in a graph, by `Projection.perform` on a call in the last message.
    """

    projection: Projection
    _ids: Any = field(default_factory=lambda: counter(1))

    def ask(self, kept: list[BaseMessage], id: str, original: str, prompt: Sequence[BaseMessage]) -> str | None:
        readable = "\n".join(text for message in prompt for text in parts(message))
        place = f"msg{next(at for at, message in enumerate(kept, 1) if message.id == id)}"
        values = [value for value in atoms_of(original) if value in original and value in readable]
        for value in sorted(values, key=lambda value: (-len(value), value))[:_TRIES]:
            asked, told = self._call(kept, "search_context", query=value, role="all", max_results=50)
            fragments = dict.fromkeys(found[2] for found in _FRAGMENT.finditer(told) if found[1] == place)
            for fragment in fragments:
                asked, _ = self._call(asked, "restore_fragment", fragment_id=fragment)
            shown = next(message for message in self.projection.view(asked) if message.id == id)
            if original in parts(shown):
                return original
        return None

    def _call(self, messages: list[BaseMessage], name: str, **arguments: Any) -> tuple[list[BaseMessage], str]:
        id = f"asking{next(self._ids)}"
        call = {"name": name, "args": arguments, "id": id, "type": "tool_call"}
        asked = [*messages, AIMessage("", id=f"{id}_call", tool_calls=[call])]
        said = self.projection.perform(asked, id).said
        artifact = {ARTIFACT: {EDIT: name}}
        return [*asked, ToolMessage(said, name=name, tool_call_id=id, id=f"{id}_result", artifact=artifact)], said


# ------------------------------------------------------------------------------------------------ the stand-in


def telling_values(messages: Sequence[BaseMessage]) -> str:
    """A stand-in for a model's summary: from the newest message back, short lines as they are and of longer ones the values
    that the engine's own rules find in them, each once, until `SUMMARY_TOKENS` are full; shown oldest first.
    """
    size = HeuristicTokenCounter().count
    lines: list[str] = []
    said: set[str] = set()
    left = SUMMARY_TOKENS
    for message in reversed(messages):
        calls = message.tool_calls if isinstance(message, AIMessage) else []
        texts = [*message.text.split("\n"), *(f"{call['name']} {call['args']}" for call in calls)]
        for text in reversed([text for text in texts if text.strip()]):
            line = text.strip()
            if len(line) > _LONG_LINE:
                line = ", ".join(value for value in atoms_of(text) if value not in said)
                said.update(atoms_of(text))
            while line and size(line) > left and ", " in line:
                line = line.rpartition(", ")[0]
            if not line or line in said or size(line) > left:
                continue
            said.add(line)
            left -= size(line)
            lines.append(line)
    return "\n".join(reversed(lines)) or "Nothing was said."
