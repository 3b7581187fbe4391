"""The server's process on stdio: what it writes, what it imports, when it starts and when it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.servers import (
    INITIALIZE,
    INITIALIZED,
    SERVE,
    RawServer,
    importing_nothing_by_itself,
    without_signals,
)
from tests.waiting import until


def test_nothing_but_protocol_is_ever_written_to_stdout(tmp_path: Path) -> None:
    """Warnings, prints, raw writes to descriptor 1, errors and a crash inside a tool: all of it stays off the wire."""
    script = f"""
import os, sys, warnings
sys.argv = ["mnemic", "serve", "--home", {str(tmp_path)!r}]
import mnemic.memory
real = mnemic.memory.Memory.recall
async def noisy(self, query, **options):
    if query == "crash":
        print("noise by print", flush=True)
        print("noise that stays in a buffer")
        os.write(1, b"noise by descriptor\\n")
        os.system("echo noise by child")
        warnings.warn("noise by warning")
        import logging; logging.getLogger("x").error("noise by log")
        raise RuntimeError("secret detail")
    return await real(self, query, **options)
mnemic.memory.Memory.recall = noisy
from mnemic_mcp.main import main
main()
"""
    server = RawServer(tmp_path, command=(sys.executable, "-W", "always", "-X", "dev", "-c", script))
    server.handshake()
    server.call(2, "remember", text="Ana moved to Lisbon.")
    crashed = server.call(3, "recall", query="crash")
    assert crashed["isError"]
    assert "secret" not in json.dumps(crashed)
    server.send(b"this is not JSON", b"\xff\xfe", {"jsonrpc": "2.0", "id": 4, "method": "no/such"})
    server.answer(4)
    assert server.call(5, "recall", query="Where is Ana?")["structuredContent"]["memories"]
    stdout, stderr = server.finish()
    assert stdout.endswith(b"\n")
    for line in stdout.decode("utf-8").split("\n")[:-1]:
        assert json.loads(line)["jsonrpc"] == "2.0"
    for noise in (b"noise by print", b"noise by descriptor", b"noise by child", b"noise by warning", b"noise by log"):
        assert noise in stderr


def test_nothing_heavy_is_imported_before_the_tools_are_listed(tmp_path: Path) -> None:
    server = RawServer(tmp_path, command=importing_nothing_by_itself(tmp_path))
    server.send(INITIALIZE, INITIALIZED, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
    assert server.answer(2)["result"]["tools"]
    server.process.kill()
    _, stderr = server.finish()
    imported = {line.split("|")[-1].strip() for line in stderr.decode().splitlines() if line.startswith("import time")}
    assert "mnemic_mcp.server" in imported
    heavy = {"chromadb", "onnxruntime", "tokenizers", "langchain", "langchain_core", "numpy", "tiktoken", "sqlite3"}
    assert not heavy & {name.split(".")[0] for name in imported}


def _ends(server: RawServer) -> None:
    assert server.process.wait(timeout=60) == 0
    server.let_go()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_it_ends_on_a_signal(tmp_path: Path, name: str) -> None:
    server = RawServer(tmp_path)
    server.handshake()
    server.call(2, "remember", text="before the end")
    server.process.send_signal(getattr(signal, name))
    _ends(server)


def test_it_ends_on_an_interrupt_where_the_event_loop_knows_no_signals(tmp_path: Path) -> None:
    server = RawServer(tmp_path, command=without_signals(tmp_path))
    server.handshake()
    server.call(2, "remember", text="before the end")
    server.process.send_signal(signal.SIGINT)
    _ends(server)
    assert not (tmp_path / "ledger.sqlite3-wal").exists(), "the memory was closed"


def test_it_ends_when_stdin_ends(tmp_path: Path) -> None:
    server = RawServer(tmp_path)
    server.handshake()
    assert server.process.stdin is not None
    server.process.stdin.close()
    _ends(server)


async def test_it_ends_when_its_parent_is_gone_though_stdin_stays_open(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    parent = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys, time\n"
         "child = subprocess.Popen(sys.argv[1:], stdin=0, stdout=subprocess.DEVNULL)\n"
         "print(child.pid, flush=True)\ntime.sleep(600)", *SERVE, "--home", str(tmp_path)],
        stdin=read_end, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    # The child must have seen its parent before the parent dies.
    os.write(write_end, (json.dumps(INITIALIZE) + "\n").encode())
    await until(lambda: (tmp_path / "ledger.sqlite3").exists())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    await until(lambda: not _is_running(child))
    os.close(read_end)
    os.close(write_end)


def test_a_second_server_starts_while_the_first_is_in_the_middle_of_a_write(tmp_path: Path) -> None:
    import sqlite3

    with RawServer(tmp_path) as first:
        first.call(2, "remember", text="one")
        lock = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with RawServer(tmp_path) as second:
            assert second.call(2, "recall", query="one")["structuredContent"]["memories"]
        lock.execute("ROLLBACK")
        lock.close()


def _is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if not status.parent.parent.exists():
        pytest.skip("needs /proc to see another process's child")
    return status.exists() and status.read_text().split()[2] != "Z"


def test_the_demo_shows_everything_in_under_twenty_seconds() -> None:
    """Of processor time, its servers' included: what else the machine does meanwhile is not its fault."""
    began = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "mnemic_mcp.main", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    ended = os.times()
    assert done.returncode == 0, done.stderr
    spent = ended.children_user + ended.children_system - began.children_user - began.children_system
    assert spent < 20
    for shown in ("Lisbon", "peanuts", "10:15", "9:30", "Cleo waters the office plants", "Nothing relevant"):
        assert shown in done.stdout
