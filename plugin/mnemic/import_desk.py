"""Moving in from other memories: ``memory.imports``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mnemic.domain.memory import Namespace
from mnemic.domain.moving import (
    basic_memory,
    chatgpt,
    claude,
    langgraph_store,
    mem0,
    memory_service,
    plain,
    portable_markdown,
    server_memory,
)
from mnemic.domain.moving.records import Damage, Found, LeftOut, Reading
from mnemic.domain.validation import check_namespace
from mnemic.errors import InvalidInput
from mnemic.storage import foreign_exports as exports
from mnemic.storage import foreign_files as files
from mnemic.storage import foreign_tables as tables

if TYPE_CHECKING:
    from mnemic.memory import Memory
    from mnemic.services.backends import Backends
    from mnemic.services.moving.planning import ImportPlan
    from mnemic.services.moving.taking_over import ImportOutcome

_CHATGPT = exports.ExportFiles(files=chatgpt.FILES_OF_EXPORT, parts=chatgpt.PARTS_OF_EXPORT, what="conversations.json")
_CLAUDE = exports.ExportFiles(
    files=claude.FILES_OF_EXPORT, parts=claude.PARTS_OF_EXPORT, what="conversations.json or memories.json"
)
_MARKDOWN = (".md", ".markdown", ".txt")


class Reader(Protocol):
    """Reads what is at a path. ``collection`` names a part of it where a format has several."""

    def __call__(self, path: Path, collection: str | None) -> Reading: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignFormat:
    """A format that can be imported. ``takes`` says, for people, what to give as its path."""

    name: str
    takes: str
    read: Reader


class ImportDesk:
    """A plan, then its doing. Both block one worker thread and may be called concurrently with everything else."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def plan(
        self, path: Path | str, *, format: str, namespace: Namespace | str | None = None, collection: str | None = None
    ) -> ImportPlan:
        """Read all of ``path`` as ``format`` (one of `FORMATS`) and say what importing it would do. Nothing is written.

        Raises `InvalidInput` when it cannot be read at all; what is damaged within it is in the plan.
        """
        from mnemic.services.moving.planning import plan_import

        if not isinstance(path, str | PathLike):
            raise InvalidInput(f"path is {type(path).__name__}.", hint="Give the path of a file or folder.")
        where = Path(path)
        reader = reader_of(format)
        target = self._memory.settings.namespace if namespace is None else check_namespace(namespace)

        def read_and_plan(backends: Backends, *, namespace: Namespace) -> ImportPlan:
            found = reader.read(where.expanduser(), collection)
            return plan_import(backends, found, format=format, file=where.name, namespace=namespace)

        return await self._memory.run(read_and_plan, namespace=target)

    async def run(
        self, plan: ImportPlan, *, on_error: str = "stop", advance: Callable[[int], None] | None = None
    ) -> ImportOutcome:
        """Do what a plan says, in batches that are durable one by one. Doing it again goes on where it ended.

        Where something is damaged or too long, ``on_error="stop"`` raises `InvalidInput` and imports nothing;
        ``"skip-long"`` leaves out what is too long and stops at damage, ``"skip"`` takes over all the rest. Raises
        `StoreUnavailable`.
        """
        from mnemic.services.moving.planning import check_whole
        from mnemic.services.moving.taking_over import take_over

        if on_error not in ("stop", "skip-long", "skip"):
            raise InvalidInput(f"on_error is {on_error!r:.40}.", hint='Give "stop", "skip-long" or "skip".')
        if on_error != "skip":
            check_whole(plan, skip_long=on_error == "skip-long")
        return await self._memory.run(partial(take_over, plan=plan, advance=advance))


def reader_of(format: str) -> ForeignFormat:
    """The format of a name. Raises `InvalidInput`."""
    for known in FORMATS:
        if known.name == format:
            return known
    names = ", ".join(known.name for known in FORMATS)
    raise InvalidInput(f"There is no format {format!r:.40}.", hint=f"Use one of: {names}.")


