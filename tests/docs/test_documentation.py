"""The documentation runs: every snippet, command, link and generated figure."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT
from tests.docs.context_pictures import words_of
from tests.docs.figures import DOCS, PICTURE, README, generated_parts, picture, with_generated_parts
from tests.ports import free_port
from tests.postgres.servers import PostgresServer

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def blocks(language: str, path: Path = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MNEMIC_HOME": str(tmp_path / "h"),
    }


# docs/langgraph.md is one session of its own: tests/docs/test_langgraph_page.py.
PYTHON_PAGES = (README, DOCS / "python.md", DOCS / "working-memory.md", DOCS / "teams.md", DOCS / "langgraph-parts.md")
PRINTED = (
    "Lisbon", "10:15", "Observation: TP-1 is the cheapest.", "2 episodes, ", "window seats", "Hello.", "no space left",
    "ana has no access to team/ben",
)  # fmt: skip


@pytest.mark.parametrize("code", [code for page in PYTHON_PAGES for code in blocks("python", page)])
def test_every_python_snippet_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert any(expected in done.stdout for expected in PRINTED), done.stdout


def test_no_page_has_a_snippet_that_nobody_runs() -> None:
    """An example in another page than these runs in the page's own test, or not at all."""
    run_elsewhere = {DOCS / "langgraph.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md"}
    assert {page for page in PAGES if blocks("python", page)} <= {*PYTHON_PAGES, *run_elsewhere}


@pytest.mark.parametrize("commands", [block for block in blocks("bash") if "make " not in block])
def test_every_shell_snippet_runs(commands: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment(tmp_path), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "peanuts" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("commands", blocks("bash", ROOT / "docs" / "moving.md"))
def test_the_commands_that_move_memories_run(commands: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment(tmp_path), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "peanuts" in done.stdout


@pytest.mark.parametrize(
    "commands", [block for page in ("teams.md", "guard.md", "learning.md") for block in blocks("bash", DOCS / page)]
)
def test_the_commands_of_other_pages_run(commands: str, tmp_path: Path) -> None:
    subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=environment(tmp_path), check=True)


@pytest.mark.slow
@pytest.mark.parametrize("commands", blocks("bash", ROOT / "docs" / "migrate.md"))
def test_the_commands_that_move_a_memory_to_a_database_run(
    commands: str, tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    database = f"documented_{schema}"
    with psycopg.connect(postgres.url, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")
    env = {**environment(tmp_path), "DATABASE_URL": postgres.url.replace("/postgres", f"/{database}")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "peanuts" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("curl") is None, reason="the page asks its servers with curl, which is not installed here"
)
@pytest.mark.parametrize("commands", blocks("bash", ROOT / "docs" / "replicas.md"))
def test_the_commands_that_start_replicas_run(
    commands: str, tmp_path: Path, postgres: PostgresServer, schema: str
) -> None:
    where = {
        "MNEMIC_DATABASE": postgres.url, "MNEMIC_DATABASE_SCHEMA": schema, "PORT_ONE": str(free_port()),
        "PORT_TWO": str(free_port()),
    }  # fmt: skip
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=tmp_path, env={**environment(tmp_path), **where},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "peanuts" in done.stdout.splitlines()[-1]


@pytest.mark.parametrize("commands", blocks("bash", ROOT / "docs" / "recall-bench.md"))
def test_the_commands_that_measure_recall_run(commands: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("percent with 95 % intervals") == 3


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_policy_loads(text: str) -> None:
    from mnemic.guard.policy.loading import parse_policy

    assert parse_policy(text, source="README.md").name


def test_every_make_target_that_is_named_exists() -> None:
    named = {
        target for page in PAGES for target in re.findall(r"\bmake ([a-z-]+)\b(?!:)", page.read_text(encoding="utf-8"))
    }
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "bench"} <= named & targets
    assert {name for name in named if name in targets or f"`make {name}" in README.read_text()} <= targets


def test_the_host_configuration_starts_the_server(tmp_path: Path) -> None:
    (block,) = blocks("json")
    for entry in json.loads(block)["mcpServers"].values():
        command = shutil.which(entry["command"], path=str(Path(sys.executable).parent))
        assert command
        done = subprocess.run(
            [command, *entry["args"]], input="", env=environment(tmp_path), capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("page", generated_parts(), ids=lambda page: page.name)
def test_the_generated_parts_are_up_to_date(page: Path) -> None:
    assert with_generated_parts(page) == page.read_text(encoding="utf-8"), "run: python -m tests.docs.figures"


def test_the_picture_of_the_numbers_is_up_to_date() -> None:
    assert words_of(picture()) == words_of(PICTURE.read_text(encoding="utf-8")), "run: python -m tests.docs.figures"


def test_what_is_cold_takes_as_much_as_was_measured() -> None:
    found = json.loads((ROOT / "tests" / "benchmarks" / "results" / "cold.json").read_text(encoding="utf-8"))
    told = " | ".join(
        "{before_packed:,} → {after_packed:,}".format(**found[engine]["bytes_a_memory"])
        for engine in ("sqlite", "postgres")
    )
    assert f"| bytes a memory, without gaps | {told} |" in (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
        if (
            target.startswith(("LICENSE", "integrations/", "../integrations/", "../policies/"))
            and not (ROOT / "plugin").exists()
        ):
            continue
        assert (page.parent / target).exists(), target


def test_every_tool_is_in_the_readme() -> None:
    from mnemic import load_settings
    from mnemic_mcp.holder import MemoryHolder
    from mnemic_mcp.tools import create_tools

    text = README.read_text(encoding="utf-8")
    for tool in create_tools(MemoryHolder(load_settings(), transport="test")):
        assert f"| `{tool.name}` |" in text
