"""What the LangGraph library costs: a step of the projection, and its import beside LangGraph's own.

    python -m tests.benchmarks.projection_cost [--json FILE]

A step is `Projection.view` of a conversation that has grown by two messages (a call and its result, or an answer and the
next question) since the view before, at 200 messages and on. ``copies`` are steps whose messages are equal to those
before but not the same objects, as when every step is read from a checkpoint; ``first`` is the view of 200 messages that
were never seen, as in a process that resumes.

``guard`` is what `GuardMiddleware` adds to a call of the model with 200 messages and the notes of 100 memories, which are
checked anew in a ledger of 1,000.

An import is timed in fresh processes with bytecode at hand: the time until LangGraph and LangChain's agents are imported,
then what ``import mnemic_langgraph`` adds to that, and what all its modules do, though each is imported only when it is
used first. Medians, and the least: other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.messages import BaseMessage, HumanMessage, messages_from_dict

import mnemic
from mnemic import Channel, NewMemory, Origin
from mnemic.domain.working_memory.transcripts import write_langchain
from mnemic.services.working_memory.conversation import ContextRules
from mnemic.testing import WordEmbedder
from mnemic_langgraph.guard_middleware import GuardMiddleware
from mnemic_langgraph.showing import recalled_memory
from mnemic_langgraph.testing import ScriptedChatModel
from mnemic_langgraph.working_memory import Projection
from tests.benchmarks.working_memory import conversation, quantiles, timed

MESSAGES = 200
MEMORIES = 100
STEPS = 100
ROUNDS = 9
FRAMEWORK = ("langgraph.graph", "langgraph.prebuilt", "langchain.agents", "langchain.tools")
"""What whoever uses this library with LangGraph has imported anyway."""
_IMPORT = """
import importlib, json, pkgutil, sys, time
began = time.perf_counter()
for name in {framework!r}:
    importlib.import_module(name)
before = time.perf_counter()
import mnemic_langgraph
package = time.perf_counter()
names = [found.name for found in pkgutil.walk_packages(mnemic_langgraph.__path__, "mnemic_langgraph.")]
for name in {modules!r} or names:
    importlib.import_module(name)
done = time.perf_counter()
loaded = sorted({{name.partition(".")[0] for name in sys.modules}} & {{"chromadb", "numpy", "sqlite3", "tiktoken"}})
print(json.dumps({{"framework_ms": 1e3 * (before - began), "package_ms": 1e3 * (package - before),
                  "all_modules_ms": 1e3 * (done - before), "modules": names, "loaded": loaded}}))
"""


def states(messages: int) -> list[BaseMessage]:
    """A tool-using conversation as a graph keeps it."""
    return messages_from_dict(write_langchain(conversation(messages, 60)))


def steps(folding: str, *, copies: bool = False) -> dict[str, float]:
    """Milliseconds of a view that follows the one before, at 200 messages and on."""
    said = states(MESSAGES + 2 * STEPS)
    projection = Projection(ContextRules(folding=folding))
    projection.view(said[:MESSAGES])
    grown = [said[:end] for end in range(MESSAGES + 2, len(said) + 1, 2)]
    if copies:
        grown = [[message.model_copy() for message in messages] for messages in grown]
    return quantiles([timed(partial(projection.view, messages)) for messages in grown])


def fresh(folding: str) -> dict[str, float]:
    """Milliseconds of a first view of 200 messages."""
    said = states(MESSAGES)
    return quantiles([timed(partial(Projection(ContextRules(folding=folding)).view, said)) for _ in range(20)])


async def guarded() -> dict[str, float]:
    """Milliseconds of a call through the guard's middleware to a model that answers at once."""
    with tempfile.TemporaryDirectory() as name:
        memory = mnemic.open_memory(Path(name), embedder=WordEmbedder(), chroma="off", durable=False)
        async with memory:
            origin = Origin(channel=Channel.USER)
            texts = [
                f"Customer {n} of the shop in street {n * 7} wants delivery on day {n % 28}." for n in range(1_000)
            ]
            receipts = await memory.remember_many([NewMemory(text=text, origin=origin) for text in texts])
            hits = await memory.show([one.id for one in receipts[::10]])
            said: list[Any] = [one.model_copy(update={"id": f"m{at}"}) for at, one in enumerate(states(MESSAGES))]
            users = [one.id for one in said if isinstance(one, HumanMessage)]
            notes: dict[Any, list[Any]] = {id: [] for id in users}
            for at, hit in enumerate(hits):
                notes[users[at % len(users)]].append(recalled_memory(hit))
            assert (len(said), sum(map(len, notes.values()))) == (MESSAGES, MEMORIES)
            state: Any = {"messages": said, "memory_notes": notes}
            request: Any = ModelRequest(model=ScriptedChatModel(script=[]), messages=said, state=state)
            middleware = GuardMiddleware(memory=memory)
            shown: list[Any] = []

            async def answer(asked: ModelRequest[Any]) -> ModelResponse[Any]:
                shown[:] = asked.messages
                return ModelResponse(result=[])

            taken = []
            for _ in range(STEPS):
                began = time.perf_counter()
                await middleware.awrap_model_call(request, answer)
                taken.append(time.perf_counter() - began)
            assert sum(one.text.count("> Customer") for one in shown) == MEMORIES, "every memory is shown"
            return {**quantiles(taken), "least_ms": round(1e3 * min(taken), 4)}


def import_once(folder: Path, modules: Sequence[str] = (), *options: str) -> tuple[dict[str, Any], str]:
    """What a process that has just begun says of importing ``modules``, by default all of the library, behind LangGraph and
    LangChain's agents; and its standard error. ``folder`` holds the bytecode: an installed package has some.
    """
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    code = _IMPORT.format(framework=FRAMEWORK, modules=list(modules))
    done = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found, done.stderr


def imports() -> dict[str, Any]:
    """Medians over fresh processes, and where the time of the library's modules goes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import_once(folder)
        found = [import_once(folder)[0] for _ in range(ROUNDS)]
        _, trace = import_once(folder, (), "-X", "importtime")
    times = {key: round(statistics.median(one[key] for one in found), 1) for key in found[0] if key.endswith("_ms")}
    return {
        **times,
        **{f"least_{key}": round(min(one[key] for one in found), 1) for key in times},
        "rounds": ROUNDS,
        "modules": found[0]["modules"],
        "loaded": found[0]["loaded"],
        "heaviest": _own(trace),
    }


def _own(trace: str, top: int = 10) -> list[tuple[str, float]]:
    """Milliseconds that the engine's and the library's modules take themselves, the heaviest first."""
    rows = [
        line.removeprefix("import time:").split("|") for line in trace.splitlines() if line.startswith("import time:")
    ]
    own = [(name.strip(), round(int(micros) / 1e3, 2)) for micros, _, name in rows if micros.strip().isdigit()]
    return sorted((pair for pair in own if pair[0].startswith("mnemic")), key=lambda pair: -pair[1])[:top]


def main(arguments: argparse.Namespace) -> None:
    started = time.perf_counter()
    result: dict[str, Any] = {
        "messages": MESSAGES,
        "step": {name: steps(name) for name in ("lossless", "lean", "live", "k2")},
        "copies": {"lean": steps("lean", copies=True)},
        "first": {name: fresh(name) for name in ("lossless", "lean")},
        "guard": asyncio.run(guarded()),
        "import": imports(),
    }
    result["seconds"] = round(time.perf_counter() - started, 1)
    print(json.dumps(result, indent=1))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    main(parser.parse_args())
