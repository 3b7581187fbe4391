"""Ways of editing an agent's context side by side: LangChain's, langmem's and ours, on the same recorded chats.

    python -m tests.benchmarks.contexts [--data ../shared/data] [--counter tiktoken|heuristic] [--json FILE] [--quick]

Every chat of tau-bench airline is run again through compiled graphs with a checkpointer: the model and the tools answer as
they were recorded, the middleware or node is the real one, and every prompt that the model got is measured.

saved    history tokens of all prompts against no editing, percent; the rules at the head count nowhere
args     later arguments of tools that stand in the full history and can be read in the prompt at that step, percent
latest   values in the newest answer to every question that was asked so far (tool and arguments) which can be read: scalars
         of JSON but true, false and null, of other text what has digits, percent
records  the whole record round an argument in its latest result can be read, percent (`tests.benchmarks.folding`: rec)
state    of the texts and arguments that the last prompt of a chat does not show letter for letter: those that the state of
         the graph still holds letter for letter, percent. Older checkpoints are not the state.
agent    the same for what the agent itself gets back with the tools that come with the way of editing, asked by running them
breaks   prompts that do not begin with the whole prompt before them, percent; a provider's cache is lost from there on
lost     tokens of the prompt before behind the first change, per prompt
cost     price of the history with a prompt cache (read 0.1, write 1.25) against no editing, also with a cache
orphans  results of tools without their call, or calls without their result
refused  prompts that OpenAI / Anthropic would refuse (`tests.langgraph.provider_rules`)

* Summaries are written by a stand-in for a model (`context_editings.telling_values`, at most 256 tokens), the same for
LangChain and langmem, which is given the texts without their prompts. With a real model the text would differ, and with it
what these rows save, show and cost; what the state holds and what providers refuse would not.

Brackets are 95 % intervals: of args and latest over resampled chats, of agent over the sample that was asked for.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from tests.benchmarks.context_chats import Chat, Recording, recorded_chats
from tests.benchmarks.context_editings import Editing, Langmem, clearing, none, ours, summarising
from tests.benchmarks.context_metrics import Figures, asked, interval, play, share_interval
from tests.benchmarks.folding import counter
from tests.benchmarks.folding_data import TAU_FILE
from tests.benchmarks.folding_metrics import Count, Reader

ASKED = 300
COLUMNS = ("saved", "args", "latest", "records", "state", "agent", "breaks", "lost", "cost", "orphans", "refused")


def editings() -> list[Editing]:
    """The rows of the table. Triggers are tokens of the history as LangChain counts them by default."""
    return [
        none(),
        clearing(None), clearing(2_000), clearing(1_000), clearing(0, keep=1),
        clearing(0, keep=1, inputs=True),
        summarising(None), summarising(2_000, keep=10), summarising(1_000, keep=6), summarising(600, keep=4),
        Langmem(2_048), Langmem(1_024), Langmem(640),
        ours("lossless"), ours("live"), ours("k2"), ours("lean"),
    ]  # fmt: skip


def measure(
    editing: Editing, chats: Sequence[Chat], count: Count, reader: Reader, *, sample: int = ASKED
) -> dict[str, Any]:
    """One row: its figures, and its name."""
    graphs: dict[str, tuple[Recording, Any]] = {}
    found: list[Figures] = []
    for chat in chats:
        if chat.head not in graphs:
            recording = Recording()
            graphs[chat.head] = recording, editing.graph(recording, chat.head)
        recording, graph = graphs[chat.head]
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found.append(play(graph, recording, chat, count, reader))
        found[-1].reasons.update(f"warning: {one.message}" for one in said)
    got = asked(editing, [one for figures in found for one in figures.hidden], sample)
    return {"name": editing.name, **_row(found, got)}


def _row(found: Sequence[Figures], got: list[int]) -> dict[str, Any]:
    def total(name: str) -> Any:
        return sum(getattr(figures, name) for figures in found)

    def share(name: str) -> float | None:
        hit, of = (sum(getattr(figures, name)[at] for figures in found) for at in (0, 1))
        return round(100 * hit / of, 2) if of else None

    def spread(name: str) -> tuple[float, float]:
        return interval([tuple(getattr(figures, name)) for figures in found])

    prompts = total("prompts")
    return {
        "prompts": prompts,
        "saved": round(100 * (1 - total("history") / total("full")), 2),
        "saved_interval": interval([(figures.full - figures.history, figures.full) for figures in found]),
        "args": share("arguments"), "args_interval": spread("arguments"),
        "args_missed": sum(figures.arguments[1] - figures.arguments[0] for figures in found),
        "args_all": sum(figures.arguments[1] for figures in found),
        "latest": share("latest"), "latest_interval": spread("latest"), "records": share("records"),
        "hidden": sum(len(figures.hidden) for figures in found),
        "state": share("in_state"),
        "agent": round(100 * got[0] / got[1], 2) if got[1] else None, "agent_asked": got[1],
        "agent_interval": share_interval(*got) if got[1] else None,
        "breaks": round(100 * total("broken") / prompts, 1),
        "lost": round(total("invalidated") / prompts, 1),
        "cost": round(total("price") / total("full_price"), 3),
        "orphans": total("orphans"), "refused_openai": total("openai"), "refused_anthropic": total("anthropic"),
        "reasons": dict(sum((figures.reasons for figures in found), Counter())),
    }  # fmt: skip


def run(
    data: Path, choice: str = "tiktoken", *, every: int = 1, rows: Sequence[Editing] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All figures; ``every`` takes only each n-th chat. Without the data, ``skipped`` says so."""
    name, count = counter(choice)
    result: dict[str, Any] = {"counter": name, "every": every, "rows": []}
    if not (data / TAU_FILE).is_file():
        return {**result, "skipped": f"{TAU_FILE} is not in {data}"}
    chats = recorded_chats(data)[::every]
    reader = Reader()
    chosen = editings() if rows is None else rows
    task = None if progress is None else progress.add_task("running", total=len(chosen))
    for editing in chosen:
        if progress is not None and task is not None:
            progress.update(task, description=editing.name)
        result["rows"].append(measure(editing, chats, count, reader))
        if progress is not None and task is not None:
            progress.advance(task)
    return {**result, "episodes": len(chats), "prompts": result["rows"][0]["prompts"]}


