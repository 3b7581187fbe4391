"""Why a host cannot see the server, in plain words."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnemic import __version__
from mnemic.errors import InvalidInput
from mnemic.protocols import HealthCheck
from mnemic_mcp.hosts.catalogue import Host
from mnemic_mcp.hosts.installing import SERVER, installed_entry
from mnemic_mcp.hosts.plugins import enabled_plugin, told_twice

_DEADLINE_SECONDS = 20.0
_SLOW_SECONDS = 5.0


async def check_host(host: Host, *, config: Path | None = None) -> list[HealthCheck]:
    """What was found, in the order in which a host comes to it; it ends with the first that is wrong."""
    path = config or host.config()
    plugin = enabled_plugin(host)
    if not path.exists() and plugin is None:
        detail = f"{path} is not there: {host.title} is not installed, or has never been told of a server"
        return [_finding("configuration", False, f"{detail}. Run: mnemic install {host.name}")]
    try:
        entry = installed_entry(host, config=path)
    except InvalidInput as error:
        return [_finding("configuration", False, f"{path} cannot be read, by {host.title} either. {error}")]
    found = [_finding("configuration", True, str(path))]
    if entry is None and plugin is not None:
        return [*found, *await _check_plugin(plugin)]
    if entry is None:
        told = f"{path} says nothing of {SERVER} under {host.under}. Run: mnemic install {host.name}"
        return [*found, _finding("entry", False, told)]
    command, arguments = entry.get("command"), entry.get("args", [])
    if not isinstance(command, str) or not isinstance(arguments, list):
        told = f"the entry names no command. Run: mnemic install {host.name}"
        return [*found, _finding("entry", False, told)]
    found.append(_finding("entry", True, " ".join([command, *map(str, arguments)])))
    resolved = shutil.which(command)
    if resolved is None:
        told = f"{command} is not there or may not be run; it was moved, perhaps. Run: mnemic install {host.name}"
        return [*found, _finding("command", False, told)]
    if not Path(command).is_absolute():
        told = f"{command} is found here, but hosts start with a PATH of their own. Run: mnemic install {host.name}"
        found.append(_finding("command", False, told))
        return found
    found.append(_finding("command", True, resolved))
    if plugin is not None:
        return [*found, _finding("plugin", False, told_twice(host, plugin))]
    found.append(await _answers(resolved, [str(one) for one in arguments], entry.get("env")))
    return found


async def _check_plugin(plugin: tuple[str, Path]) -> list[HealthCheck]:
    """A plugin that brings the server names its command without a path."""
    name, settings = plugin
    found = [_finding("plugin", True, f"{name}, enabled in {settings}, brings the server along; no entry is needed")]
    command = shutil.which(SERVER)
    if command is None:
        return [*found, _finding("command", False, f"the plugin starts {SERVER}, which is not on the PATH here")]
    return [*found, _finding("command", True, command), await _answers(command, ["serve"], None)]


async def _answers(command: str, arguments: list[str], environment: Any) -> HealthCheck:
    """Whether the server answers as a host speaks to it."""
    import anyio
    from mcp import Client, StdioServerParameters
    from mcp.client.stdio import stdio_client

    extra = environment if isinstance(environment, Mapping) else {}
    server = StdioServerParameters(
        command=command, args=arguments, env={**os.environ, **{str(name): str(value) for name, value in extra.items()}}
    )
    # An installation without a command of its own is started by Python and its module's name.
    started, begin = " ".join([command, *arguments]), time.monotonic()
    try:
        with anyio.fail_after(_DEADLINE_SECONDS), Path(os.devnull).open("w", encoding="utf-8") as silent:  # noqa: ASYNC230
            async with Client(stdio_client(server, errlog=silent)) as client:
                tools = [tool.name for tool in (await client.list_tools()).tools]
                version = getattr(client.server_info, "version", None)
    except TimeoutError:
        told = f"the server did not answer within {_DEADLINE_SECONDS:.0f} s. Run it by hand to see why: {started}"
        return _finding("answer", False, told)
    except Exception as error:  # whatever a broken server does to its client
        told = f"the server could not be spoken to ({type(error).__name__}). Run it by hand to see why: {started}"
        return _finding("answer", False, told)
    took = time.monotonic() - begin
    if "recall" not in tools:
        return _finding("answer", False, f"something answers that is not mnemic; its tools are {', '.join(tools[:8])}")
    other = "" if version in (None, __version__) else f"; it is version {version}, this command is {__version__}"
    slow = f", which is slow: look at `{started.removesuffix(' serve')} doctor`" if took > _SLOW_SECONDS else ""
    return _finding("answer", True, f"{len(tools)} tools after {took:.1f} s{slow}{other}")


def _finding(check: str, ok: bool, detail: str) -> HealthCheck:
    return HealthCheck(check=check, ok=ok, detail=detail)
