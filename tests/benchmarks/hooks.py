"""What the hook of a session's start costs: the whole process, beside a Python that does nothing, in the same run."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from mnemic_mcp.hooks.prepared import folder, write


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds, medians of ``rounds`` runs in turn."""
    with tempfile.TemporaryDirectory() as home:
        write(folder(Path(home), "/project") / "context.md", "What is known. " * 400)
        told = json.dumps({"hook_event_name": "SessionStart", "cwd": "/project"})
        environment = {**os.environ, "MNEMIC_HOME": home}
        commands = {"hook": ["-m", "mnemic_mcp.hooks.main"], "bare": ["-c", "pass"]}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, arguments in commands.items():
                begin = time.perf_counter()
                subprocess.run(
                    [sys.executable, *arguments],
                    input=told,
                    text=True,
                    env=environment,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                times[name].append((time.perf_counter() - begin) * 1e3)
    return {"rounds": rounds, **{f"{name}_p50_ms": round(median(found), 1) for name, found in times.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = measure(arguments.rounds)
    print(f"session start {result['hook_p50_ms']} ms, Python alone {result['bare_p50_ms']} ms")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
