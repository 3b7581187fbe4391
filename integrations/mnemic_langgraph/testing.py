"""For tests of graphs: a chat model that says what its script says, and a prompt as a provider would get it."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

Answer = AIMessage | str | Exception
"""What the model says to one prompt; an exception is raised instead."""

Script = Sequence[Answer | Callable[[list[BaseMessage]], Answer]] | Callable[[list[BaseMessage]], Answer]


class ScriptedChatModel(BaseChatModel):
    """Answers from a script, keeps every prompt that it got, and takes any tools. It reaches for no network.

        model = ScriptedChatModel(script=["first", AIMessage("", tool_calls=[call("search", query="a")]), "last"])
        model = ScriptedChatModel(script=lambda messages: f"You said {messages[-1].text!r}.")

    ``script``: the answers in their order, each a message, a text, an exception to raise, or a function of the messages
    that gives one of these; or one such function for all prompts, which lets a model that is made anew in the middle of a
    conversation go on where the last one was. A prompt behind the end of the script raises `AssertionError`. Every answer
    is a message of its own. Safe to use from several threads and, as ``ainvoke``, from event loops.
    """

    script: Any  # Script; pydantic would try to read a text as a message
    _lock: Any = PrivateAttr(default_factory=threading.Lock)
    _prompts: list[list[BaseMessage]] = PrivateAttr(default_factory=list)
    _options: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    @property
    def prompts(self) -> list[list[BaseMessage]]:
        """The messages of every call, in the order of calls."""
        return self._prompts

    @property
    def options(self) -> list[dict[str, Any]]:
        """What else came with every call: ``tools`` as they were bound, ``tool_choice``, settings; as `prompts`."""
        return self._options

    @property
    def sent(self) -> list[str]:
        """`as_sent` of every prompt."""
        return [as_sent(prompt) for prompt in self._prompts]

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The same model with the same script, whose calls note the tools."""
        return self.bind(tools=list(tools), **({} if tool_choice is None else {"tool_choice": tool_choice}), **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # a script knows where it ends
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        with self._lock:
            number = len(self._prompts)
            self._prompts.append(list(messages))
            self._options.append(kwargs)
        said: Any = self.script
        if not callable(said):
            if number >= len(said):
                raise AssertionError(f"The script has {len(said)} answers; this is prompt {number + 1}.")
            said = said[number]
        if callable(said):
            said = said(list(messages))
        if isinstance(said, Exception):
            raise said
        answer = AIMessage(said) if isinstance(said, str) else said.model_copy(deep=True)
        return ChatResult(generations=[ChatGeneration(message=answer)])

    @property
    def _llm_type(self) -> str:
        return "mnemic-scripted"


def call(name: str, /, id: str | None = None, **arguments: Any) -> dict[str, Any]:
    """A tool call for ``AIMessage(tool_calls=[…])``. Without ``id`` one is made of name and arguments: the same call a
    second time needs an id of its own.
    """
    what = json.dumps([name, arguments], sort_keys=True, default=str)
    made = f"call_{zlib.crc32(what.encode()):08x}" if id is None else id
    return {"name": name, "args": arguments, "id": made, "type": "tool_call"}


def as_sent(messages: Sequence[BaseMessage]) -> str:
    """A prompt as text, with all that a provider gets of it: roles, contents, calls and what they answer, but no ids of
    messages. Two prompts with the same text are the same to a model, and to a provider's prompt cache.
    """
    return json.dumps(convert_to_openai_messages(list(messages)), ensure_ascii=False, indent=1)
