"""The recorded chats as states of a graph: LangChain's messages, and an agent that says again what was said.

25 of the 100 recorded episodes use the id of a call twice, which providers refuse; the reader of transcripts gives the
second an id of its own, for every way of editing alike.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage, messages_from_dict
from langgraph.prebuilt.tool_node import ToolCallRequest

from mnemic.domain.working_memory.transcripts import read_transcript, write_langchain
from mnemic_langgraph.testing import ScriptedChatModel
from tests.benchmarks.folding_data import TAU_FILE, Episode, tau_bench

OVER = AIMessage("(the recording is over)", id="over")


@dataclass(frozen=True, slots=True)
class Chat:
    """A recorded chat: the system's ``head``, what was said after it, and the same as an `Episode`, an act per answer."""

    head: str
    messages: tuple[BaseMessage, ...]
    episode: Episode


def parts(message: BaseMessage) -> list[str]:
    """What of a message a model reads: its text, and each call with its arguments."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    texts = [message.text] if message.text else []
    return texts + [f"{call['name']} {arguments(call)}" for call in calls]


def arguments(call: Any) -> str:
    """The arguments of a call as JSON."""
    return json.dumps(call["args"], ensure_ascii=False)


def recorded_chats(folder: Path) -> list[Chat]:
    """All chats of tau-bench airline, in the order of the file."""
    episodes = tau_bench(folder)
    with gzip.open(folder / TAU_FILE, "rt", encoding="utf-8") as lines:
        return [_chat(line, episode) for line, episode in zip(lines, episodes, strict=True)]


def _chat(line: str, episode: Episode) -> Chat:
    messages = messages_from_dict(write_langchain(read_transcript(line).messages))
    said = tuple(message for message in messages if not isinstance(message, SystemMessage))
    answers = sum(isinstance(message, AIMessage) for message in said)
    if answers != len(episode.acts):
        raise ValueError(f"episode {episode.name}: {answers} answers for {len(episode.acts)} acts")
    return Chat(episode.head, said, episode)


class Recording:
    """Stands for the model and for the tools of a graph: each answers as it did when the chat was recorded.

    ``model`` is given to the graph; a graph's tools are answered by `result_of`, an agent's by `tools`. `play` runs a chat.
    """

    def __init__(self) -> None:
        self.model = ScriptedChatModel(script=self._answer)
        self.tools: AgentMiddleware[Any, Any] = _RecordedTools(self.result_of)
        self._answers: Iterator[AIMessage] = iter(())
        self._results: dict[str, ToolMessage] = {}

    def play(self, graph: Any, chat: Chat) -> tuple[list[list[BaseMessage]], list[BaseMessage]]:
        """The prompt of every recorded answer, the system's head first, and the messages in the state at the end."""
        self.model.prompts.clear()
        self.model.options.clear()
        self._answers = iter([message for message in chat.messages if isinstance(message, AIMessage)])
        self._results = {m.tool_call_id: m for m in chat.messages if isinstance(m, ToolMessage)}
        config = {"configurable": {"thread_id": chat.episode.name}, "recursion_limit": 200}
        for of_user, turn in groupby(chat.messages, key=lambda message: isinstance(message, HumanMessage)):
            if of_user:
                graph.invoke({"messages": list(turn)}, config)
        prompts = list(self.model.prompts[: len(chat.episode.acts)])
        if len(prompts) != len(chat.episode.acts):
            raise ValueError(f"episode {chat.episode.name}: {len(prompts)} prompts for {len(chat.episode.acts)} acts")
        kept = list(graph.get_state(config).values["messages"])
        graph.checkpointer.delete_thread(chat.episode.name)
        return prompts, kept

    def result_of(self, call_id: str) -> ToolMessage:
        """What the tool answered to a call."""
        return self._results[call_id]

    def _answer(self, _messages: Sequence[BaseMessage]) -> AIMessage:
        return next(self._answers, OVER)


class _RecordedTools(AgentMiddleware[Any, Any]):
    def __init__(self, result_of: Callable[[str], ToolMessage]) -> None:
        super().__init__()
        self._result_of = result_of

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> ToolMessage:
        return self._result_of(request.tool_call["id"] or "")
