"""The library costs little: it brings nothing that it does not need, and a step of the projection takes milliseconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.projection_cost import guarded, import_once, steps


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


def test_half_of_the_steps_at_two_hundred_messages_take_at_most_five_milliseconds() -> None:
    assert steps("lean")["p50_ms"] <= 5


async def test_the_guard_checks_a_hundred_memories_in_a_prompt_within_five_milliseconds() -> None:
    # The least: the ledger is read in another thread, which waits for its turn where the machine has other work.
    assert (await guarded())["least_ms"] <= 5
