"""Putting the server into a host's configuration, and taking it out again, without losing anything of anyone's."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

from mnemic.errors import InvalidInput
from mnemic.storage.syncing import sync_handle, take_place
from mnemic_mcp.hosts import jsonc, toml_tables
from mnemic_mcp.hosts.catalogue import Host

SERVER = "mnemic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What installing does to one file: its text before and after, the same where nothing is to do."""

    host: Host
    config: Path
    before: str
    after: str

    @property
    def is_needed(self) -> bool:
        return self.before != self.after


def server_command() -> list[str]:
    """The command that starts this very installation, by its absolute path: hosts start with a PATH of their own."""
    beside = Path(sys.executable).with_name("mnemic.exe" if os.name == "nt" else "mnemic")
    if beside.is_file():
        return [str(beside), "serve"]
    return [sys.executable, "-m", "mnemic_mcp.main", "serve"]


def plan(
    host: Host, *, config: Path | None = None, command: list[str] | None = None, home: Path | None = None
) -> Change:
    """What it takes for ``host`` to know the server. Nothing is written. Raises `InvalidInput` for a file that is broken."""
    entry = host.entry(command or server_command(), None if home is None else home.expanduser().absolute())
    path = config or host.config()
    before = _read(path)
    here = _found(host, before)
    if here is not None and "command" in here:
        # What somebody told this server besides, such as a policy or how long to wait for it.
        entry = {**here, **entry}
        if isinstance(here.get("env"), dict):
            entry["env"] = {**here["env"], **entry["env"]}
    if here == entry:
        return Change(host=host, config=path, before=before, after=before)
    return Change(host=host, config=path, before=before, after=_with(host, before, entry))


def plan_removal(host: Host, *, config: Path | None = None) -> Change:
    """What it takes for ``host`` to forget the server. Raises `InvalidInput` for a file that is broken."""
    path = config or host.config()
    before = _read(path)
    return Change(host=host, config=path, before=before, after=_without(host, before))


def apply(change: Change, *, now: datetime) -> Path | None:
    """Write the change, all or nothing; the copy of the file as it was, None where there was none or nothing to do.

    Raises `InvalidInput` when the file has changed since the plan was made, or cannot be written.
    """
    if not change.is_needed:
        return None
    path = change.config.resolve()  # a link to a file in somebody's dotfiles stays one
    if _read(path) != change.before:
        raise InvalidInput(f"{path} has changed meanwhile.", hint="Run the command again.")
    try:
        return _write(path, change.after, now)
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be written: {error.strerror or error}.",
            hint=f"Look at the rights of its folder, or write what `mnemic install {change.host.name} --print` shows.",
        ) from error


def _write(path: Path, text: str, now: datetime) -> Path | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    backup = None
    if path.exists():
        # Put in and taken out within a second, it has a copy of each time.
        backup = path.with_name(f"{path.name}.before-mnemic-{now:%Y%m%d-%H%M%S-%f}")
        shutil.copy2(path, backup)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            sync_handle(file.fileno())
        if path.exists():
            shutil.copymode(path, name)
        take_place(Path(name), path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return backup


def installed_entry(host: Host, *, config: Path | None = None) -> dict[str, Any] | None:
    """What the host is told of the server now, None if nothing. Raises `InvalidInput` for a file that is broken."""
    return _found(host, _read(config or host.config()))


def snippet(change: Change) -> str:
    """The entry as it would stand in the file, for people who edit it themselves."""
    entry = _found(change.host, change.after)
    if change.host.format == "toml":
        import tomlkit

        return tomlkit.dumps({change.host.under: {SERVER: entry}}).strip()
    return json.dumps({change.host.under: {SERVER: entry}}, indent=2, ensure_ascii=False)


def _read(path: Path) -> str:
    try:
        if path.exists() and not path.is_file():
            # A pipe or a device would be waited for without end.
            raise InvalidInput(f"{path} is no file.", hint="Put away what is in its place.")
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8.", hint="Mend the file by hand; nothing was changed.") from None
    except OSError as error:
        raise InvalidInput(
            f"{path} cannot be read: {error.strerror}.", hint="Look at the rights of the file."
        ) from None


def _document(host: Host, text: str) -> Any:
    return toml_tables.read(text) if host.format == "toml" else jsonc.read(text)


def _found(host: Host, text: str) -> dict[str, Any] | None:
    document = _document(host, text)
    servers = document.get(host.under) if isinstance(document, dict) else None
    found = servers.get(SERVER) if isinstance(servers, dict) else None
    return found if isinstance(found, dict) else None


def _with(host: Host, text: str, entry: dict[str, Any]) -> str:
    if host.format == "json":
        return jsonc.set_member(text, (host.under, SERVER), entry)
    document = _document(host, text)
    servers = document.get(host.under, {})
    if not isinstance(servers, dict):
        raise InvalidInput(f"{host.under} is no table.", hint="Mend the file by hand; nothing was changed.")
    meant = {**document, host.under: {**servers, SERVER: entry}}
    tables = toml_tables.with_table(text, (host.under, SERVER), entry)
    return _as_meant(host, meant, chain(tables, _by_tomlkit(text, host, entry)))


def _without(host: Host, text: str) -> str:
    if host.format == "json":
        return jsonc.remove_member(text, (host.under, SERVER))
    document = _document(host, text)
    servers = document.get(host.under)
    if not isinstance(servers, dict) or SERVER not in servers:
        return text
    meant = {**document, host.under: {name: one for name, one in servers.items() if name != SERVER}}
    tables = toml_tables.without_table(text, (host.under, SERVER))
    return _as_meant(host, meant, chain(tables, _by_tomlkit(text, host, None)))


def _as_meant(host: Host, meant: dict[str, Any], texts: Iterable[str]) -> str:
    """The first of ``texts`` that says what is meant, whatever else it says of no servers. Raises `InvalidInput`."""
    for text in texts:
        try:
            document = _document(host, text)
        except InvalidInput:
            continue
        if {**document, host.under: document.get(host.under, {})} == meant:
            return text
    raise InvalidInput(
        f"{host.under} is written in a way that cannot be changed without changing more.",
        hint=f"Write [{host.under}.{SERVER}] by hand; nothing was changed.",
    )


def _by_tomlkit(text: str, host: Host, entry: dict[str, Any] | None) -> Iterator[str]:
    """With the entry, or without it for None, where the servers are no tables but values in one line."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(toml_tables.without_mark(text))
        servers: Any = document.setdefault(host.under, tomlkit.table(is_super_table=True))
        if entry is None:
            del servers[SERVER]
        else:
            servers[SERVER] = entry
        yield toml_tables.in_style_of(text, tomlkit.dumps(document))
    except TOMLKitError:
        return