def show(result: dict[str, Any], console: Console) -> None:
    if "skipped" in result:
        console.print(f"skipped: {result['skipped']}")
        return
    title = f"tau-bench airline: {result['episodes']} episodes, {result['prompts']} prompts, {result['counter']}"
    table = Table(title=title, caption="* summaries by a deterministic stand-in, not by a model")
    for name in ("", *COLUMNS):
        table.add_column(name, justify="left" if not name else "right")
    for row in result["rows"]:
        refused = f"{row['refused_openai']}/{row['refused_anthropic']}"
        table.add_row(row["name"], *(_cell(row, name) for name in COLUMNS[:-1]), refused)
    console.print(table)
    for row in result["rows"]:
        for reason, times in row["reasons"].items():
            console.print(f"{row['name']}: {times} times: {reason}")


def _cell(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "–"
    spread = row.get(f"{name}_interval")
    return f"{row[name]}" if spread is None else f"{row[name]} [{spread[0]}, {spread[1]}]"


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main(arguments: argparse.Namespace) -> None:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        result = run(arguments.data, arguments.counter, every=5 if arguments.quick else 1, progress=progress)
    packages = ("langchain", "langchain-core", "langgraph", "langmem")
    result["commit"] = _commit()
    result["versions"] = {"python": sys.version.split()[0], **{name: version(name) for name in packages}}
    show(result, Console(width=None if sys.stdout.isatty() else 220))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--counter", choices=("tiktoken", "heuristic"), default="tiktoken")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true", help="every fifth chat")
    main(parser.parse_args())
