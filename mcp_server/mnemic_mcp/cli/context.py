"""Commands over working memory: look at a session, and try the folding on a recorded one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemic import Memory
from mnemic.domain.counting import counted
from mnemic.errors import InvalidInput
from mnemic_mcp.cli.common import (
    AsJson,
    Home,
    Namespace,
    console,
    fail,
    print_json,
    print_table,
    progress_bar,
    with_memory,
)

if TYPE_CHECKING:
    from mnemic.domain.working_memory.replay import Replay

app = typer.Typer(
    name="context", help="Working memory: sessions, what is shown of them, and replays.", no_args_is_help=True
)

Format = Annotated[
    str | None,
    typer.Option("--format", help="If not recognised: openai, langchain, anthropic, claude-code, tau-bench, steps."),
]
Folding = Annotated[str | None, typer.Option("--folding", help="Fold the past: lossless, lean, live, k2 or hiagent.")]
Presets = Annotated[
    list[str] | None,
    typer.Option("--preset", "-p", help="Only this one (may be repeated): none, lossless, lean, live, k2, hiagent."),
]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", min=1, help="Steps to a chunk; agents in text worlds do well with 12.")
]
SessionName = Annotated[str, typer.Argument(help="The session.")]
_PAGE_TOKENS = 1_000_000
_PRESETS = ("none", "lossless", "lean", "live", "k2", "hiagent")


@app.command("list")
def list_sessions(home: Home = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """The sessions of a namespace."""
    found = with_memory(home, lambda memory: memory.sessions(namespace=namespace))
    if as_json:
        print_json(found)
        return
    if not found and console().is_terminal:
        console().print("No sessions yet.")
        return
    rows = ((info.name, f"{info.messages}", f"{info.edits}", f"{info.created_at:%Y-%m-%d %H:%M}") for info in found)
    print_table(("session", "messages", "edits", "begun"), rows)


@app.command()
def show(session: SessionName, home: Home = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """The session as it is shown to a model."""
    if as_json:
        print_json(with_memory(home, lambda memory: memory.session(session, namespace=namespace).view()))
        return
    _print_page(home, session, namespace, "view")


@app.command()
def stats(session: SessionName, home: Home = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Tokens of every message and fragment, and what folding would save."""
    found = with_memory(home, lambda memory: memory.session(session, namespace=namespace).stats())
    if as_json:
        print_json(found)
        return
    fragments: dict[str, list[str]] = {}
    for fragment in found.fragments:
        fragments.setdefault(fragment.message_id, []).append(f"{fragment.id} {fragment.state.value}")
    rows = (
        (
            message.id, message.role.value, f"{message.tokens}", f"{message.shown}", f"{message.foldable}",
            "pinned" if message.pinned else ", ".join(fragments.get(message.id, ())),
        )
        for message in found.messages
    )  # fmt: skip
    print_table(("message", "role", "tokens", "shown", "foldable", "fragments"), rows)
    out = console()
    if not out.is_terminal:
        return
    out.print(f"{found.shown:,} of {found.tokens:,} tokens shown; {found.foldable:,} more could be folded.")
    if found.nudge:
        out.print(found.nudge, style="yellow")


