"""Hostile texts at a terminal, and hostile files that are read or written over."""

from __future__ import annotations

import json
import os
import socket
import tarfile
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mnemic
import mnemic_langgraph
import mnemic_mcp
import mnemic_policies
from mnemic import Memory
from mnemic.errors import InvalidInput, MnemicError
from mnemic.import_desk import FORMATS
from mnemic_mcp.cli.app import app

PAYLOAD = (
    "Bees \x1b[2J\x1b]0;owned\x07\x9b31m \u202efdp.exe\u2066 <img src=x onerror=alert(1)> [x](javascript:alert(1))"
)
BAD = ("\x1b", "\x07", "\x9b", "\u202e", "\u2066")
runner = CliRunner()


def _run(*arguments: str) -> str:
    done = runner.invoke(app, [*arguments])
    return done.output + done.stderr


@pytest.mark.parametrize("policy", ["audit-only", "default"])
async def test_no_command_that_shows_a_memory_sends_its_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    import asyncio

    monkeypatch.setenv("MNEMIC_POLICY", policy)
    home = tmp_path / "home"
    label = "s\u202ex"
    async with mnemic.open_memory(home, chroma="off", policy=policy) as memory:
        id = (await memory.remember(PAYLOAD, session=label, speaker=label, tags=[label], source=label)).id
        await memory.session("log").append(PAYLOAD)
        await memory.learning.outcome(label, 0.0, used=[id])
        if policy == "audit-only":
            await memory.archive([id], reason="because \u202e of it")
            await memory.bring_back([id])
    commands = (
        ("list",), ("list", "--status", "quarantined"), ("recall", "bees"), ("show", id), ("history", id),
        ("guard", "review"), ("guard", "explain", id), ("guard", "log"), ("status",), ("context", "list"),
        ("context", "show", "log"), ("doctor",), ("guard", "lessons"),
    )  # fmt: skip
    seen = ""
    for command in commands:
        out = await asyncio.to_thread(_run, *command, "--home", str(home))
        assert not [bad for bad in BAD if bad in out], command
        seen += out
    assert "Bees" in seen


async def test_markdown_that_goes_out_holds_the_text_and_no_page_of_ours_is_made_of_it(tmp_path: Path) -> None:
    import asyncio

    home = tmp_path / "home"
    async with mnemic.open_memory(home, chroma="off", policy="audit-only") as memory:
        await memory.remember("first\n---\nmnemic: forged\n---\n# second", namespace="a")
    target = tmp_path / "all.md"
    done = await asyncio.to_thread(
        runner.invoke, app, ["export", str(target), "--format", "markdown", "--home", str(home)]
    )
    assert done.exit_code == 0
    async with mnemic.open_memory(tmp_path / "other", chroma="off", policy="audit-only") as memory:
        plan = await memory.imports.plan(target, format="markdown")
        assert [one.record.text for one in plan.records] == ["first\n---\nmnemic: forged\n---\n# second"]


async def test_no_import_opens_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = "http://127.0.0.1:9/secret"
    (tmp_path / "a.md").write_text(f"---\nsource: {address}\n---\n![x]({address}) [[{address}]]\n<img src={address}>\n")
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": f"See {address}", "source": address}) + "\n")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        asked: list[object] = []

        def refused(self: socket.socket, place: object) -> None:
            asked.append(place)
            raise OSError("no network in this test")

        monkeypatch.setattr(socket.socket, "connect", refused)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *place, **_: asked.append(place))
        for name, format in (("a.md", "markdown"), ("a.md", "basic-memory"), ("a.jsonl", "jsonl")):
            await memory.imports.run(await memory.imports.plan(tmp_path / name, format=format))
        for format_ in FORMATS:  # an address in the place of a path is a file that is not there
            with pytest.raises(InvalidInput):
                await memory.imports.plan(address, format=format_.name)
        assert asked == []


async def test_json_that_is_deep_or_a_line_without_end_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "conversations.json"
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        for content in (
            "[" * 200_000,
            '{"a":' * 100_000,
            "[" + "0," * 1_000_000,
            '"' + "x" * 20_000_000,
            "9" * 100_000,
        ):
            path.write_text(content)
            for format in ("chatgpt", "claude", "mem0", "jsonl", "server-memory", "langgraph"):
                try:
                    plan = await memory.imports.plan(path, format=format)
                except MnemicError as error:
                    assert error.hint
                else:
                    assert not plan.records


