"""A long task with tools: how long its prompts are, and how long they would have been.

    python integrations/examples/long_horizon_tools.py

An agent reads the build reports of sixteen services, files their build numbers, and is then asked for a detail of a report
that it read long ago. It does so twice: as `create_agent` makes it, and with the middleware that folds what is behind.
A script stands in for the model; with MNEMIC_EXAMPLE_MODEL="openai:gpt-5-mini" in the environment that one answers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from itertools import zip_longest
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, wrap_model_call
from langchain.chat_models import init_chat_model
from langchain.tools import tool
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.messages.utils import count_tokens_approximately
from langgraph.checkpoint.memory import InMemorySaver
from rich.console import Console
from rich.table import Table

from mnemic_langgraph import SculptorMiddleware, SubgoalMiddleware
from mnemic_langgraph.testing import ScriptedChatModel, call

SERVICES = "auth billing catalog docs email forum geo help images jobs kiosk ledger maps news orders pricing".split()
BUILDS = {service: f"{service[:2].upper()}-{7301 + 97 * at}" for at, service in enumerate(SERVICES)}
TASK = f"Read the build report of each of these services, then file all build numbers: {', '.join(SERVICES)}."
QUESTION = "Who signed the scan of catalog off?"
STAGES = "fetch configure compile link test sign pack scan mirror upload announce archive".split()
PEOPLE = "Ana Ben Cleo Dev Eva".split()


@tool
def read_report(service: str) -> str:
    """The latest build report of a service."""
    log = [
        f"The {stage} of {service} went through without complaint, and {PEOPLE[at % 5]} signed it off. Its log is kept with "
        "the others for as long as the build is in use. There is no need to read it unless something breaks later on, and "
        "then the people who are on duty will find it where the logs of all other builds are found, sorted by their day."
        for at, stage in enumerate(STAGES)
    ]
    return "\n".join([f"Service: {service}", f"Build: {BUILDS[service]}", *log])


@tool
def file_builds(builds: dict[str, str]) -> str:
    """File the build number of every service."""
    right = sum(builds.get(service) == build for service, build in BUILDS.items())
    return f"{right} of {len(BUILDS)} build numbers are right."


def scripted(prompt: list[BaseMessage]) -> AIMessage | str:
    """A model that works in subgoals if it is told of them, and knows of builds and stages what its prompt shows."""
    text = "\n".join(message.text for message in prompt)
    turn = sum(message.type == "ai" for message in prompt)
    if turn < len(SERVICES):
        begin = [call("open_subgoal", text=f"read the reports from {SERVICES[turn]} on")]
        calls = begin if turn % 4 == 0 and "open_subgoal" in prompt[0].text else []
        return AIMessage("", tool_calls=[*calls, call("read_report", service=SERVICES[turn])])
    if turn == len(SERVICES):
        builds = dict(re.findall(r"\b(\w+)(?:\nBuild)?: ([A-Z]{2}-\d+)", text))
        return AIMessage("", tool_calls=[call("file_builds", builds=builds)])
    if prompt[-1].type == "tool" and "build numbers" in prompt[-1].text:
        return prompt[-1].text
    if found := re.search(r"scan of catalog .* (\w+) signed it off", text):
        return f"{found[1]} did."
    return AIMessage("", tool_calls=[call("search_context", query="scan of catalog went", role="all")])


def chat_model() -> BaseChatModel:
    name = os.environ.get("MNEMIC_EXAMPLE_MODEL")
    return init_chat_model(name) if name else ScriptedChatModel(script=scripted)


def run(middleware: Sequence[AgentMiddleware[Any, Any, Any]]) -> tuple[list[str], list[ModelRequest[Any]]]:
    """What the agent answers, and every request as it went to the model."""
    requests: list[ModelRequest[Any]] = []

    @wrap_model_call
    def keep(request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Any]) -> Any:
        requests.append(request)
        return handler(request)

    agent: Any = create_agent(
        chat_model(), [read_report, file_builds], system_prompt="You keep the books of a build farm.",
        middleware=[*middleware, keep], checkpointer=InMemorySaver(),
    )  # fmt: skip
    thread = {"configurable": {"thread_id": "builds"}, "recursion_limit": 200}
    answers = [agent.invoke({"messages": [("user", said)]}, thread) for said in (TASK, QUESTION)]
    return [answer["messages"][-1].text for answer in answers], requests


def tokens(request: ModelRequest[Any]) -> int:
    """How long a prompt is, with the system's message and the descriptions of all tools."""
    system = request.system_message or SystemMessage("")
    return count_tokens_approximately([system, *request.messages], tools=request.tools)


def main(console: Console) -> None:
    plain_answers, plain = run([])
    answers, edited = run([SubgoalMiddleware(), SculptorMiddleware()])
    table = Table("prompt", "without", "with", "", title="Tokens that the model is sent")
    without, with_it = [tokens(request) for request in plain], [tokens(request) for request in edited]
    for number, pair in enumerate(zip_longest(without, with_it), 1):
        table.add_row(str(number), *("" if one is None else f"{one:,}" for one in pair))
    table.add_section()
    table.add_row("all", f"{sum(without):,}", f"{sum(with_it):,}", f"{sum(with_it) / sum(without) - 1:+.0%}")
    console.print(table)
    for name, (filed, found) in (("Without", plain_answers), ("With", answers)):
        console.print(f"{name}: {filed} {QUESTION} {found}", soft_wrap=True, markup=False, highlight=False)


if __name__ == "__main__":
    main(Console())
