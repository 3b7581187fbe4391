"""Makes the files beside this one with the real peers: ``make peer-fixtures``.

Each peer is installed in an environment of its own in a temporary folder, by pip or npm, writes a few memories by its own
API, and is asked what it holds. What cannot be installed is told, and its old files stay.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
WRITERS = HERE / "writers"
_MINUTES = 60
# basic-memory needs Python 3.12; mcp-memory-service a Python whose SQLite loads extensions.
PYTHON_312 = os.environ.get("PYTHON312", "python3.12")
PYTHON_EXTENSIONS = os.environ.get("PYTHON_EXTENSIONS", sys.executable)


def run(*command: str | Path, minutes: int = 2, folder: Path | None = None) -> str:
    done = subprocess.run(
        [str(one) for one in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=minutes * _MINUTES,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


def environment(folder: Path, python: str, *packages: str) -> tuple[Path, list[str]]:
    """The Python of a new environment with ``packages``, and what was installed of them."""
    run(python, "-m", "venv", folder)
    inside = folder / "bin" / "python"
    run(inside, "-m", "pip", "install", "--quiet", *packages, minutes=12)
    frozen = run(inside, "-m", "pip", "freeze").splitlines()
    names = {package.split("<")[0].split("=")[0].lower() for package in packages}
    return inside, [line for line in frozen if line.split("==")[0].lower() in names]


def server_memory(work: Path, out: Path) -> list[str]:
    package = "@modelcontextprotocol/server-memory"
    run("npm", "install", "--no-audit", "--no-fund", package, minutes=5, folder=work)
    installed = work / "node_modules" / package
    run(sys.executable, WRITERS / "official_server.py", out, installed / "dist" / "index.js")
    return [f"{package}=={json.loads((installed / 'package.json').read_text())['version']}"]


def mem0(work: Path, out: Path) -> list[str]:
    python, versions = environment(work / "venv", sys.executable, "mem0ai", "chromadb")
    run(python, WRITERS / "mem0_store.py", out)
    shutil.move(out / "chroma" / "chroma.sqlite3", out / "chroma.sqlite3")
    shutil.rmtree(out / "chroma")
    return versions


def memory_service(work: Path, out: Path) -> list[str]:
    python, versions = environment(work / "venv", PYTHON_EXTENSIONS, "mcp-memory-service")
    run(python, WRITERS / "memory_service.py", out)
    return versions


def basic_memory(work: Path, out: Path) -> list[str]:
    python, versions = environment(work / "venv", PYTHON_312, "basic-memory<0.22")
    run(sys.executable, WRITERS / "basic_memory_notes.py", out, python.with_name("basic-memory"), minutes=5)
    return versions


def langgraph(work: Path, out: Path) -> list[str]:
    python, versions = environment(work / "venv", sys.executable, "langgraph-checkpoint-sqlite")
    run(python, WRITERS / "langgraph_store.py", out)
    return versions


PEERS: dict[str, Callable[[Path, Path], list[str]]] = {
    "server-memory": server_memory, "mem0": mem0, "mcp-memory-service": memory_service, "basic-memory": basic_memory,
    "langgraph": langgraph,
}  # fmt: skip


def keep(out: Path, target: Path) -> None:
    """Put what a peer left into the repository: databases packed, nothing that is not read."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.rmtree(out / "unused", ignore_errors=True)
    for path in sorted(one for one in out.rglob("*") if one.is_file()):
        place = target / path.relative_to(out)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".db", ".sqlite3"):
            # Without a time in it, so that the same content gives the same bytes.
            place.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        elif not path.name.endswith(("-wal", "-shm")):
            shutil.copyfile(path, place)


def main(wanted: list[str]) -> int:
    failed = 0
    versions = json.loads((HERE / "versions.json").read_text()) if (HERE / "versions.json").exists() else {}
    for name in wanted or PEERS:
        with tempfile.TemporaryDirectory() as folder:
            work, out = Path(folder) / "work", Path(folder) / "out"
            work.mkdir()
            out.mkdir()
            try:
                versions[name] = PEERS[name](work, out)
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                failed += 1
                print(f"{name}: NOT MADE, {error}")
                continue
            keep(out, HERE / name)
        print(f"{name}: {', '.join(versions[name])}")
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1, sort_keys=True) + "\n")
    size = sum(path.stat().st_size for name in PEERS for path in (HERE / name).rglob("*") if path.is_file())
    print(f"{size / 1e3:.0f} kB together")
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
