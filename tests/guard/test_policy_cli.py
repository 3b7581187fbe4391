"""`mnemic policy` as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mnemic.guard.policy import load_policy, preset_names
from mnemic_mcp.cli.app import app


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["policy", *arguments])


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_passes_its_check(name: str) -> None:
    done = run("check", name)
    assert done.exit_code == 0
    assert load_policy(name).digest in done.stdout


def test_check_tells_every_problem_with_file_line_column_and_path(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("name: ours\nmod: watch\ntrust:\n  user: 2\n")
    done = run("check", str(path))
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    assert first == f"{path}:2:1: mod: 'mod' is not known here. Did you mean 'mode'?"
    assert second.startswith(f"{path}:4:9: trust.user: ")
    assert "2 problems." in done.stderr


def test_check_speaks_json_to_programs(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("name: ours\nmod: watch\n")
    done = run("check", str(path), "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert not found["ok"]
    assert (found["problems"][0]["line"], found["problems"][0]["path"]) == (2, "mod")
    assert json.loads(run("check", "default", "--json").stdout)["ok"]


@pytest.mark.parametrize("command", ["check", "explain"])
def test_a_policy_that_is_not_there_is_an_error_that_names_the_nearest(command: str) -> None:
    done = run(command, "strickt")
    assert done.exit_code == 1
    assert "Did you mean 'strict'?" in done.stderr


def test_explain_says_what_happens_to_whose_text() -> None:
    done = run("explain", "strict")
    assert done.exit_code == 0
    assert "Contested memories are withheld, and the answer says so." in done.stdout
    assert any(
        line.split("\t")[0] == "offtopic-action" and line.endswith("quarantine") for line in done.stdout.splitlines()
    )


def test_explain_speaks_json_to_programs() -> None:
    found = json.loads(run("explain", "default", "--json").stdout)
    assert found["digest"] == load_policy("default").digest
    assert {rule["id"]: rule["untrusted"] for rule in found["rules"]}["secret"] == "redact"


def test_explain_shows_nothing_that_a_terminal_would_obey(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text('name: ours\ndescription: "a\\e[2Jb\\u202Ec [bold]d"\n')
    done = run("explain", str(path))
    assert "a·[2Jb·c [bold]d" in done.stdout


def test_list_names_every_preset() -> None:
    assert [line.split("\t")[0] for line in run("list").stdout.splitlines()] == list(preset_names())
    assert [one["name"] for one in json.loads(run("list", "--json").stdout)] == list(preset_names())
