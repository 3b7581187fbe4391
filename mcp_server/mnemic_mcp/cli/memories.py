"""Commands that work with single memories."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from mnemic import Hit, Memory, MemoryRecord, NewMemory, Remembered
from mnemic.domain.counting import counted
from mnemic.domain.provenance import Channel
from mnemic.domain.recall import CHANNELS, DEEP_PART, LINKS_PART, PARTS
from mnemic.domain.validation import MAX_BATCH
from mnemic.errors import InvalidInput
from mnemic_mcp.cli.common import (
    CLI_ORIGIN,
    AsJson,
    Home,
    Namespace,
    console,
    fail,
    print_json,
    print_table,
    to_plain,
    with_memory,
)

Ids = Annotated[list[str], typer.Argument(help="Ids of memories.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", "-t", help="A tag; may be given several times.")]
_CELL_CHARS = 400

Kinds = Annotated[list[str] | None, typer.Option("--kind", "-k", help="episodic, semantic, procedural or lesson.")]


def remember(
    text: Annotated[str, typer.Argument(help='What to remember; "-" reads one memory per line from stdin.')],
    home: Home = None,
    namespace: Namespace = None,
    kind: Annotated[str | None, typer.Option(help="episodic, semantic, procedural or lesson.")] = None,
    tag: Tags = None,
    session: Annotated[str | None, typer.Option(help="Conversation it belongs to.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Whose words these are.")] = None,
    occurred_at: Annotated[str | None, typer.Option("--at", help="When it happened, ISO 8601.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="Since when it is true, if not since it happened.")] = None,
    channel: Annotated[
        Channel | None, typer.Option(help="Where the words came from, if they are not yours: web, mail, file …")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where it was taken from.")] = None,
    when_to_use: Annotated[str | None, typer.Option(help="The situation in which a procedure helps.")] = None,
    supersedes: Annotated[str | None, typer.Option(help="Id of the memory whose place it takes.")] = None,
    as_json: AsJson = False,
) -> None:
    """Store a memory durably."""
    texts = _lines_from_stdin() if text == "-" else [text]
    if supersedes and len(texts) > 1:
        message = f"{len(texts):,} lines cannot all take the place of {supersedes}."
        fail(InvalidInput(message, hint="Give --supersedes with one line alone."))
    values: dict[str, Any] = {
        "kind": kind, "tags": tuple(tag or ()), "session": session, "speaker": speaker,
        "occurred_at": occurred_at, "valid_from": valid_from,
        "source": source, "when_to_use": when_to_use, "supersedes": supersedes,
        "origin": None if channel is None else replace(CLI_ORIGIN, channel=channel),
    }  # fmt: skip

    async def run(memory: Memory) -> Any:
        receipts: list[Remembered] = []
        for start in range(0, len(texts), MAX_BATCH):
            chunk = texts[start : start + MAX_BATCH]
            receipts += await memory.remember_many([NewMemory(text=line, **values) for line in chunk])
        return receipts

    receipts = with_memory(home, run, makes=True, namespace=namespace)
    if as_json:
        print_json(list(receipts))
        return
    out = console()
    for receipt in receipts:
        replaced = f", in the place of {receipt.superseded}" if receipt.superseded and not supersedes else ""
        out.print(f"{receipt.outcome.value} {receipt.id}{replaced}", markup=False)
        for other in receipt.contradicts:
            out.print(f"  contradicts {other}; both are kept and marked", markup=False)
        if receipt.redacted:
            out.print(f"  taken out before it was stored: {', '.join(receipt.redacted)}", markup=False)
        if receipt.outcome == "quarantined" and receipt.verdict is not None:
            for reason in receipt.verdict.reasons:
                out.print(f"  {_printable(reason)}", markup=False)
        for near in receipt.near_duplicates:
            out.print(f"  almost the same as {near.id}: {_printable(near.text)}", markup=False)


def recall(
    query: Annotated[
        str | None, typer.Argument(help="A question or topic in plain words; without it, the newest.")
    ] = None,
    home: Home = None,
    namespace: Namespace = None,
    k: Annotated[int, typer.Option("--limit", "-l", help="At most this many.")] = 10,
    kind: Kinds = None,
    tag: Tags = None,
    session: Annotated[str | None, typer.Option(help="Only from this conversation.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this moment on, ISO 8601.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this moment.")] = None,
    as_of: Annotated[str | None, typer.Option(help="What was true then.")] = None,
    asked_at: Annotated[str | None, typer.Option(help='From when "yesterday" is reckoned, if not from now.')] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out hits below this, 0 to 1.")] = None,
    subtree: Annotated[bool, typer.Option(help="Look in the namespaces below as well.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Look closer, with a model (`mnemic models fetch minilm`).")
    ] = False,
    expand_links: Annotated[
        bool, typer.Option("--expand-links", help="Look at what is linked to what was found as well.")
    ] = False,
    per_session: Annotated[
        int | None, typer.Option(help="At most this many of one conversation; 1: the best of each.")
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on where the answer before ended.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    as_json: AsJson = False,
) -> None:
    """Find memories by meaning and words. Lessons come only with --kind lesson."""

    async def run(memory: Memory) -> Any:
        return await memory.recall(
            query, k=k, kinds=kind or (), tags=tag or (), session=session, since=since, until=until, as_of=as_of,
            asked_at=asked_at, min_score=min_score, subtree=subtree, cursor=cursor, mode="deep" if deep else None,
            explain=explain, expand_links=expand_links, per_session=per_session,
        )  # fmt: skip

    result = with_memory(home, run, namespace=namespace)
    if as_json:
        # Whoever goes through the hits need not ask first whether there are any.
        print_json({"hits": [], **to_plain(result)})
        return
    out = console()
    for note in (*result.notes, *(f"Warning: {warning}" for warning in result.warnings)):
        out.print(note, style="yellow", markup=False)
    if not result.hits:
        out.print(result.reason or "Nothing found.", markup=False)
    else:
        beware = any(hit.standing is not None and hit.standing.labels for hit in result.hits)
        columns = ("score", "id", "when", "kind", "text", "origin", *(("beware",) if beware else ()))
        print_table(columns, [_hit_row(hit, beware=beware) for hit in result.hits])
        if explain:
            _print_explanations(result.hits)
    for one in result.withheld:
        out.print(f"withheld {one.id}: {_printable('; '.join(one.reasons))}", style="yellow", markup=False)
    if result.cursor and out.is_terminal:
        out.print(f"More: --cursor {result.cursor}", style="dim", markup=False)


def _print_explanations(hits: Sequence[Hit]) -> None:
    explained = [(hit, hit.explanation) for hit in hits if hit.explanation is not None]
    names = sorted({name for _, why in explained for name in why.parts}, key=(*PARTS, LINKS_PART, DEEP_PART).index)
    rows = [
        (
            str(why.rank), hit.memory.id, *(str(why.channels.get(channel, "")) for channel in CHANNELS),
            *(f"{why.parts[name]:.3f}" if name in why.parts else "" for name in names), f"{hit.score:.3f}",
        )
        for hit, why in explained
    ]  # fmt: skip
    channels = (f"by {channel}" for channel in CHANNELS)
    print_table(("place", "id", *channels, *(name.replace("_", " ") for name in names), "score"), rows)


def _hit_row(hit: Hit, *, beware: bool) -> tuple[str, ...]:
    from mnemic_mcp.views import alike_text

    id, when, kind, _, origin = _row(hit.memory)
    score = "" if hit.score is None else f"{hit.score:.2f}"
    labels = "; ".join(hit.standing.labels) if hit.standing is not None else ""
    return (
        score,
        id,
        when,
        kind,
        " ".join(filter(None, (_cell(hit.memory, _told(hit)), alike_text(hit)))),
        origin,
        *((_printable(labels),) if beware else ()),
    )


def list_memories(
    home: Home = None,
    namespace: Namespace = None,
    limit: Annotated[int, typer.Option("--limit", "-l")] = 20,
    before: Annotated[str | None, typer.Option(help="Only memories older than this id, to page on.")] = None,
    kind: Kinds = None,
    tag: Tags = None,
    status: Annotated[list[str] | None, typer.Option(help="active, superseded, archived or quarantined.")] = None,
    subtree: Annotated[bool, typer.Option(help="Look in the namespaces below as well.")] = False,
    as_json: AsJson = False,
) -> None:
    """List memories, newest first."""

    async def run(memory: Memory) -> Any:
        found = await memory.list(
            limit=limit,
            before=before,
            kinds=kind or (),
            tags=tag or (),
            statuses=status or ("active",),
            subtree=subtree,
        )
        # A recall tells why there is nothing, such as another spelling of the namespace.
        if found or as_json or status or before or not console().is_terminal:
            return found, None
        return found, (await memory.recall(k=1, kinds=kind or (), tags=tag or (), subtree=subtree)).reason

    found, reason = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    if not found and console().is_terminal:
        console().print(reason or "No memory here passes the filters.", markup=False)
        return
    print_table(("id", "when", "kind", "text", "origin"), [_row(memory) for memory in found])


def show(
    id: Annotated[str, typer.Argument(help="Id of a memory.")], home: Home = None, as_json: AsJson = False
) -> None:
    """Show one memory in full."""

    async def run(memory: Memory) -> Hit:
        return (await memory.show([id]))[0]

    hit = with_memory(home, run)
    found = hit.memory
    if as_json:
        print_json(found)
        return
    from mnemic_mcp.views import record_view

    # A person at a terminal reads it all, and what to know about it.
    standing = hit.standing and replace(hit.standing, masked_text=None, masked_when_to_use=None, hidden_labels=())
    out = console()
    for name, value in record_view(replace(hit, standing=standing)).items():
        if name != "text":
            shown = ", ".join(value) if isinstance(value, list) else str(value)
            out.print(f"{name:>12}  {_printable(shown)}", markup=False)
    out.print()
    out.print(_printable(found.text), markup=False)


def history(
    id: Annotated[str, typer.Argument(help="Id of any version of a memory.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show every version of a memory and what happened to it."""

    async def run(memory: Memory) -> Any:
        return await memory.history(id)

    found = with_memory(home, run)
    if as_json:
        print_json(found)
        return
    out = console()
    print_table(
        ("id", "status", "valid from", "valid to", "text"),
        [
            (
                version.id,
                version.status.value,
                version.valid_from.strftime("%Y-%m-%d %H:%M"),
                "" if version.valid_to is None else version.valid_to.strftime("%Y-%m-%d %H:%M"),
                _printable(version.text),
            )
            for version in found.versions
        ],
    )
    for event in found.events:
        detail = ", ".join(f"{name} {value}" for name, value in event.detail.items())
        line = (
            f"{event.at:%Y-%m-%d %H:%M:%S}  {event.memory_id} {event.action.value} by {event.origin.label()} {detail}"
        )
        out.print(_printable(line.rstrip()), markup=False)


