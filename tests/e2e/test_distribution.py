"""What the wheel holds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


def test_the_wheel_holds_exactly_our_packages(tmp_path: Path) -> None:
    if not (ROOT / "plugin").is_dir():
        pytest.skip("the sources are not here: this run tests an installed wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {
        "mnemic",
        "mnemic_langgraph",
        "mnemic_mcp",
        "mnemic_policies",
    }
    assert "mnemic/py.typed" in names
    assert {"mnemic_policies/default.yaml", "mnemic_policies/schema/policy.schema.json"} <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.skipif(not (ROOT / ".ci" / "run").exists(), reason="this run tests an installed wheel")
@pytest.mark.skipif(shutil.which("bash") is None, reason="this system has no bash")
def test_the_wheel_that_ci_tests_is_the_one_that_it_built_whatever_lies_in_dist(tmp_path: Path) -> None:
    project, tools = tmp_path / "project", tmp_path / "tools"
    for folder in (project / ".ci", project / "dist", project / "tests" / "conformance", tools):
        folder.mkdir(parents=True)
    for name in ("docs", "deploy", "pyproject.toml", "Makefile", "README.md"):
        (project / name).touch()
    for version in ("0.0.1", "0.0.2"):
        (project / "dist" / f"mnemic-{version}-py3-none-any.whl").touch()
    shutil.copy(ROOT / ".ci" / "run", project / ".ci" / "run")
    # Only the script is run: what it calls writes down with what, and makes the files that the script goes on with.
    fakes = {
        "make": 'for one in "$@"; do case $one in WHEELS=*) to=${one#WHEELS=};; esac; done\n'
        'if [ "$1" = wheel ]; then mkdir -p "${to:-dist}"; touch "${to:-dist}/mnemic-0.0.3-py3-none-any.whl"; fi',
        "uv": 'printf "%s\\0" "$@" >>"$CALLS"\n'
        'if [ "$1" = venv ]; then mkdir -p "${@: -1}/bin"; ln -s "$(type -P true)" "${@: -1}/bin/python"; fi',
        "npm": "exit 1",
    }
    for name, script in fakes.items():
        (tools / name).write_text(f"#!/usr/bin/env bash\n{script}\n")
        (tools / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "CALLS": str(tmp_path / "calls")}
    done = subprocess.run(
        ["bash", ".ci/run"], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    installed = [one for one in (tmp_path / "calls").read_text().split("\0") if one.endswith(".whl")]
    assert [Path(one).name for one in installed] == ["mnemic-0.0.3-py3-none-any.whl"] and "\n" not in installed[0]


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mnemic"), "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("mnemic 0.")