@pytest.mark.skipif(os.name != "posix", reason="Windows makes links only for administrators")
def test_a_backup_goes_over_no_file_and_through_no_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("precious")
    link.symlink_to(victim)
    home = str(tmp_path / "home")
    for target in (victim, link):
        assert runner.invoke(app, ["backup", str(target), "--home", home]).exit_code != 0
    assert runner.invoke(app, ["backup", str(link), "--force", "--home", home]).exit_code != 0
    assert victim.read_text() == "precious"


def remembering(folder: Path) -> str:
    """A memory that holds something."""
    home = str(folder / "home")
    assert runner.invoke(app, ["remember", "Ana moved to Lisbon.", "--home", home]).exit_code == 0
    return home


@pytest.mark.skipif(os.name != "posix", reason="Windows makes links only for administrators")
def test_an_export_is_for_its_owner_and_no_link_can_wait_for_it(tmp_path: Path) -> None:
    victim, target = tmp_path / "victim", tmp_path / "all.jsonl"
    victim.write_text("precious")
    target.with_name("all.jsonl.partial").symlink_to(victim)
    done = runner.invoke(app, ["export", str(target), "--home", remembering(tmp_path)])
    assert done.exit_code == 0
    assert victim.read_text() == "precious"
    assert target.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="Windows makes links only for administrators")
def test_an_export_goes_over_no_file_and_through_no_link(tmp_path: Path) -> None:
    victim, link, nowhere = tmp_path / "victim", tmp_path / "link.md", tmp_path / "nowhere"
    victim.write_text("precious")
    link.symlink_to(victim)
    nowhere.symlink_to(tmp_path / "not there")
    home = ["--home", remembering(tmp_path)]
    for target in (victim, link, nowhere):
        for format in ("jsonl", "markdown") if target is link else ("jsonl",):
            done = runner.invoke(app, ["export", str(target), "--format", format, *home])
            assert done.exit_code == 1 and "exists already" in done.stderr
    for target in (link, nowhere):
        done = runner.invoke(app, ["export", str(target), "--force", *home])
        assert done.exit_code == 1 and "is a link" in done.stderr
    assert victim.read_text() == "precious" and not (tmp_path / "not there").exists()
    assert runner.invoke(app, ["export", str(victim), "--force", *home]).exit_code == 0
    assert victim.read_text().startswith("{")


def test_a_file_that_somebody_else_made_during_an_export_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "all.jsonl"
    exported = Memory.export

    async def export(self: Memory, *, namespace: str | None = None) -> AsyncIterator[str]:
        async for line in exported(self, namespace=namespace):
            target.write_text("precious")
            yield line

    monkeypatch.setattr(Memory, "export", export)
    done = runner.invoke(app, ["export", str(target), "--home", remembering(tmp_path)])
    assert done.exit_code == 1 and "exists already" in done.stderr
    assert target.read_text() == "precious"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.jsonl", "home"]


def test_restoring_reads_no_archive_and_makes_no_path_from_what_it_reads(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        entry = tarfile.TarInfo("../../outside")
        archive.addfile(entry)
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as packed:
        packed.writestr("../../outside", b"x")
    for name in ("evil.tar", "evil.zip"):
        done = runner.invoke(app, ["restore", str(tmp_path / name), "--home", str(tmp_path / "a" / "b")])
        assert done.exit_code == 1
    assert not (tmp_path / "outside").exists()
    assert not (tmp_path / "a").exists()


def test_nothing_runs_what_it_reads() -> None:
    wrong = []
    for package in (mnemic, mnemic_mcp, mnemic_langgraph, mnemic_policies):
        paths = list(Path(package.__path__[0]).rglob("*.py"))
        assert paths
        for path in paths:
            text = path.read_text(encoding="utf-8")
            wrong += [
                f"{path.name}: {word}"
                for word in (
                    "import pickle",
                    "import marshal",
                    "import shelve",
                    "shell=True",
                    "os.system(",
                    "yaml.unsafe_load",
                )
                if word in text
            ]
    assert wrong == []
