"""Hosts learn of the server and forget it; what else they know stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from typer.testing import CliRunner

from mnemic.errors import InvalidInput
from mnemic_mcp.cli.app import app
from mnemic_mcp.hosts.catalogue import HOSTS, host_named
from mnemic_mcp.hosts.checking import check_host
from mnemic_mcp.hosts.installing import apply, installed_entry, plan, plan_removal, server_command
from mnemic_mcp.hosts.plugins import enabled_plugin

NOW = datetime(2026, 11, 21, tzinfo=UTC)
COMMAND = ["/opt/mnemic/bin/mnemic", "serve"]


@pytest.mark.parametrize("name", HOSTS)
def test_an_entry_goes_in_stays_and_comes_out(name: str, tmp_path: Path) -> None:
    host, config = HOSTS[name], tmp_path / "deep" / "config"
    change = plan(host, config=config, command=COMMAND, home=tmp_path / "memory")
    assert apply(change, now=NOW) is None
    entry = installed_entry(host, config=config)
    assert entry is not None
    assert [entry["command"], *entry["args"]] == COMMAND
    assert entry["env"] == {"MNEMIC_HOME": str(tmp_path / "memory")}
    assert not plan(host, config=config, command=COMMAND, home=tmp_path / "memory").is_needed
    backup = apply(plan_removal(host, config=config), now=NOW)
    assert backup is not None
    assert backup.read_text() == change.after
    assert installed_entry(host, config=config) is None
    assert not plan_removal(host, config=config).is_needed


def test_the_toml_of_others_keeps_its_comments(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    mine = '# mine\nmodel = "o9" # the best\n\n[mcp_servers.files]\ncommand = "npx" # files\n'
    config.write_text(mine)
    apply(plan(HOSTS["codex"], config=config, command=COMMAND), now=NOW)
    text = config.read_text()
    assert text.startswith(mine.rstrip("\n"))
    assert tomlkit.parse(text).unwrap()["mcp_servers"]["mnemic"] == {"command": COMMAND[0], "args": ["serve"]}
    apply(plan_removal(HOSTS["codex"], config=config), now=NOW)
    assert config.read_text().strip() == mine.strip()


# What a file of Codex may look like; each comes back byte for byte when the entry is taken out again.
TOMLS = {
    "tables": '# mine\nmodel = "o9" # best\n\n[mcp_servers.files]\ncommand = "npx" # files\n\n# about tui\n[tui]\nx = 1\n',
    "dotted": 'mcp_servers.files.command = "npx"\nmodel = "o9"\n',
    "dotted before a table": 'mcp_servers.files.command = "npx"\nmodel = "o9"\n[tui]\nx = 1\n',
    "values in one line": 'model = "o9"\nmcp_servers.files = { command = "npx" }\nnotify = ["a"]\n',
    "all in one line": 'mcp_servers = { files = { command = "npx" } }\n',
    "an empty table": "[mcp_servers]\n\n[tui]\nx = 1\n",
    "apart": '[mcp_servers.a]\ncommand = "x"\n\n[tui]\nx = 1\n\n[mcp_servers.b]\ncommand = "y"\n',
    "tables in a list": "[[hooks]]\na = 1\n# end\n",
    "like a table": 'text = """\n[mcp_servers.mnemic]\ncommand = "not ours"\n"""\n',
    "comments": "# nothing yet\n",
    "empty": "",
}


@pytest.mark.parametrize("crlf", [False, True])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("text", TOMLS.values(), ids=TOMLS)
def test_a_table_goes_into_any_toml_and_comes_out_and_changes_nothing_else(
    tmp_path: Path, text: str, mark: str, crlf: bool
) -> None:
    config = tmp_path / "config.toml"
    before = (mark + (text.replace("\n", "\r\n") if crlf else text)).encode()
    config.write_bytes(before)
    apply(plan(HOSTS["codex"], config=config, command=COMMAND, home=tmp_path), now=NOW)
    entry = {"command": COMMAND[0], "args": ["serve"], "env": {"MNEMIC_HOME": str(tmp_path)}}
    after = config.read_bytes()
    meant = tomllib.loads(text)
    meant.setdefault("mcp_servers", {})["mnemic"] = entry
    assert tomllib.loads(after.decode("utf-8-sig")) == meant
    assert not crlf or not text or after.count(b"\r\n") == after.count(b"\n")
    assert not plan(HOSTS["codex"], config=config, command=COMMAND, home=tmp_path).is_needed
    apply(plan(HOSTS["codex"], config=config, command=["/elsewhere/mnemic", "serve"]), now=NOW)
    assert tomllib.loads(config.read_text("utf-8-sig"))["mcp_servers"]["mnemic"] == entry | {
        "command": "/elsewhere/mnemic"
    }
    apply(plan_removal(HOSTS["codex"], config=config), now=NOW)
    assert config.read_bytes() == before


def test_what_stands_around_an_older_entry_stays_where_it_is(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    ours = '[mcp_servers.mnemic]\ncommand = "/old"\nargs = []\n\n[mcp_servers.mnemic.env]\nX = "1"\n'
    config.write_text(f"a = 1\n\n{ours}\n# about tui\n[tui]\nx = 1\n")
    apply(plan(HOSTS["codex"], config=config, command=COMMAND), now=NOW)
    new = ours.replace("/old", COMMAND[0]).replace("[]", '["serve"]')
    assert config.read_text() == f"a = 1\n\n{new}\n# about tui\n[tui]\nx = 1\n"
    apply(plan_removal(HOSTS["codex"], config=config), now=NOW)
    assert config.read_text() == "a = 1\n\n# about tui\n[tui]\nx = 1\n"


def test_servers_that_are_no_table_are_told_and_left(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    for text in ('mcp_servers = "x"\n', "[[mcp_servers]]\na = 1\n"):
        config.write_text(text)
        with pytest.raises(InvalidInput, match="mcp_servers is no table"):
            plan(HOSTS["codex"], config=config, command=COMMAND)
        assert not plan_removal(HOSTS["codex"], config=config).is_needed


@pytest.mark.parametrize("name", HOSTS)
def test_what_somebody_told_the_server_besides_stays_when_it_is_installed_again(name: str, tmp_path: Path) -> None:
    host, config = HOSTS[name], tmp_path / "config"
    own = {
        "disabled": True,
        "env": {"MNEMIC_POLICY": "strict", "MNEMIC_HOME": "/old"},
        "command": "/old",
        "args": ["x"],
    }
    text = json.dumps({host.under: {"mnemic": own}})
    config.write_text(text if host.format == "json" else tomlkit.dumps(json.loads(text)))
    apply(plan(host, config=config, command=COMMAND), now=NOW)
    entry = installed_entry(host, config=config)
    assert entry == {**own, **dict(host.extra), "command": COMMAND[0], "args": ["serve"]}
    apply(plan(host, config=config, command=COMMAND, home=tmp_path), now=NOW)
    entry = installed_entry(host, config=config)
    assert entry is not None and entry["env"] == {"MNEMIC_POLICY": "strict", "MNEMIC_HOME": str(tmp_path)}
    # What spoke to a server elsewhere is another way, and not kept beside this one.
    text = json.dumps({host.under: {"mnemic": {"url": "http://127.0.0.1:8765/mcp"}}})
    config.write_text(text if host.format == "json" else tomlkit.dumps(json.loads(text)))
    apply(plan(host, config=config, command=COMMAND), now=NOW)
    entry = installed_entry(host, config=config)
    assert entry is not None and "url" not in entry


def test_what_is_no_file_or_cannot_be_written_is_told_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "mcp.json"
    config.mkdir()
    with pytest.raises(InvalidInput, match="is no file"):
        plan(HOSTS["cursor"], config=config, command=COMMAND)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InvalidInput, match="is no file"):
            plan(HOSTS["cursor"], config=tmp_path / "pipe", command=COMMAND)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    change = plan(HOSTS["cursor"], config=tmp_path / "other.json", command=COMMAND)
    with pytest.raises(InvalidInput, match="cannot be written: Permission denied") as caught:
        apply(change, now=NOW)
    assert caught.value.hint is not None and "mnemic install cursor --print" in caught.value.hint


def test_whoever_installs_and_takes_out_at_once_has_the_file_of_before(tmp_path: Path) -> None:
    config = tmp_path / "mcp.json"
    config.write_text('{"mine": 1}')
    first = apply(plan(HOSTS["cursor"], config=config, command=COMMAND), now=NOW)
    apply(plan_removal(HOSTS["cursor"], config=config), now=NOW + timedelta(milliseconds=200))
    assert first is not None and first.read_text() == '{"mine": 1}'


def test_a_broken_file_is_left_as_it_is(tmp_path: Path) -> None:
    for name in ("cursor", "codex"):
        config = tmp_path / name
        config.write_text("{ broken = ")
        with pytest.raises(InvalidInput, match=r"(?i)line 1"):
            plan(HOSTS[name], config=config)
        assert config.read_text() == "{ broken = "


def test_a_file_that_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    config = tmp_path / "mcp.json"
    change = plan(HOSTS["cursor"], config=config, command=COMMAND)
    config.write_text('{"mine": 1}')
    with pytest.raises(InvalidInput, match="changed meanwhile"):
        apply(change, now=NOW)
    assert config.read_text() == '{"mine": 1}'


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_stays_a_link_and_rights_stay_rights(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_text("{}")
    real.chmod(0o600)
    link = tmp_path / "mcp.json"
    link.symlink_to(real)
    apply(plan(HOSTS["cursor"], config=link, command=COMMAND), now=NOW)
    assert link.is_symlink()
    assert "mnemic" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "platform", "environment", "expected"),
    [
        ("claude-desktop", "darwin", {}, "/home/ana/Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "linux", {}, "/home/ana/.config/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", {"APPDATA": "/app"}, "/app/Claude/claude_desktop_config.json"),
        ("vscode", "linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/Code/User/mcp.json"),
        ("codex", "linux", {"CODEX_HOME": "/codex"}, "/codex/config.toml"),
        ("codex", "darwin", {}, "/home/ana/.codex/config.toml"),
        ("claude-code", "linux", {"CLAUDE_CONFIG_DIR": "/cc"}, "/cc/.claude.json"),
        ("zed", "darwin", {}, "/home/ana/.config/zed/settings.json"),
        ("cursor", "win32", {"USERPROFILE": "/users/ana"}, "/users/ana/.cursor/mcp.json"),
        ("cursor", "linux", {"USERPROFILE": "/users/ana"}, "/home/ana/.cursor/mcp.json"),
    ],
)
def test_every_platform_has_its_place(name: str, platform: str, environment: dict[str, str], expected: str) -> None:
    found = HOSTS[name].config({"HOME": "/home/ana", **environment}, platform)
    assert found.as_posix() == expected


def test_a_claude_desktop_that_windows_installed_as_a_package_is_told_where_it_looks(tmp_path: Path) -> None:
    environment = {"APPDATA": str(tmp_path / "Roaming"), "LOCALAPPDATA": str(tmp_path / "Local")}
    host, usual = HOSTS["claude-desktop"], tmp_path / "Roaming" / "Claude" / "claude_desktop_config.json"
    own = tmp_path / "Local" / "Packages" / "Claude_abc" / "LocalCache" / "Roaming" / "Claude" / usual.name
    own.parents[3].mkdir(parents=True)
    assert host.config(environment, "win32") == usual, "never started"
    own.parent.mkdir(parents=True)
    assert host.config(environment, "win32") == own
    usual.parent.mkdir(parents=True)
    usual.write_text("{}")
    assert host.config(environment, "win32") == usual, "a file in the package would hide this one"
    own.write_text("{}")
    assert host.config(environment, "win32") == own
    assert host.config({"HOME": str(tmp_path), **environment}, "darwin").is_relative_to(tmp_path / "Library")


def test_an_unknown_host_is_told_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput, match="claude-desktop, claude-code"):
        host_named("emacs")


async def test_the_doctor_tells_in_plain_words_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic_mcp.hosts.checking._DEADLINE_SECONDS", 120.0)
    host, config = HOSTS["cursor"], tmp_path / "mcp.json"

    async def last() -> tuple[bool, str]:
        finding = (await check_host(host, config=config))[-1]
        return finding.ok, finding.detail

    assert "Run: mnemic install cursor" in (await last())[1]
    config.write_text("{")
    assert "cannot be read" in (await last())[1]
    config.write_text("{}")
    assert "says nothing of mnemic under mcpServers" in (await last())[1]
    apply(plan(host, config=config, command=["/nowhere/mnemic", "serve"]), now=NOW)
    assert "is not there or may not be run" in (await last())[1]
    apply(plan(host, config=config, command=[sys.executable, "-c", "print('hello')"]), now=NOW)
    ok, detail = await last()
    assert not ok and detail.endswith(f"{sys.executable} -c print('hello')")
    apply(plan(host, config=config, command=server_command(), home=tmp_path / "memory"), now=NOW)
    ok, detail = await last()
    assert ok, detail
    assert detail.startswith("5 tools")


def test_the_command_installs_prints_and_forgets(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "mnemic_mcp.main", "install", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    config = tmp_path / ".cursor" / "mcp.json"
    assert '"mcpServers"' in run("cursor", "--print")
    assert not config.exists()
    assert "Cursor knows mnemic now" in run("cursor")
    entry: Any = json.loads(config.read_text())["mcpServers"]["mnemic"]
    assert Path(entry["command"]).is_absolute()
    assert entry["env"] == {"MNEMIC_HOME": environment["MNEMIC_HOME"]}, "the memory that this command uses"
    assert "knows mnemic already" in run("cursor")
    del environment["MNEMIC_HOME"]
    assert "env" not in json.loads(run("zed", "--print").partition("\n")[2])["context_servers"]["mnemic"]
    assert json.loads(run("cursor", "--uninstall", "--json"))["changed"] is True
    assert "mnemic" not in config.read_text()


def _enable(path: Path, **plugins: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"enabledPlugins": {f"{name}@team": is_on for name, is_on in plugins.items()}}))


def test_a_plugin_of_ours_that_is_enabled_is_noticed_as_the_host_would(tmp_path: Path) -> None:
    host, own = HOSTS["claude-code"], tmp_path / "project" / ".claude"
    environment = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": ""}
    user = tmp_path / ".claude" / "settings.json"

    def found() -> tuple[str, Path] | None:
        return enabled_plugin(host, environment=environment, folder=own.parent)

    assert found() is None
    _enable(user, other=True, mnemicish=True, mnemic=False)
    assert found() is None
    _enable(own / "settings.json", mnemic=True)
    assert found() == ("mnemic@team", own / "settings.json")
    _enable(own / "settings.local.json", mnemic=False)
    assert found() is None
    (own / "settings.local.json").write_text("{ broken = ")
    assert found() == ("mnemic@team", own / "settings.json")
    assert enabled_plugin(HOSTS["cursor"], environment=environment, folder=own.parent) is None


async def test_the_doctor_says_that_plugin_and_entry_together_give_every_tool_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemic_mcp.hosts.checking._DEADLINE_SECONDS", 120.0)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("MNEMIC_HOME", str(tmp_path / "memory"))
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.chdir(tmp_path)
    host = HOSTS["claude-code"]
    _enable(tmp_path / "settings.json", mnemic=True)
    alone = await check_host(host)
    assert all(finding.ok for finding in alone), alone
    assert "brings the server along; no entry is needed" in alone[1].detail
    apply(plan(host, command=server_command()), now=NOW)
    both = (await check_host(host))[-1]
    assert not both.ok and "each tool is there twice" in both.detail and "--uninstall" in both.detail
    _enable(tmp_path / "settings.json", mnemic=False)
    assert all(finding.ok for finding in await check_host(host))


def test_installing_beside_the_plugin_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    _enable(tmp_path / "settings.json", mnemic=True)
    for arguments in (["--print"], []):
        done = CliRunner().invoke(app, ["install", "claude-code", *arguments])
        assert done.exit_code == 0 and "each tool is there twice" in done.stderr
    told = json.loads(CliRunner().invoke(app, ["install", "claude-code", "--json"]).stdout)
    assert "mnemic@team" in told["warning"]
    done = CliRunner().invoke(app, ["install", "claude-code", "--uninstall"])
    assert done.exit_code == 0 and not done.stderr
    _enable(tmp_path / "settings.json", mnemic=False)
    done = CliRunner().invoke(app, ["install", "claude-code"])
    # A plugin that a session is started with stands in no file.
    assert not done.stderr and "--plugin-dir" in done.stdout
