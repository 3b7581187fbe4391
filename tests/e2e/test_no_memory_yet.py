"""What the ``mnemic`` command does where nobody has made a memory: a wrong name must not look like one that lost all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mnemic_mcp.cli.app import app

runner = CliRunner()

LOOKING = [
    ["status"], ["status", "--json"], ["doctor"], ["doctor", "--repair"], ["list"], ["list", "--json"], ["show", "m1"],
    ["history", "m1"], ["recall", "anything"], ["recall", "anything", "--json"], ["export", "-"], ["forget", "m1"],
    ["reindex"], ["cool"], ["prune"], ["inspect", "--no-open"], ["guard", "review"], ["guard", "log"], ["guard", "lessons"],
    ["guard", "explain", "m1"], ["context", "list"], ["context", "show", "trip"], ["context", "stats", "trip"],
    ["context", "log", "trip"], ["experiences", "list"], ["plans", "list"], ["reflect", "prepare"], ["backup", "b.file"],
]  # fmt: skip


@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_looking_into_a_folder_without_a_memory_says_so_and_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], folder: str
) -> None:
    monkeypatch.chdir(tmp_path)
    home = tmp_path / folder
    if folder == "empty":
        home.mkdir()
    there = sorted(tmp_path.rglob("*"))
    result = runner.invoke(app, [*command, "--home", str(home)])
    assert result.exit_code == 1 and result.stdout == ""
    assert f"There is no memory in {home}" in result.stderr and "--home" in result.stderr
    assert sorted(tmp_path.rglob("*")) == there


def test_whoever_named_no_folder_yet_is_told_how_a_memory_comes_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "default"
    monkeypatch.delenv("MNEMIC_HOME")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda *_, **__: str(home))
    asked = runner.invoke(app, ["status"])
    assert asked.exit_code == 0 and f"no memory in {home} yet" in asked.stdout and "mnemic remember" in asked.stdout
    assert json.loads(runner.invoke(app, ["status", "--json"]).stdout)["memories"] == 0
    found = runner.invoke(app, ["recall", "anything"])
    assert found.exit_code == 1 and "mnemic remember" in found.stderr
    assert not home.exists()
    assert runner.invoke(app, ["remember", "Ana lives in Lisbon."]).exit_code == 0
    assert json.loads(runner.invoke(app, ["status", "--json"]).stdout)["memories"] == 1


@pytest.mark.parametrize(
    "command", [["remember", "Ana lives in Lisbon."], ["reflect", "outcome", "Cook", "1"]], ids=" ".join
)
def test_storing_something_makes_the_memory(tmp_path: Path, command: list[str]) -> None:
    home = str(tmp_path / "new")
    assert runner.invoke(app, [*command, "--home", home]).exit_code == 0
    assert runner.invoke(app, ["doctor", "--home", home]).exit_code == 0


def test_imports_make_the_memory(tmp_path: Path) -> None:
    export, notes, chat = tmp_path / "all.jsonl", tmp_path / "notes.jsonl", tmp_path / "chat.json"
    source = str(tmp_path / "source")
    assert runner.invoke(app, ["remember", "Ana lives in Lisbon.", "--home", source]).exit_code == 0
    assert runner.invoke(app, ["export", str(export), "--home", source]).exit_code == 0
    notes.write_text('{"text": "Ben lives in Porto."}\n')
    chat.write_text('[{"role": "user", "content": "Hello."}]')
    for number, arguments in enumerate(
        (
            ["import", str(export)], ["import", str(notes), "--from", "jsonl"],
            ["import", str(notes), "--from", "jsonl", "--dry-run"], ["context", "import", str(chat), "--session", "s"],
        )
    ):  # fmt: skip
        result = runner.invoke(app, [*arguments, "--home", str(tmp_path / f"new{number}")])
        assert result.exit_code == 0, result.output + result.stderr
