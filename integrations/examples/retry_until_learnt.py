"""An agent that fails, learns why, succeeds, and does the next task of its kind at once.

    python integrations/examples/retry_until_learnt.py

For the first task nothing is known: an attempt fails, the engine's rules reflect on it, and the next attempt is given the
lesson. What succeeded is stored as an experience, and the second task, a similar one, begins with it. A script stands in
for the model; with MNEMIC_EXAMPLE_MODEL="openai:gpt-5-mini" in the environment that one answers.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from typing import Any

from langchain.agents import create_agent
from langchain.chat_models import init_chat_model
from langchain.tools import tool
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

import mnemic
from mnemic_langgraph import ExperienceMiddleware, create_retry_graph
from mnemic_langgraph.testing import ScriptedChatModel, call

TASKS = ("Cancel booking SDZQKO and refund it.", "Cancel booking MRTWLA and refund it.")
CANCELLED: set[str] = set()


@tool
def look_up_booking(booking: str) -> str:
    """Details of a booking."""
    return f"Booking {booking}: change token T-{booking[:3]}."


@tool
def cancel_booking(booking: str, token: str = "") -> str:
    """Cancel a booking and refund it."""
    if token != f"T-{booking[:3]}":
        return f"Error: cancelling {booking} needs the change token of look_up_booking."
    CANCELLED.add(booking)
    return f"{booking} is cancelled and refunded."


def scripted(prompt: list[BaseMessage]) -> AIMessage | str:
    """A model that cancels at once, unless what it was taught names the look-up."""
    booking = re.findall(r"\b[A-Z]{6}\b", next(message.text for message in prompt if message.type == "human"))[0]
    taught = prompt[0].text if prompt[0].type == "system" else ""
    last = prompt[-1]
    if last.type == "human":
        first = "look_up_booking" if "look_up_booking" in taught else "cancel_booking"
        return AIMessage("", tool_calls=[call(first, booking=booking)])
    if found := re.search(r"T-[A-Z]{3}", last.text):
        return AIMessage("", tool_calls=[call("cancel_booking", booking=booking, token=found[0])])
    return last.text


def chat_model() -> BaseChatModel:
    name = os.environ.get("MNEMIC_EXAMPLE_MODEL")
    return init_chat_model(name) if name else ScriptedChatModel(script=scripted)


def reward(output: Any) -> float:
    """Whether the booking of the task is cancelled: the world says so, not the model."""
    return float(any(booking in output["messages"][0].text for booking in CANCELLED))


async def report(event: dict[str, Any], memory: mnemic.Memory, console: Console) -> None:
    """Print what the graph streams about its learning."""
    match event["event"]:
        case "recalled":
            console.print(f"Experiences of earlier tasks to begin with: {len(event['ids'])}.")
        case "reflected":
            for lesson in event["lessons"]:
                console.print(f"Attempt {event['attempt']} failed. Lesson for the next: [yellow]{escape(lesson)}[/]")
        case "learnt":
            for id in event["ids"]:
                learnt = await memory.get(id)
                console.print(f"Stored: [green]{escape(learnt.when_to_use or '')}[/]\n{escape(learnt.text)}")


async def main(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="mnemic-") as folder:
        async with mnemic.open_memory(folder) as memory:
            agent = create_agent(
                chat_model(), [look_up_booking, cancel_booking], system_prompt="You are an airline's agent.",
                middleware=[ExperienceMiddleware(memory=memory, reflect=False)],
            )  # fmt: skip
            graph: Any = create_retry_graph(agent, memory=memory, reward=reward)
            for task in TASKS:
                console.print(Panel.fit(task))
                given, final = {"messages": [("user", task)]}, dict[str, Any]()
                async for mode, part in graph.astream(given, stream_mode=["custom", "values"]):
                    if mode == "custom":
                        await report(part, memory, console)
                    else:
                        final = part
                number, succeeded = final["retry"]["attempt"], final["retry"]["succeeded"]
                console.print(f"[bold]{'Done' if succeeded else 'Not done'} in attempt {number}.[/]\n")


if __name__ == "__main__":
    asyncio.run(main(Console(soft_wrap=True, highlight=False)))
