"""One environment for each system, with pinned versions, in a folder that git ignores; and the model they share."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER_MEMORY = "@modelcontextprotocol/server-memory"
PINNED = {
    "mem0": ("mem0ai==2.2.1", "chromadb==1.5.9", "onnxruntime==1.31.1", "tokenizers==0.23.3"),
    "mcp-memory-service": ("mcp-memory-service[sqlite]==12.2.0",),
    "server-memory": (f"{SERVER_MEMORY}@2026.8.31",),
}
"""What is installed, by the name of the folder. mnemic is this checkout."""

MODEL_FILES = ("model.onnx", "tokenizer.json")
# mcp-memory-service needs a Python whose SQLite loads extensions: Debian's does, pyenv's by default does not.
_PYTHONS = (os.environ.get("PYTHON_EXTENSIONS", ""), sys.executable, "/usr/bin/python3", "python3.12", "python3.13")
_LOADS_EXTENSIONS = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"
_INSTALL_SECONDS = 1_200


class NotInstalled(Exception):
    """A system cannot take part; the text says why."""


def install(name: str, folder: Path) -> None:
    """Make the environment ``name`` in ``folder``, unless it is there with these versions. Raises `NotInstalled`."""
    wanted = json.dumps(PINNED.get(name, ("-e",)))
    stamp = folder / "installed.json"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name == "server-memory":
        _run("npm", "install", "--no-audit", "--no-fund", *PINNED[name], folder=folder)
    else:
        python = _python_with_extensions() if name == "mcp-memory-service" else sys.executable
        _run(python, "-m", "venv", str(folder))
        packages = PINNED.get(name, ("-e", str(ROOT)))
        _run(str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *packages)
    stamp.write_text(wanted)


def version_of(name: str, folder: Path) -> str:
    """The versions of what a system is made of, as they are installed."""
    if name == "server-memory":
        package = json.loads((folder / "node_modules" / SERVER_MEMORY / "package.json").read_text())
        return str(package["version"])
    names = {"mem0": ("mem0ai", "chromadb")}.get(name, (name,))
    code = "import sys; from importlib.metadata import version; print(', '.join(f'{n} {version(n)}' for n in sys.argv[1:]))"
    done = _run(str(folder / "bin" / "python"), "-c", code, *names)
    return done.strip().removeprefix(f"{name} ")


def minilm(cache: Path, given: Path | None) -> Path:
    """The folder with all-MiniLM-L6-v2 as ONNX: ``given``, else what `mnemic models fetch` gets. Raises `NotInstalled`."""
    folder = cache / "home" / "models" / "minilm"
    if given is not None:
        missing = [name for name in MODEL_FILES if not (given / name).is_file()]
        if missing:
            raise NotInstalled(f"{given} has no {' and no '.join(missing)}")
        return given.resolve()
    if not all((folder / name).is_file() for name in MODEL_FILES):
        _run(str(cache / "mnemic" / "bin" / "mnemic"), "models", "fetch", "minilm", "--home", str(cache / "home"))
    return folder


def link_model(model: Path, place: Path) -> None:
    """Let ``place`` hold the model's two files, as links."""
    place.mkdir(parents=True, exist_ok=True)
    for name in MODEL_FILES:
        if not (place / name).exists():
            (place / name).symlink_to(model / name)


def _python_with_extensions() -> str:
    for python in filter(None, _PYTHONS):
        try:
            done = subprocess.run([python, "-c", _LOADS_EXTENSIONS], capture_output=True, check=False, timeout=60)
        except OSError:
            continue
        if done.returncode == 0:
            return python
    raise NotInstalled("it needs a Python whose SQLite loads extensions; name one in PYTHON_EXTENSIONS")


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            [*command], cwd=folder, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalled(f"{command[0]}: {error}") from error
    if done.returncode:
        raise NotInstalled(f"{' '.join(command[:4])} ended with {done.returncode}: {done.stderr[-400:].strip()}")
    return done.stdout