def forget(
    ids: Ids,
    home: Home = None,
    restore: Annotated[bool, typer.Option("--restore", help="Bring archived or superseded memories back.")] = False,
    erase: Annotated[bool, typer.Option("--erase", help="Destroy them for good, with all versions.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before erasing.")] = False,
    reason: Annotated[str | None, typer.Option(help="Kept in the history.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take memories out of recall (archive them), bring them back, or destroy them."""
    if restore and erase:
        fail(InvalidInput("--restore and --erase exclude each other.", hint="Choose one."))
    if erase and not yes:
        typer.confirm(f"Destroy {counted(len(ids), 'memory')} with all their versions for good?", abort=True, err=True)

    done = "erased" if erase else "restored" if restore else "archived"

    async def run(memory: Memory) -> tuple[Sequence[str], Sequence[str]]:
        if erase:
            receipt = await memory.erase(ids)
            return receipt.erased, receipt.derived
        return await (memory.bring_back if restore else memory.archive)(ids, reason=reason), ()

    changed, derived = with_memory(home, run)
    if as_json:
        print_json({done: list(changed), **({"still_cited_by": list(derived)} if erase else {})})
        return
    cited = f"; still cited by {', '.join(derived)}" if derived else ""
    typer.echo(f"{done} {', '.join(changed) or 'nothing: it was so already'}{cited}")


def _row(memory: MemoryRecord) -> tuple[str, str, str, str, str]:
    when = (memory.occurred_at or memory.recorded_at).strftime("%Y-%m-%d")
    return memory.id, when, memory.kind.value, _cell(memory, memory.text), _printable(memory.origin.label())


def _told(hit: Hit) -> str:
    """The text, or of a long one the passage that answers, and where it stands."""
    if hit.passage is None:
        return hit.shown_text
    return f"[{hit.passage.start}-{hit.passage.end} of {len(hit.whole_text)}] {hit.passage.text}"


def _cell(memory: MemoryRecord, text: str) -> str:
    text = f"{memory.speaker}: {text}" if memory.speaker else text
    return _printable(text if len(text) <= _CELL_CHARS else text[: _CELL_CHARS - 1] + "…")


def _lines_from_stdin() -> list[str]:
    """The lines of stdin that are not blank. Ends the command when they are not UTF-8."""
    data = sys.stdin.buffer.read()
    try:
        return [line for line in data.decode("utf-8-sig").replace("\r\n", "\n").split("\n") if line.strip()]
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        fail(InvalidInput(f"Line {line} of stdin is not UTF-8.", hint="Convert it first, for example with iconv."))


def _printable(text: str) -> str:
    """Text that cannot move the cursor or hide itself in a terminal."""
    from mnemic.domain.quoting import visible

    return visible(text)
