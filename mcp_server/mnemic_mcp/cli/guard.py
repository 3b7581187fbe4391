"""Commands for people who look after what the guard withheld."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnemic import Memory
from mnemic.domain.quoting import visible
from mnemic_mcp.cli.common import AsJson, Home, Namespace, console, print_json, print_table, with_memory

if TYPE_CHECKING:
    from mnemic.services.reviewing.review import GuardReport

app = typer.Typer(name="guard", help="What the guard withholds and why, and deciding about it.", no_args_is_help=True)

Ids = Annotated[list[str], typer.Argument(help="Ids of memories.")]
Reason = Annotated[str | None, typer.Option(help="Kept in the log and in the memory's history.")]
Limit = Annotated[int, typer.Option("--limit", "-l", help="At most this many.")]
_PREVIEW_CHARS = 160


@app.command()
def review(
    home: Home = None,
    namespace: Namespace = None,
    subtree: Annotated[bool, typer.Option(help="Look in the namespaces below as well.")] = False,
    limit: Limit = 20,
    before: Annotated[str | None, typer.Option(help="Only memories older than this id, to page on.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is in quarantine and waits for a decision, newest first."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.pending(subtree=subtree, limit=limit, before=before)

    found = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    if not found:
        if console().is_terminal:
            console().print(f"Nothing {'older ' if before else ''}waits for review.", markup=False)
        return
    rows = [
        (
            one.memory.id, one.memory.recorded_at.date().isoformat(), one.memory.origin.label(),
            ", ".join(dict.fromkeys(judged.finding.rule for judged in one.verdict.judged)) or "by decision",
            _short(one.memory.text),
        )
        for one in found
    ]  # fmt: skip
    print_table(("id", "when", "origin", "rules", "text"), rows)
    if console().is_terminal:
        if len(found) == limit:
            console().print(f"Older ones: mnemic guard review --before {found[-1].memory.id}", style="dim")
        console().print("Look closer: mnemic guard explain ID. Decide: mnemic guard release|reject ID.", style="dim")


@app.command()
def explain(
    id: Annotated[str, typer.Argument(help="Id of a memory.")], home: Home = None, as_json: AsJson = False
) -> None:
    """Show what was found about a memory, what the policy makes of it, and what was done."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.explain(id)

    found = with_memory(home, run)
    if as_json:
        print_json(found)
        return
    _print_explanation(found)


