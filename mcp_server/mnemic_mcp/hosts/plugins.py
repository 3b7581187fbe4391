"""Whether a host has the server from a plugin already: with an entry besides, each tool would be there twice."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mnemic.errors import InvalidInput
from mnemic_mcp.hosts import jsonc
from mnemic_mcp.hosts.catalogue import Host

_PLUGIN = "mnemic"


def enabled_plugin(
    host: Host, *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> tuple[str, Path] | None:
    """The plugin of ours that ``host`` has enabled, for its user or in ``folder`` (the working directory), and the file that
    says so; None where none is found.

    One that is named when a session is started (``claude --plugin-dir``) stands in no file.
    """
    user = host.settings(environment)
    if user is None:
        return None
    own = (folder or Path.cwd()) / ".claude"
    enabled: dict[str, Path | None] = {}
    # The later one counts, also where it switches off what an earlier one has on.
    for path in (user, own / "settings.json", own / "settings.local.json"):
        for name, is_on in _plugins_in(path).items():
            enabled[name] = path if is_on is True else None
    return next(
        ((name, path) for name, path in enabled.items() if path is not None and name.partition("@")[0] == _PLUGIN), None
    )


def told_twice(host: Host, plugin: tuple[str, Path]) -> str:
    """What an entry beside a plugin comes to, and the way out, for people."""
    name, path = plugin
    return (
        f"the plugin {name}, enabled in {path}, brings the server along: with the entry each tool is there twice. Take the "
        f"entry out (mnemic install {host.name} --uninstall) or disable the plugin"
    )


def _plugins_in(path: Path) -> Mapping[str, object]:
    """What a file of settings enables. One that cannot be read says nothing: it is the host's to complain of."""
    try:
        document = jsonc.read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, InvalidInput):
        return {}
    found = document.get("enabledPlugins") if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}
