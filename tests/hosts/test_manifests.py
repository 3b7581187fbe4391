"""What hosts are shipped: one version, and what each names is there."""

from __future__ import annotations

import json
import plistlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import mnemic

ROOT = Path(__file__).parents[2]
HOSTS = ROOT / "integrations" / "hosts"
pytestmark = pytest.mark.skipif(not HOSTS.is_dir(), reason="the sources with integrations/hosts are not here")


def read(name: str) -> Any:
    return json.loads((HOSTS / name).read_text(encoding="utf-8"))


def test_every_manifest_has_the_version_of_the_package() -> None:
    bundle = tomllib.loads((HOSTS / "mcpb/pyproject.toml").read_text())["project"]
    server = read("server.json")
    versions = {
        "plugin": read("claude-code/.claude-plugin/plugin.json")["version"], "mcpb": read("mcpb/manifest.json")["version"],
        "bundle": bundle["version"], "requires": bundle["dependencies"][0].partition("==")[2],
        "server": server["version"], "package": server["packages"][0]["version"],
    }  # fmt: skip
    assert versions == dict.fromkeys(versions, mnemic.__version__)


def test_the_registry_can_take_the_server_as_it_is_described() -> None:
    """The rules of the registry's schema of 2025-12-11 for what we state; `make check-manifests` asks the schema."""
    server = read("server.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", server["name"])
    assert 3 <= len(server["name"]) <= 200
    assert 1 <= len(server["description"]) <= 100
    assert 1 <= len(server["title"]) <= 100
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[\w.]+)?", server["version"]), "a version and no range"
    assert all(package["transport"] == {"type": "stdio"} for package in server["packages"])


def test_the_plugin_names_commands_that_are_installed() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    hooks = read("claude-code/hooks/hooks.json")["hooks"]
    assert set(hooks) == {"SessionStart", "PreCompact", "Stop", "SessionEnd"}
    commands = {hook["command"] for groups in hooks.values() for group in groups for hook in group["hooks"]}
    commands |= {server["command"] for server in read("claude-code/.mcp.json")["mcpServers"].values()}
    assert commands <= set(scripts)


async def test_the_bundle_names_the_tools_of_the_server(tmp_path: Path) -> None:
    from mcp import Client

    from mnemic_mcp.holder import MemoryHolder
    from mnemic_mcp.server import create_server

    holder = MemoryHolder(mnemic.load_settings(home=tmp_path, chroma="off"), transport="stdio")
    try:
        async with Client(create_server(holder)) as client:
            tools = {tool.name for tool in (await client.list_tools()).tools}
    finally:
        holder.close_now()
    assert {tool["name"] for tool in read("mcpb/manifest.json")["tools"]} == tools


def test_commands_and_skills_say_what_they_are_for() -> None:
    pages = [*(HOSTS / "claude-code/commands").glob("*.md"), *(HOSTS / "claude-code/skills").glob("*/SKILL.md")]
    assert len(pages) == 3
    for page in pages:
        assert re.match(r"---\n(?:.+\n)*description: .{10,}\n(?:.+\n)*---\n", page.read_text()), page


def test_the_services_start_the_server_over_http() -> None:
    with (HOSTS / "launchd/io.mnemic.server.plist").open("rb") as file:
        assert plistlib.load(file)["ProgramArguments"][1:] == ["serve", "--http"]
    assert "mnemic serve --http" in (HOSTS / "systemd/mnemic.service").read_text()
    docker = (HOSTS / "docker/Dockerfile").read_text()
    assert "--uid 10001 mnemic" in docker
    assert "USER 10001" in docker
    assert '"serve", "--http"' in docker