@app.command()
def release(
    ids: Ids,
    home: Home = None,
    vouch: Annotated[bool, typer.Option("--vouch", help="Count it as your own words from now on.")] = False,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """Let memories out of quarantine exactly as they were written."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.release(ids, vouch=vouch, reason=reason)

    _print_changed("released", with_memory(home, run), as_json=as_json)


@app.command()
def reject(ids: Ids, home: Home = None, reason: Reason = None, as_json: AsJson = False) -> None:
    """Keep memories out of recall; also those that were let in. `release` undoes it."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.reject(ids, reason=reason)

    _print_changed("rejected", with_memory(home, run), as_json=as_json)


@app.command()
def lessons(
    home: Home = None,
    namespace: Namespace = None,
    release: Annotated[str | None, typer.Option(help="Id of a lesson that is no longer to be heeded.")] = None,
    heed: Annotated[str | None, typer.Option(help="Id of a released lesson that is to be heeded again.")] = None,
    reason: Reason = None,
    as_json: AsJson = False,
) -> None:
    """List what was learnt from rejected memories, or appeal against a lesson."""

    async def run(memory: Memory) -> Any:
        for id, heeded in ((release, False), (heed, True)):
            if id is not None:
                await memory.guard.set_lesson(id, heeded=heeded, reason=reason)
        return await memory.guard.lessons()

    found = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    rows = [
        (
            lesson.id, lesson.created_at.date().isoformat(), lesson.status.value, str(lesson.hits),
            lesson.expires_at.date().isoformat(), visible(lesson.path_text) or "(its source was erased)",
        )
        for lesson in found
    ]  # fmt: skip
    if rows or not console().is_terminal:
        print_table(("id", "when", "status", "hits", "expires", "what it warns of"), rows)
    else:
        console().print("No lessons yet.", markup=False)


@app.command()
def log(
    home: Home = None,
    namespace: Namespace = None,
    memory_id: Annotated[str | None, typer.Option("--memory", help="Only about this memory.")] = None,
    limit: Limit = 50,
    before: Annotated[int, typer.Option(help="Only entries numbered below this, to page on.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Show what the guard did, latest first. `mnemic doctor` checks that no entry was changed."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.audit(memory=memory_id, limit=limit, before=before)

    found = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    rows = [
        (
            str(entry.number), entry.at.isoformat(timespec="seconds"), entry.action.value, entry.memory_id or "",
            entry.policy, _details(entry.detail), entry.origin.label(),
        )
        for entry in found
    ]  # fmt: skip
    print_table(("number", "when", "action", "memory", "policy", "detail", "by"), rows)


@app.command()
def authorise(
    action: Annotated[str, typer.Argument(help="What an agent is about to do: a call, a command, a sentence.")],
    because: Annotated[list[str] | None, typer.Option("--because", help="Id of a memory that says so.")] = None,
    by_user: Annotated[bool, typer.Option(help="A person asked for it.")] = False,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Say whether memories give leave to act; exit code 1 if not."""

    async def run(memory: Memory) -> Any:
        return await memory.guard.authorise(action, because=because or (), by_user=by_user)

    verdict = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(verdict)
    else:
        console().print(verdict.decision, style="bold", markup=False)
        for reason in verdict.reasons:
            console().print(f"  {reason}", markup=False)
    if verdict.decision != "allowed":
        raise typer.Exit(1)


def _print_explanation(found: GuardReport) -> None:
    from rich.text import Text

    out = console()
    memory, verdict = found.memory, found.verdict
    facts = {
        "id": memory.id, "status": memory.status.value, "origin": memory.origin.label(),
        "drawn from": ", ".join(f"{taint.channel}{' (claimed)' if taint.claimed else ''}" for taint in found.marks.taints),
        "trust": f"{found.trust:.1f}", "policy": verdict.policy,
        "verdict": verdict.decision.value + ("" if verdict.enforced else " (watching only)"),
        "review": found.marks.review.value if found.marks.review else "none yet",
    }  # fmt: skip
    for name, value in facts.items():
        out.print(f"{name:>12}  {visible(value)}", markup=False)
    for judged in verdict.judged:
        finding = judged.finding
        out.print(f"{judged.decision.value:>12}  {finding.rule}: {visible(finding.reason)}", markup=False)
    out.print()
    shown = Text(visible(memory.text))
    if visible(memory.text) == memory.text:
        for judged in verdict.judged:
            for start, end in judged.finding.spans:
                shown.stylize("bold red", start, end)
        for start, end in found.marks.directives:
            shown.stylize("underline", start, end)
    out.print(shown)
    for entry in found.log:
        out.print()
        out.print(
            f"{entry.at.isoformat(timespec='seconds')}  {entry.action.value}  {_details(entry.detail)}", markup=False
        )


def _print_changed(what: str, ids: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        print_json(list(ids))
        return
    console().print(f"{what}: {', '.join(ids)}" if ids else "Nothing had to be changed.", markup=False)


def _details(detail: dict[str, Any]) -> str:
    parts = []
    for name, value in detail.items():
        shown = ", ".join(f"{rule} → {what}" for rule, what in value.items()) if isinstance(value, dict) else value
        parts.append(f"{name}: {shown}")
    return visible("; ".join(parts))


def _short(text: str) -> str:
    shown = visible(text)
    return shown if len(shown) <= _PREVIEW_CHARS else shown[: _PREVIEW_CHARS - 1] + "…"
