"""The MCP server as a LangGraph agent uses it through langchain-mcp-adapters, over stdio, in two sessions.

    python check_adapters.py PATH_OF_MNEMIC

runs in an environment of its own (``make check-mcp-adapters`` makes one), because the adapters need ``mcp<2`` and the server
needs ``mcp>=2``: each side keeps its own SDK, and they speak the protocol to each other. The model is a script: no key and
no network. It prints what was checked, and ends with 1 when something is not as it should be.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_mcp_adapters.client import MultiServerMCPClient  # type: ignore[import-not-found]
from langchain_mcp_adapters.tools import load_mcp_tools  # type: ignore[import-not-found]

NEEDED = {"remember", "recall", "reflect", "sculpt_context"}
FACT = "The staging database of the billing team runs on port 6432."
Turn = Callable[[list[BaseMessage]], list[dict[str, Any]]]


class Script(BaseChatModel):
    """Makes the calls of one turn after another, and says that it is done."""

    turns: Any

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Any:
        missing = NEEDED - {tool.name for tool in tools}
        assert not missing, f"the model was not given {sorted(missing)}"
        return self

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:
        at = sum(isinstance(message, AIMessage) for message in messages)
        calls = self.turns[at](messages) if at < len(self.turns) else []
        calls = [{**call, "id": f"call_{at}_{number}", "type": "tool_call"} for number, call in enumerate(calls)]
        said = AIMessage("" if calls else "Done.", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=said)])

    @property
    def _llm_type(self) -> str:
        return "script"


def call(tool_name: str, /, **arguments: Any) -> dict[str, Any]:
    return {"name": tool_name, "args": arguments}


def answers(messages: list[BaseMessage], name: str) -> list[str]:
    return [message.text for message in messages if isinstance(message, ToolMessage) and message.name == name]


def memory_id(messages: list[BaseMessage]) -> str:
    found = re.search(r"\bm[0-9a-z]{15}\b", " ".join(answers(messages, "remember")))
    assert found, f"remember named no id: {answers(messages, 'remember')}"
    return found[0]


FIRST: list[Turn] = [
    lambda _: [
        call("remember", text=FACT, kind="semantic", channel="user"),
        call("sculpt_context", action="append", session="billing", text="The migration of billing waits for the port."),
    ],
    lambda messages: [
        call("reflect", mode="outcome", task="Find the port of staging", reward=1.0, used=[memory_id(messages)])
    ],
]
SECOND: list[Turn] = [
    lambda _: [
        call("recall", query="Which port has the staging database of billing?"),
        call("sculpt_context", action="view", session="billing"),
    ],
]


async def session(server: dict[str, Any], turns: list[Turn], asked: str) -> list[BaseMessage]:
    """What an agent ends with that talks to a server process of its own."""
    client = MultiServerMCPClient({"memory": server})
    async with client.session("memory") as opened:
        tools = await load_mcp_tools(opened)
        agent: Any = create_agent(Script(turns=turns), tools)
        messages: list[BaseMessage] = (await agent.ainvoke({"messages": [("user", asked)]}))["messages"]
    failed = [message.text for message in messages if isinstance(message, ToolMessage) and message.status == "error"]
    assert not failed, f"tools failed: {failed}"
    return messages


async def check(command: str, home: str) -> list[str]:
    """What was seen, a line each. Raises `AssertionError`."""
    passed = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    server = {"transport": "stdio", "command": command, "args": ["serve"], "env": {**passed, "MNEMIC_HOME": home}}
    seen = [f"langchain-mcp-adapters {version('langchain-mcp-adapters')} with mcp {version('mcp')}, server {command}"]
    first = await session(server, FIRST, "Remember where staging runs.")
    seen.append(f"first session: remembered as {memory_id(first)}")
    (credited,) = answers(first, "reflect")
    assert f"{memory_id(first)}: used in 1 task" in credited, credited
    seen.append("first session: reflect credited what had helped")
    second = await session(server, SECOND, "Where does staging run?")
    (recalled,) = answers(second, "recall")
    assert FACT in recalled and memory_id(first) in recalled, recalled
    seen.append("second session, another process: recall finds it, quoted, with its id")
    (viewed,) = answers(second, "sculpt_context")
    assert "The migration of billing waits for the port." in viewed, viewed
    seen.append("second session: the working memory that the first kept is there")
    return seen


def causes(error: BaseException) -> list[str]:
    """What is inside of the groups that task groups make of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [cause for one in error.exceptions for cause in causes(one)]
    return [f"{type(error).__name__}: {error or 'no answer in time'}"]


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__)
        return 2
    with tempfile.TemporaryDirectory() as home:
        try:
            seen = asyncio.run(asyncio.wait_for(check(sys.argv[1], home), timeout=120))
        except Exception as error:
            print("FAILED:", *causes(error), sep="\n")
            return 1
    print("\n".join([*seen, "ok"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
