"""The library brings nothing that it does not need. What it costs is measured by `tests.benchmarks.projection_cost`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.projection_cost import import_once


def test_importing_the_package_imports_neither_langgraph_nor_the_engine() -> None:
    code = "import sys, mnemic_langgraph; print([n for n in sys.modules if n.startswith(('lang', 'mnemic.'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_module_of_the_library_imports_chromadb(tmp_path: Path) -> None:
    found, _ = import_once(tmp_path)
    assert "mnemic_langgraph.working_memory" in found["modules"]
    assert "chromadb" not in found["loaded"]


def test_showing_messages_needs_no_arrays_and_no_database(tmp_path: Path) -> None:
    """LangGraph's own modules load none of them either, so what is loaded is ours."""
    found, _ = import_once(tmp_path, ["mnemic_langgraph.working_memory", "mnemic_langgraph.nodes"])
    assert found["loaded"] == []