def _whole(read: Callable[[Path], Reading]) -> Reader:
    """A reader of a format that has no collections."""

    def reader(path: Path, collection: str | None) -> Reading:
        if collection is not None:
            raise InvalidInput(
                f"{path} has no collection {collection!r:.60}.", hint="Only mem0's Chroma folder has some."
            )
        return read(path)

    return reader


def _text_file(read: Callable[[str, str], Reading]) -> Reader:
    return _whole(lambda path: read(files.read_text(path), path.name))


def _export(read: Callable[[str, str], Reading], wanted: exports.ExportFiles) -> Reader:
    def read_all(path: Path) -> Reading:
        for name, text in exports.read_export(path, wanted):
            yield from read(text, name)

    return _whole(read_all)


def _read_mem0(path: Path, collection: str | None) -> Reading:
    if path.is_dir() or (tables.is_sqlite(path) and "embedding_metadata" in tables.tables_of(path)):
        name, payloads = tables.read_chroma_payloads(path, collection)
        yield from mem0.read_mem0_payloads(payloads, f"collection {name}")
    elif tables.is_sqlite(path):
        yield from mem0.read_mem0_history(tables.read_mem0_history_rows(path), path.name)
    else:
        yield from mem0.read_mem0_export(files.read_text(path), path.name)


def _read_memory_service(path: Path) -> Reading:
    rows, pairs = tables.read_memory_service_rows(path)
    yield from memory_service.read_memory_service(rows, pairs, path.name)


def _read_langgraph(path: Path) -> Reading:
    if tables.is_sqlite(path):
        yield from langgraph_store.read_langgraph_rows(tables.read_langgraph_rows_of(path), path.name)
    else:
        yield from langgraph_store.read_langgraph_lines(files.read_text(path), path.name)


def _read_basic_memory(path: Path) -> Reading:
    others: list[Damage | LeftOut] = []

    def notes() -> Iterator[tuple[str, str]]:
        for one in files.read_folder(path, (".md",)):
            if isinstance(one, tuple):
                yield one
            else:
                others.append(one)

    yield from basic_memory.read_basic_memory(notes())
    yield from others


def _read_markdown(path: Path) -> Reading:
    def read(one: tuple[str, str] | Damage | LeftOut) -> Iterator[Found]:
        if not isinstance(one, tuple):
            return iter((one,))
        name, text = one
        return (
            portable_markdown.read_portable_markdown if portable_markdown.is_portable(text) else plain.read_markdown
        )(text, name)

    yield from chain.from_iterable(map(read, files.read_folder(path, _MARKDOWN)))


FORMATS = (
    ForeignFormat(
        name=server_memory.FORMAT, takes="memory.jsonl of the official MCP memory server",
        read=_text_file(server_memory.read_server_memory),
    ),
    ForeignFormat(
        name=mem0.FORMAT, takes="its Chroma folder, the JSON of get_all(), or history.db", read=_read_mem0
    ),
    ForeignFormat(name=memory_service.FORMAT, takes="its SQLite file", read=_whole(_read_memory_service)),
    ForeignFormat(name=basic_memory.FORMAT, takes="the folder of its notes", read=_whole(_read_basic_memory)),
    ForeignFormat(
        name=langgraph_store.FORMAT, takes="the file of a SqliteStore, or items as JSON lines", read=_whole(_read_langgraph)
    ),
    ForeignFormat(
        name=chatgpt.FORMAT, takes="the archive of a data export, its folder, or a conversations.json of it",
        read=_export(chatgpt.read_chatgpt, _CHATGPT),
    ),
    ForeignFormat(
        name=claude.FORMAT,
        takes="an archive of a data export, the folder of its archives or files, or a conversations.json or memories.json",
        read=_export(claude.read_claude, _CLAUDE),
    ),
    ForeignFormat(
        name=plain.MARKDOWN, takes="a file or folder, also of `mnemic export --format markdown`", read=_whole(_read_markdown)
    ),
    ForeignFormat(name=plain.JSONL, takes="one object with a text on each line", read=_text_file(plain.read_jsonl)),
)  # fmt: skip
"""All formats, in the order in which they are named to people."""
