"""What the wheel holds."""

from __future__ import annotations

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


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mnemic"), "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("mnemic 0.")
