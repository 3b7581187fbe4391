"""Writes notes with basic-memory's command line, and asks it what it read in them.

python basic_memory_notes.py OUT_FOLDER BASIC_MEMORY_COMMAND
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTES = [
    ("Coffee Brewing", "drinks", ["coffee", "how-to"], """# Coffee Brewing

Notes on filter coffee – für Ana.

## Observations
- [method] Pour over keeps the clarity #brewing (tested in May)
- [tip] Grind just before brewing
- An ordinary line of a list

## Relations
- requires [[Burr Grinder]]
- contrasts with [[Tea Rituals]] (by Ana)
"""),
    ("Burr Grinder", "drinks", [], """# Burr Grinder

- [fact] Costs 120 € #gear #budget
- part_of [[Kitchen]]
"""),
    ("Tea Rituals", "drinks", ["tea"], "Only prose here, with a link to [[Coffee Brewing]] in it.\n"),
]  # fmt: skip


def main(out: Path, command: str) -> None:
    notes = out / "notes"
    notes.mkdir()
    environment = {
        **os.environ, "HOME": str(out / "unused"), "BASIC_MEMORY_HOME": str(notes), "HF_HUB_OFFLINE": "1",
        "BASIC_MEMORY_CONFIG_DIR": str(out / "unused"), "BASIC_MEMORY_SEMANTIC_SEARCH_ENABLED": "false",
        "BASIC_MEMORY_AUTO_UPDATE": "false", "BASIC_MEMORY_NO_PROMOS": "1",
    }  # fmt: skip

    def tool(*arguments: str, text: str | None = None) -> Any:
        done = subprocess.run(
            [command, "tool", *arguments, "--project", "fixture"], input=text, env=environment, capture_output=True,
            text=True, timeout=100, check=True,
        )  # fmt: skip
        return json.loads(done.stdout)

    added = [command, "project", "add", "fixture", str(notes), "--default"]
    subprocess.run(added, env=environment, check=True, timeout=100, stdout=subprocess.DEVNULL)
    written = []
    for title, folder, tags, content in NOTES:
        labels = [part for tag in tags for part in ("--tags", tag)]
        written.append(tool("write-note", "--title", title, "--folder", folder, *labels, text=content))
    read = [tool("read-note", one["permalink"]) for one in written]
    # Its command line gives notes whole; what it parsed of them stands in its own database.
    (database,) = (out / "unused").rglob("memory.db")
    told: dict[str, Any] = {"notes": read}
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        told["observations"] = [dict(row) for row in connection.execute(
            "SELECT e.title, o.category, o.content, o.context, o.tags FROM observation o "
            "JOIN entity e ON e.id = o.entity_id ORDER BY o.id")]  # fmt: skip
        told["relations"] = [dict(row) for row in connection.execute(
            "SELECT e.title, r.relation_type, r.to_name, r.context, t.title AS to_title FROM relation r "
            "JOIN entity e ON e.id = r.from_id LEFT JOIN entity t ON t.id = r.to_id ORDER BY r.id")]  # fmt: skip
    (out / "reported.json").write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main(Path(sys.argv[1]).resolve(), str(Path(sys.argv[2]).absolute()))
