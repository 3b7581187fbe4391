"""Protocol checks by others: MCP's conformance suite and inspector, against the served process, in both protocol eras.

    make conformance

Needs Node's npm; the suite's own Node 22 comes with the packages that package.json names. Only scenarios that need no
fixture tools are run: the others test a server written for the suite.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SCENARIOS = {
    "2025-11-25": (
        "server-initialize", "server-session-lifecycle", "ping", "tools-list", "resources-list", "prompts-list",
        "server-sse-multiple-streams", "dns-rebinding-protection",
    ),
    "2026-07-28": (
        "tools-list", "resources-list", "prompts-list", "sep-2164-resource-not-found", "caching",
        "server-sse-multiple-streams", "dns-rebinding-protection", "input-required-result-unsupported-methods",
        "http-header-validation",
    ),
}  # fmt: skip
INSPECTIONS = (
    (("--method", "tools/list", "--strict"), '"recall"'),
    (
        ("--method", "tools/call", "--tool-name", "remember", "--tool-args-json", '{"text":"Ana moved to Lisbon."}'),
        "outcome",
    ),
    (
        ("--method", "tools/call", "--tool-name", "recall", "--tool-args-json", '{"query":"Where does Ana live?"}'),
        "Lisbon",
    ),
    (("--method", "resources/list"), "memory://status"),
    (("--method", "resources/templates/list"), "memory://memories/{id}"),
    (("--method", "resources/read", "--uri", "memory://status"), "embedder"),
    (("--method", "prompts/list"), "save_conversation"),
)


def main(arguments: argparse.Namespace) -> int:
    """Run everything; 0 when all of it passes."""
    with tempfile.TemporaryDirectory() as scratch:
        env = {**os.environ, "PATH": f"{HERE / 'node_modules' / '.bin'}:{os.environ['PATH']}", "HOME": scratch}
        env = {name: value for name, value in env.items() if not name.startswith("MNEMIC_")}
        failures = conformance(arguments.python, Path(scratch), env) + inspections(arguments.python, Path(scratch), env)
    for failure in failures:
        print(f"FAILED {failure}", file=sys.stderr)
    return 1 if failures else 0


def conformance(python: str, scratch: Path, env: dict[str, str]) -> list[str]:
    """The scenarios that failed, with what the suite printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [python, "-m", "mnemic_mcp.main", "serve", "--http", "--port", str(port), "--home", str(scratch / "http")],
        env=env,
    )
    failures = []
    try:
        _wait_for(port)
        for era, scenarios in SCENARIOS.items():
            for scenario in scenarios:
                done = subprocess.run(
                    ["conformance", "server", "--url", f"http://127.0.0.1:{port}/mcp", "--spec-version", era,
                     "--scenario", scenario, "-o", str(scratch / "results")],
                    env=env, capture_output=True, text=True, check=False,
                )  # fmt: skip
                passed = re.search(r"^Passed: ([1-9]\d*/\d+)", done.stdout, re.MULTILINE)
                if done.returncode or not passed:
                    failures.append(f"{era} {scenario}:\n{done.stdout[-2_000:]}{done.stderr[-500:]}")
                else:
                    print(f"ok   conformance {era} {scenario} ({passed[1]})", flush=True)
    finally:
        server.terminate()
        server.wait(10)
    return failures


def inspections(python: str, scratch: Path, env: dict[str, str]) -> list[str]:
    """The inspector's calls that failed."""
    failures = []
    for era in ("legacy", "modern"):
        for arguments, expected in INSPECTIONS:
            done = subprocess.run(
                ["mcp-inspector", "--cli", str(_launcher(python, scratch)), "stdio", "--protocol-era", era, "--format",
                 "json", "-q", *arguments],
                env=env, capture_output=True, text=True, check=False,
            )  # fmt: skip
            what = f"inspector {era} {' '.join(arguments[1:4])}"
            if done.returncode or expected not in done.stdout:
                failures.append(f"{what} (exit {done.returncode}):\n{done.stdout[-1_000:]}{done.stderr[-1_000:]}")
            else:
                print(f"ok   {what}", flush=True)
    return failures


def _launcher(python: str, scratch: Path) -> Path:
    """A command without arguments: the inspector takes the server's options for its own."""
    path = scratch / "mnemic-serve"
    if not path.exists():
        path.write_text(f'#!/bin/sh\nexec "{python}" -m mnemic_mcp.main serve --home "{scratch / "stdio"}"\n')
        path.chmod(0o755)
    return path


def _wait_for(port: int) -> None:
    for _ in range(200):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("the server did not come up")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has mnemic installed")
    sys.exit(main(parser.parse_args()))
