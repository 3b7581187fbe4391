"""The hosts that are known: where each keeps its servers, on every platform, and what an entry looks like there."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mnemic.errors import InvalidInput

Platform = Literal["darwin", "win32", "linux"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """``places`` are paths by platform, with ``~``, and ``{NAME:default}`` for variables of the environment; ``under`` is
    where in the file the servers stand; ``extra`` are fields that an entry has besides; ``after`` is what to do then;
    ``plugins`` is the file that says which plugins are enabled, in a host that has a plugin of ours; ``package`` is how the
    Windows package of the host is called, where it has one.
    """

    name: str
    title: str
    places: Mapping[Platform, str]
    under: str = "mcpServers"
    format: Literal["json", "toml"] = "json"
    extra: tuple[tuple[str, Any], ...] = ()
    after: str = "Start it anew."
    plugins: str | None = None
    package: str | None = None

    def config(self, environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> Path:
        """The file of this host, whether it is there or not."""
        known: Platform = "darwin" if platform == "darwin" else "win32" if platform == "win32" else "linux"
        environment = os.environ if environment is None else environment
        place = Path(_filled(self.places[known], environment, platform))
        if platform != "win32" or self.package is None:
            return place
        return _in_package(place, Path(_filled(_LOCAL_APP_DATA, environment, platform)) / "Packages", self.package)

    def settings(self, environment: Mapping[str, str] | None = None) -> Path | None:
        """The file in which the user's plugins are enabled, whether it is there or not."""
        if self.plugins is None:
            return None
        return Path(_filled(self.plugins, os.environ if environment is None else environment, sys.platform))

    def entry(self, command: list[str], home: Path | None) -> dict[str, Any]:
        """What the host is told of the server that ``command`` starts."""
        env = {"env": {"MNEMIC_HOME": str(home)}} if home is not None else {}
        return {**dict(self.extra), "command": command[0], "args": command[1:], **env}


_APP_DATA = "{APPDATA:~/AppData/Roaming}"
_LOCAL_APP_DATA = "{LOCALAPPDATA:~/AppData/Local}"
_XDG = "{XDG_CONFIG_HOME:~/.config}"


def _everywhere(place: str) -> Mapping[Platform, str]:
    return {"darwin": place, "win32": place, "linux": place}


def _application(mac: str, windows: str, linux: str) -> Mapping[Platform, str]:
    return {
        "darwin": f"~/Library/Application Support/{mac}", "win32": f"{_APP_DATA}/{windows}", "linux": f"{_XDG}/{linux}",
    }  # fmt: skip


_STDIO = (("type", "stdio"),)
HOSTS = {
    host.name: host
    for host in (
        Host(
            name="claude-desktop", title="Claude Desktop", after="Quit Claude Desktop and start it anew.",
            places=_application(*[f"{folder}/claude_desktop_config.json" for folder in ("Claude", "Claude", "Claude")]),
            package="Claude_*",
        ),
        Host(
            name="claude-code", title="Claude Code", places=_everywhere("{CLAUDE_CONFIG_DIR:~}/.claude.json"), extra=_STDIO,
            plugins="{CLAUDE_CONFIG_DIR:~/.claude}/settings.json",
            after="New sessions have it; /mcp shows it. With the plugin (--plugin-dir) it is there twice: take one.",
        ),
        Host(name="cursor", title="Cursor", places=_everywhere("~/.cursor/mcp.json"), after="Cursor asks to enable it."),
        Host(
            name="vscode", title="VS Code", under="servers", extra=_STDIO, after="VS Code asks to start it.",
            places=_application(*[f"{folder}/User/mcp.json" for folder in ("Code", "Code", "Code")]),
        ),
        Host(
            name="codex", title="Codex", places=_everywhere("{CODEX_HOME:~/.codex}/config.toml"), under="mcp_servers",
            format="toml", after="New sessions have it; `codex mcp list` shows it.",
        ),
        Host(name="windsurf", title="Windsurf", places=_everywhere("~/.codeium/windsurf/mcp_config.json")),
        Host(
            name="zed", title="Zed", under="context_servers", extra=(("source", "custom"),),
            places={"darwin": "~/.config/zed/settings.json", "win32": f"{_APP_DATA}/Zed/settings.json",
                    "linux": f"{_XDG}/zed/settings.json"},
            after="Zed takes it up at once.",
        ),
        Host(name="gemini-cli", title="Gemini CLI", places=_everywhere("~/.gemini/settings.json")),
    )
}  # fmt: skip


def host_named(name: str) -> Host:
    """A host. Raises `InvalidInput`."""
    if name not in HOSTS:
        raise InvalidInput(f"There is no host {name[:40]!r} here.", hint=f"Hosts are: {', '.join(HOSTS)}.")
    return HOSTS[name]


def _in_package(place: Path, packages: Path, name: str) -> Path:
    """Where a host that Windows installed as a package finds what it looks for at ``place``, the usual one.

    Windows shows it a folder of its own there: a file in that hides the usual one, which is seen as long as there is none.
    """
    inner = Path("LocalCache", "Roaming", place.parent.name)
    own = [folder / inner / place.name for folder in sorted(packages.glob(name)) if (folder / inner).is_dir()]
    return next((file for file in (*own, place) if file.is_file()), own[0] if own else place)


def _filled(place: str, environment: Mapping[str, str], platform: str) -> str:
    if place.startswith("{"):
        name, _, rest = place[1:].partition(":")
        default, _, tail = rest.partition("}")
        place = (environment.get(name) or default) + tail
    # On Windows a shell or a company may set HOME as well, to a place where no host looks.
    homes = ("USERPROFILE", "HOME") if platform == "win32" else ("HOME", "USERPROFILE")
    home = next((environment[name] for name in homes if environment.get(name)), None)
    return place.replace("~", home, 1) if place.startswith("~") and home else str(Path(place).expanduser())
