"""The examples do what they say, each in a process of its own that reaches no network and that no warning escapes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

EXAMPLES = ROOT / "integrations" / "examples"
NAMES = ("guarded_team", "long_horizon_tools", "multi_session_assistant", "retry_until_learnt")

pytestmark = pytest.mark.skipif(
    not EXAMPLES.exists(), reason="integrations/examples is not in the wheel, and the sources are not here"
)

NO_NETWORK = """
import socket

connect = socket.socket.connect

def guarded(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise AssertionError(f"an example tried to reach {address}")
    connect(self, address)

socket.socket.connect = guarded
"""
PROVIDER = """
from mnemic_langgraph.testing import ScriptedChatModel

class ChatOpenAI(ScriptedChatModel):
    def __init__(self, model, **settings):
        super().__init__(script=lambda messages: f"I am {model}.")
"""


def run(name: str, folder: Path, **environment: str) -> str:
    """What an example prints, piped."""
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")], cwd=folder, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8", **environment},
        encoding="utf-8", timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout, "plain when it is piped"
    return done.stdout


def test_every_example_is_tested() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.py")) == sorted(NAMES)


def test_the_long_horizon_agent_files_the_same_with_half_of_the_tokens(tmp_path: Path) -> None:
    said = run("long_horizon_tools", tmp_path)
    rows = [re.findall(r"[\d,]+|-\d+%", line) for line in said.splitlines() if line.startswith("│")]
    prompts = [[int(cell.replace(",", "")) for cell in row] for row in rows[:-1]]
    without, with_it = [row[1] for row in prompts[:-1]], [row[-1] for row in prompts]
    assert len(prompts[-1]) == 2, "what was folded is searched for, which takes one prompt more"
    assert rows[-1][:2] == [f"{sum(without):,}", f"{sum(with_it):,}"]
    assert sum(with_it) < 0.5 * sum(without)
    assert with_it[0] > without[0], "the descriptions of the tools are counted"
    assert max(with_it) < 0.5 * max(without)
    for name in ("Without", "With"):
        assert f"{name}: 16 of 16 build numbers are right. Who signed the scan of catalog off? Cleo did." in said


def test_the_assistant_knows_in_the_second_thread_what_was_said_in_the_first(tmp_path: Path) -> None:
    first, second = run("multi_session_assistant", tmp_path).split("Thread saturday")
    assert "recalled" not in first
    recalled = [line for line in second.splitlines() if line.startswith("recalled")]
    assert [line for line in recalled if "Mia is allergic to walnuts" in line and "origin: user" in line]
    assert "Assistant No walnuts: Mia is allergic to them." in second
    assert "Assistant For four." in second
    assert "The memory holds 8 messages of 2 sessions." in second


def test_the_team_follows_poison_only_where_the_guard_does_no_more_than_watch(tmp_path: Path) -> None:
    said = run("guarded_team", tmp_path)
    assert "With the policy audit-only the plan is: Book Hotel Bellevue." in said
    assert "With the policy default the plan is: Book Hotel Aurora." in said
    rows = {
        cells[0][0]: [" ".join(filter(None, cell)) for cell in cells[1:]]
        for block in re.split(r"[├└┡][^\n]*", said.partition("Aurora.\n")[2])
        if (cells := [*zip(*([c.strip() for c in line.split("│")[1:4]] for line in block.splitlines() if "│" in line),
                           strict=True)])
    }  # fmt: skip
    assert set(rows) == {"user desk", "mail clerk", "tool booker", "web guide", "web crawler"}
    shown, why = rows["web crawler"]
    assert shown == "withheld until a person has looked at it"
    assert "a directive to ignore what was said before" in why
    assert "contradiction: a memory, which is trusted, says otherwise" in rows["mail clerk"][1]
    assert rows["user desk"] == ["The budget for the team's hotel in Porto is 100 euros a night.", ""]
    assert not any("always book" in cell for row in rows.values() for cell in row)


def test_what_the_first_task_taught_makes_the_second_succeed_at_once(tmp_path: Path) -> None:
    first, second = run("retry_until_learnt", tmp_path).split("Cancel booking MRTWLA")
    assert "Experiences of earlier tasks to begin with: 0." in first
    assert "Attempt 1 failed." in first and "needs the change token of look_up_booking" in first
    assert "token from the result of look_up_booking" in first.partition("Stored:")[2]
    assert "Done in attempt 2." in first
    assert "Experiences of earlier tasks to begin with: 1." in second and "failed" not in second
    assert "Done in attempt 1." in second


@pytest.mark.parametrize("name", NAMES)
def test_an_environment_variable_brings_another_model_and_nothing_else_changes(name: str, tmp_path: Path) -> None:
    (tmp_path / "langchain_openai.py").write_text(PROVIDER)
    said = run(name, tmp_path, MNEMIC_EXAMPLE_MODEL="openai:gpt-5-mini")
    if name == "retry_until_learnt":
        assert said.count("Not done in attempt 4.") == 2, "who only talks has cancelled nothing"
    else:
        assert "I am gpt-5-mini." in said
        assert "16 of 16" not in said and "For four" not in said and "Bellevue" not in said