@app.command()
def log(session: SessionName, home: Home = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Every edit, with the reasons of automatic ones."""
    if as_json:
        print_json(with_memory(home, lambda memory: memory.session(session, namespace=namespace).log()))
        return
    _print_page(home, session, namespace, "log")


@app.command()
def erase(
    session: SessionName, home: Home = None, namespace: Namespace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Destroy a session for good, with everything said in it."""
    if not yes and not typer.confirm(f"Destroy the session {session!r} for good?", err=True):
        raise typer.Exit(1)
    with_memory(home, lambda memory: memory.session(session, namespace=namespace).erase())
    if as_json:
        print_json({"erased": session})
        return
    typer.echo(f"erased {session}")


@app.command("import")
def import_transcript(
    path: Annotated[Path, typer.Argument(help='A transcript of OpenAI, LangChain, Anthropic or Claude Code; "-" is stdin.')],
    session: Annotated[str, typer.Option("--session", "-s", help="The session it goes to.")],
    home: Home = None, namespace: Namespace = None,
    folding: Folding = None,
    format: Format = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Take a recorded conversation into a session. Done again after it went on, it adds what is new."""
    text = _read(path)

    async def run(memory: Memory) -> tuple[str, ...]:
        target = memory.session(session, namespace=namespace)
        return await target.append_transcript(text, format=format, folding=folding, whole=True)

    ids = with_memory(home, run, makes=True)
    if as_json:
        print_json({"session": session, "added": ids})
        return
    added = len(ids)
    typer.echo(f"{added} messages imported into {session}" + ("" if added else ": it holds all of them"))


@app.command()
def replay(
    path: Annotated[Path, typer.Argument(help='A transcript, one conversation or one in each line; "-" is stdin.')],
    preset: Presets = None,
    max_steps: MaxSteps = None,
    format: Format = None,
    as_json: AsJson = False,
) -> None:
    """Replay recorded conversations under each folding preset: tokens of all prompts before and after."""
    from mnemic.domain.working_memory.replay import replay as replay_one
    from mnemic.domain.working_memory.transcripts import read_transcript
    from mnemic.errors import MnemicError
    from mnemic.storage.token_counters import create_token_counter

    counter = create_token_counter()
    presets = preset or list(_PRESETS)
    rows: dict[str, list[Replay]] = {name: [] for name in presets}
    try:
        episodes = [read_transcript(text, format=format).messages for text in _conversations(_read(path))]
        bar, advance = progress_bar("replaying", len(episodes) * len(presets))
        with bar:
            for number, messages in enumerate(episodes):
                for at, name in enumerate(presets):
                    rows[name].append(
                        replay_one(messages, preset=name, count_tokens=counter.count, max_steps=max_steps)
                    )
                    advance(number * len(presets) + at + 1)
    except MnemicError as error:
        fail(error)
    summed = [_summed(name, found) for name, found in rows.items()]
    if as_json:
        print_json({"conversations": len(episodes), "token_counter": counter.name, "presets": summed})
        return
    rows_shown = (
        (
            row["preset"], f"{row['history']}", f"{row['saved']:.1%}", f"{row['peak']}",
            f"{row['invalidated_per_prompt']:.0f}", f"{row['cost']:.3f}" + (" (dearer)" if row["cost"] > 1 else ""),
        )
        for row in summed
    )  # fmt: skip
    print_table(("preset", "tokens", "saved", "longest", "rewritten", "cost"), rows_shown)
    out = console()
    if not out.is_terminal:
        return
    prompts, full = summed[0]["prompts"], summed[0]["full_history"]
    count = counted(len(episodes), "conversation")
    out.print(
        f"{count}, {prompts:,} prompts of {full:,} history tokens in all, counted by {counter.name}. "
        "tokens: what all prompts hold then; longest: the longest prompt; rewritten: tokens behind the first change, for "
        "each prompt; cost: input with a prompt cache (read 0.1, write 1.25) relative to never folding. What stays readable "
        "is not measured here."
    )


def _summed(preset: str, found: list[Replay]) -> dict[str, Any]:
    history, full = sum(one.history for one in found), sum(one.full_history for one in found)
    prompts = sum(one.prompts for one in found)
    return {
        "preset": preset,
        "prompts": prompts,
        "history": history,
        "full_history": full,
        "saved": 1 - history / full if full else 0.0,
        "peak": max((one.peak for one in found), default=0),
        "invalidated_per_prompt": sum(one.invalidated for one in found) / prompts if prompts else 0.0,
        "cost": sum(one.cost * one.full_cost for one in found) / (sum(one.full_cost for one in found) or 1.0),
    }


def _conversations(text: str) -> list[str]:
    """The conversations of a file: its lines, if each of them is a record of its own, else the whole."""
    # Only a line end ends a line: the other separators of Unicode may stand in a text.
    lines = [line for line in text.split("\n") if line.strip()]
    records = all(
        line.startswith("{") and ('"traj"' in line or '"steps"' in line or '"messages"' in line) for line in lines
    )
    return lines if len(lines) > 1 and records else [text]


def _read(path: Path) -> str:
    from mnemic.storage.packed_text import packed_text, read_packed_text

    try:
        return packed_text(sys.stdin.buffer.read(), "stdin") if str(path) == "-" else read_packed_text(path)
    except InvalidInput as error:
        fail(error)


def _print_page(home: Path | None, session: str, namespace: str | None, what: str) -> None:
    """All pages, one after the other: whoever wants less has ``head``."""

    async def run(memory: Memory) -> list[str]:
        shown: list[str] = []
        start: int | None = 0
        while start is not None:
            page = await memory.session(session, namespace=namespace).page(
                what, start=start, budget_tokens=_PAGE_TOKENS
            )
            shown.append(page.text)
            start = page.next
        return shown

    typer.echo("\n".join(with_memory(home, run)))
