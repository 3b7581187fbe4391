"""SECURITY.md names only tests that exist, and every test of this folder."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.conftest import ROOT

_HERE = Path(__file__)


def _tests_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in names if name.startswith("test_")}


def test_every_row_of_the_attackers_table_names_tests_that_exist() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8").partition("## What attackers try")[2]
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| attack ")]
    assert len(rows) >= 30
    named: set[str] = set()
    for row in rows:
        tests = re.findall(r"`(tests/[^`]+)::(\w+)`", row)
        assert tests, row
        for path, name in tests:
            assert name in _tests_of(ROOT / path), (path, name)
            named.add(name)
    for path in _HERE.parent.glob("test_*.py"):
        if path != _HERE:
            assert _tests_of(path) <= named, path
