"""Putting the server into a host's configuration, and taking it out again, without losing anything of anyone's."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mnemic.errors import InvalidInput
from mnemic.storage.syncing import sync_handle, take_place
from mnemic_mcp.hosts import jsonc
from mnemic_mcp.hosts.catalogue import Host

SERVER = "mnemic"
# Editors of Windows begin a file in UTF-8 with it.
_MARK = "\ufeff"


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
    if _found(host, before) == entry:
        return Change(host=host, config=path, before=before, after=before)
    return Change(host=host, config=path, before=before, after=_with(host, before, entry))


def plan_removal(host: Host, *, config: Path | None = None) -> Change:
    """What it takes for ``host`` to forget the server. Raises `InvalidInput` for a file that is broken."""
    path = config or host.config()
    before = _read(path)
    return Change(host=host, config=path, before=before, after=_without(host, before))


def apply(change: Change, *, now: datetime) -> Path | None:
    """Write the change, all or nothing; the copy of the file as it was, None where there was none or nothing to do.

    Raises `InvalidInput` when the file has changed since the plan was made.
    """
    if not change.is_needed:
        return None
    path = change.config.resolve()  # a link to a file in somebody's dotfiles stays one
    if _read(path) != change.before:
        raise InvalidInput(f"{path} has changed meanwhile.", hint="Run the command again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    backup = None
    if path.exists():
        # Put in and taken out within a second, it has a copy of each time.
        backup = path.with_name(f"{path.name}.before-mnemic-{now:%Y%m%d-%H%M%S-%f}")
        shutil.copy2(path, backup)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(change.after)
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


def _found(host: Host, text: str) -> dict[str, Any] | None:
    document = _toml(text).unwrap() if host.format == "toml" else jsonc.read(text)
    servers = document.get(host.under) if isinstance(document, dict) else None
    found = servers.get(SERVER) if isinstance(servers, dict) else None
    return found if isinstance(found, dict) else None


def _with(host: Host, text: str, entry: dict[str, Any]) -> str:
    if host.format == "json":
        return jsonc.set_member(text, (host.under, SERVER), entry)
    import tomlkit

    document = _toml(text)
    servers = document.setdefault(host.under, tomlkit.table(is_super_table=True))
    if not isinstance(servers, dict):
        raise InvalidInput(f"{host.under} is no table.", hint="Mend the file by hand; nothing was changed.")
    servers[SERVER] = entry
    return _mark(text) + tomlkit.dumps(document)


def _without(host: Host, text: str) -> str:
    if host.format == "json":
        return jsonc.remove_member(text, (host.under, SERVER))
    import tomlkit

    document = _toml(text)
    servers = document.get(host.under)
    if not isinstance(servers, dict) or SERVER not in servers:
        return text
    del servers[SERVER]
    if not servers:
        del document[host.under]
    return _mark(text) + tomlkit.dumps(document)


def _mark(text: str) -> str:
    return _MARK if text.startswith(_MARK) else ""


def _toml(text: str) -> Any:
    import tomlkit
    from tomlkit.exceptions import ParseError

    try:
        return tomlkit.parse(text.removeprefix(_MARK))
    except ParseError as error:
        raise InvalidInput(f"{error}.", hint="Mend the file by hand; nothing was changed.") from None
