"""An assistant that knows next week what it was told today.

    python integrations/examples/multi_session_assistant.py

Two conversations are two threads; the checkpointer keeps each, and the memory is what they share. In the second one the
assistant is asked about what was said in the first. A script stands in for the model; with
MNEMIC_EXAMPLE_MODEL="openai:gpt-5-mini" in the environment that one answers.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langgraph.checkpoint.memory import InMemorySaver
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

import mnemic
from mnemic_langgraph import create_memory_agent
from mnemic_langgraph.testing import ScriptedChatModel

MONDAY = (
    "Hello! My daughter Mia is allergic to walnuts, and we are vegetarians.",
    "We are four at the table: Mia, Tom, my mother and I.",
)
SATURDAY = (
    "I want to bake a cake for Mia's birthday. What should I keep out of it because of her allergy?",
    "And for how many people at the table do we cook at home?",
)


def scripted(prompt: list[BaseMessage]) -> str:
    """A model that knows what its prompt shows: memories are quoted in it before the user's words."""
    remembered, _, question = prompt[-1].text.rpartition("\n\n")
    known = " ".join(line.removeprefix("> ") for line in remembered.splitlines() if line.startswith(">"))
    if "keep out" in question:
        found = re.search(r"(\w+) is allergic to (\w+)", known)
        return f"No {found[2]}: {found[1]} is allergic to them." if found else "I do not know of an allergy."
    if "how many" in question:
        found = re.search(r"We are (\w+) at the table", known)
        return f"For {found[1]}." if found else "You have not told me."
    return "I will remember that." if "allergic" in question else "Four it is."


def chat_model() -> BaseChatModel:
    name = os.environ.get("MNEMIC_EXAMPLE_MODEL")
    return init_chat_model(name) if name else ScriptedChatModel(script=scripted)


async def talk(agent: Any, said: str, thread: str, console: Console) -> None:
    """One turn: what is said, what is recalled for it, what is answered."""
    given = {"messages": [("user", said)]}
    state = await agent.ainvoke(given, {"configurable": {"thread_id": thread}})
    console.print(f"[bold]User[/]      {escape(said)}")
    for one in state["shown"]:
        console.print(f"[dim]recalled[/]  [dim]{escape(one['text'])} (origin: {one['origin']})[/]")
    console.print(f"[bold cyan]Assistant[/] {escape(state['messages'][-1].text)}\n")


async def main(console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="mnemic-") as folder:
        async with mnemic.open_memory(folder) as memory:
            agent = create_memory_agent(
                chat_model(), memory=memory, checkpointer=InMemorySaver(), k=3,
                system_prompt="You help at home. Answer in one sentence.",
            )  # fmt: skip
            for thread, turns in (("monday", MONDAY), ("saturday", SATURDAY)):
                console.print(Panel.fit(f"Thread [bold]{thread}[/]"))
                for said in turns:
                    await talk(agent, said, thread, console)
            kept = await memory.list(limit=100)
            console.print(f"The memory holds {len(kept)} messages of {len({one.session for one in kept})} sessions.")


if __name__ == "__main__":
    asyncio.run(main(Console(soft_wrap=True, highlight=False)))
