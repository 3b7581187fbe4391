"""Claude Code itself, run without a screen in a scratch folder, against a model that is faked."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "integrations" / "hosts" / "claude-code"
TOOL = "mcp__plugin_mnemic_mnemic__"
_BIN = Path(sys.executable).parent
_ALLOWED = ",".join(("Bash", "Read", "Write", "Agent", *(f"{TOOL}{name}" for name in ("remember", "recall"))))
_NOWHERE = "http://127.0.0.1:9"
# Every hook goes through a copy of itself that writes down what it was told, what it answered and how long it took.
_RECORDER = """#!{python}
import json, os, subprocess, sys, time
told = sys.stdin.read()
try:
    lines = open(json.loads(told)["transcript_path"]).read().count("\\n")
except OSError:
    lines = 0
begin = time.perf_counter()
done = subprocess.run([{hook!r}], input=told, capture_output=True, text=True)
line = {{"told": json.loads(told), "answered": done.stdout, "stderr": done.stderr, "exit": done.returncode,
         "milliseconds": round((time.perf_counter() - begin) * 1e3), "lines": lines,
         "project": os.environ.get("CLAUDE_PROJECT_DIR")}}
with open({heard!r}, "a") as file:
    file.write(json.dumps(line) + "\\n")
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
"""


def find_claude() -> list[str] | None:
    """The command of Claude Code: what CLAUDE_COMMAND says, else ``claude`` on the PATH; None where neither is."""
    named = os.environ.get("CLAUDE_COMMAND")
    if named:
        return shlex.split(named)
    found = shutil.which("claude")
    return [found] if found else None


class Pipe:
    """A session of Claude Code that goes on while it is spoken to. ``session`` is its id, once it has told anything."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.session = ""

    def tell(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message) + "\n")
        self._process.stdin.flush()

    def hear(self, kind: str | None = None) -> None:
        """All that it tells until something of the kind, or its end."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self.session = told.get("session_id") or self.session
            if told["type"] == kind:
                return

    def end(self) -> None:
        """Nothing more is told: it answers what it was told and ends."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self.hear()
        self._process.wait(timeout=180)

    def kill(self) -> None:
        """At once, with all that it started and that did not leave its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.wait(timeout=180)


class ClaudeCode:
    """A user's machine below ``root``: a home, a project folder, a memory, and our plugin with its hooks on the PATH."""

    def __init__(self, command: list[str], root: Path, url: str) -> None:
        self.root, self.command = root, command
        self.home, self.project, self.memory = root / "home", root / "shop", root / "memory"
        for folder in (self.home, self.project, root / "bin"):
            folder.mkdir(parents=True, exist_ok=True)
        self._heard = root / "heard.jsonl"
        recorder = root / "bin" / "mnemic-hook"
        hook = str(_BIN / "mnemic-hook")
        recorder.write_text(_RECORDER.format(python=sys.executable, hook=hook, heard=str(self._heard)))
        recorder.chmod(0o755)
        (root / "bin" / "mnemic").symlink_to(_BIN / "mnemic")
        node = shutil.which("node")
        folders = [str(root / "bin"), *([str(Path(node).parent)] if node else []), os.defpath, "/usr/bin", "/bin"]
        self.environment = {
            "HOME": str(self.home), "PATH": os.pathsep.join(folders), "LANG": "C.UTF-8",
            "MNEMIC_HOME": str(self.memory), "ANTHROPIC_API_KEY": "x", "ANTHROPIC_BASE_URL": url,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1",
            "DISABLE_ERROR_REPORTING": "1", "HTTPS_PROXY": _NOWHERE, "HTTP_PROXY": _NOWHERE, "NO_PROXY": "127.0.0.1",
        }  # fmt: skip

    def version(self) -> str:
        return self.run("--version").split()[0]

    def run(self, *arguments: str, input: str = "", is_well: bool = True) -> str:
        """What the program prints. Whatever its hooks began has ended."""
        done = subprocess.run(
            [*self.command, *arguments], input=input, capture_output=True, text=True, check=False, timeout=180,
            cwd=self.project, env=self.environment,
        )  # fmt: skip
        assert (done.returncode == 0) is is_well, (arguments, done.stdout[-2_000:], done.stderr[-2_000:])
        self._wait()
        return done.stdout

    def ask(self, prompt: str, *arguments: str, is_well: bool = True) -> dict[str, Any]:
        """One prompt, answered; what the program tells of it at its end."""
        told = self.run(
            "--plugin-dir", str(PLUGIN), "-p", prompt, "--output-format", "json", "--permission-mode", "acceptEdits",
            "--allowedTools", _ALLOWED, *arguments, is_well=is_well,
        )  # fmt: skip
        found: dict[str, Any] = json.loads(told)
        return found

    @contextmanager
    def open(self) -> Iterator[Pipe]:
        """A session that is told and tells one JSON object a line; it ends with the block, and all that its hooks began."""
        process = subprocess.Popen(
            [*self.command, "--plugin-dir", str(PLUGIN), "-p", "--verbose", "--input-format", "stream-json",
             "--output-format", "stream-json", "--permission-mode", "acceptEdits", "--allowedTools", _ALLOWED],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=self.project, env=self.environment,
            start_new_session=True,
        )  # fmt: skip
        pipe = Pipe(process)
        try:
            yield pipe
            pipe.end()
        finally:
            pipe.kill()
        self._wait()

    def heard(self) -> list[dict[str, Any]]:
        """What the hooks were told and answered, in the order in which they ended."""
        return [json.loads(line) for line in self._heard.read_text().splitlines()] if self._heard.exists() else []

    def transcripts(self) -> list[Path]:
        """The transcripts of sessions, oldest first."""
        found = (self.home / ".claude" / "projects").glob("*/*.jsonl")
        return sorted(found, key=lambda path: path.stat().st_ctime_ns)

    def _wait(self) -> None:
        """A hook begins its process before it returns, and the program waits for its hooks: none can be missed."""
        psutil.wait_procs([process for process in psutil.process_iter() if self._is_ours(process)], timeout=60)

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            named = "mnemic_mcp.hooks.main" in process.cmdline()
            return named and process.environ().get("MNEMIC_HOME") == str(self.memory)
        except psutil.Error:
            return False
