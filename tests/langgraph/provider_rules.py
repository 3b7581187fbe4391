"""Whether providers would accept a prompt of LangChain's messages: the request that their own integrations make of it.

`langchain_openai` and `langchain_anthropic` write the payload, `mnemic.testing` knows what the APIs refuse. Nothing is sent.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from mnemic.testing import check_anthropic, check_openai

NO_KEY: Any = "none"  # nothing is sent, but the clients want one


def refused_by_openai(messages: Sequence[BaseMessage]) -> list[str]:
    """What is wrong with a prompt for OpenAI's chat completions; nothing when it is well.

    Raises ImportError without langchain_openai.
    """
    try:
        payload = _openai()._get_request_payload(list(messages))
    except (ValueError, TypeError) as error:
        return [f"langchain_openai: {error}"]
    return check_openai(payload["messages"])


def refused_by_anthropic(messages: Sequence[BaseMessage]) -> list[str]:
    """What is wrong with a prompt for Anthropic's messages; nothing when it is well.

    An instruction of the system behind the first message of another role is wrong even where the integration moves it to the
    top without more than a warning: it is not where it was said. Raises ImportError without langchain_anthropic.
    """
    wrong: list[str] = []
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            payload = _anthropic()._get_request_payload(list(messages))
        except (ValueError, TypeError) as error:
            return [f"langchain_anthropic: {error}"]
    wrong += [str(one.message) for one in said if "SystemMessage" in str(one.message)]
    return wrong + check_anthropic(payload["messages"], system=payload.get("system"))


def orphans(messages: Iterable[BaseMessage]) -> list[str]:
    """Ids of the calls whose results, or whose calls, stand alone: what a provider refuses first."""
    found: list[str] = []
    waiting: list[str] = []
    for message in messages:
        if isinstance(message, ToolMessage):
            if message.tool_call_id in waiting:
                waiting.remove(message.tool_call_id)
            else:
                found.append(message.tool_call_id)
            continue
        found += waiting
        waiting = [call["id"] or "" for call in message.tool_calls] if isinstance(message, AIMessage) else []
    return found + waiting


def check_prompt(messages: Sequence[BaseMessage]) -> list[str]:
    """All that either provider refuses in a prompt, with its name; nothing when both take it."""
    return [
        *(f"OpenAI: {wrong}" for wrong in refused_by_openai(messages)),
        *(f"Anthropic: {wrong}" for wrong in refused_by_anthropic(messages)),
    ]


def with_head(head: str, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """A prompt as an agent sends it: the rules of the system, then the conversation."""
    return [SystemMessage(head), *messages] if head else list(messages)


@cache
def _openai() -> Any:
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model="gpt-4o", api_key=NO_KEY)


@cache
def _anthropic() -> Any:
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(
        model_name="claude-sonnet-4-5", api_key=NO_KEY, max_tokens_to_sample=1_000, timeout=None, stop=None
    )
