"""Makes the files beside this one: ``make ledger-fixtures``.

The last code of every version of the ledger's schema is checked out into a temporary folder, writes a small ledger by its
own API (`write_ledger.py`) and says what it shows of it. The ledger is kept as SQL, what it shows as JSON. It needs the
history of the repository. A version that is released later is added to `COMMITS` with the commit that was last to write it.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
COMMITS = {
    1: "9dfc5e1",
    2: "ee87dfc",
    3: "b8b1600",
    4: "16cda82",
    5: "89bf2e2",
    6: "5fb77d9",
    7: "36308df",
    8: "77b9b8d",
    9: "764ab31",
}
_PACKAGES = ("plugin", "mcp_server", "integrations", "policies")


def make(version: int, commit: str, folder: Path) -> None:
    code = folder / f"code-{version}"
    code.mkdir()
    archive = subprocess.run(["git", "archive", commit, *_folders(commit)], cwd=ROOT, check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(code)], input=archive.stdout, check=True)
    home = folder / f"home-{version}"
    path = os.pathsep.join(str(code / name) for name in _PACKAGES)
    # Isolated from the code that is installed beside the interpreter: the path goes first.
    done = subprocess.run(
        [sys.executable, str(HERE / "write_ledger.py"), str(home)], cwd=folder, env={**os.environ, "PYTHONPATH": path},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    with sqlite3.connect(home / "ledger.sqlite3") as connection:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        assert found == version, f"{commit} writes version {found}, not {version}"
        # The rows that a virtual table shows are those of its own tables, which are dumped as well.
        shown = tuple(
            f'INSERT INTO "{name}" VALUES'
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
        )
        lines = [line for line in connection.iterdump() if not line.startswith(shown)]
        lines.append(f"PRAGMA user_version = {version};")
    connection.close()
    (HERE / f"version_{version}.sql").write_text("\n".join(lines) + "\n")
    (HERE / f"version_{version}.json").write_text(done.stdout)
    print(f"version {version} by {commit}: {sum(map(len, lines)):,} characters of SQL")


def _folders(commit: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", commit], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return [name for name in listed.stdout.split() if name in _PACKAGES]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        for number, commit_id in COMMITS.items():
            make(number, commit_id, Path(temporary))
