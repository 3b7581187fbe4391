"""What the tests of importing share."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from mnemic import Memory
from mnemic.domain.moving.records import token_in
from mnemic.services.moving.taking_over import ImportOutcome

PEERS = Path(__file__).parent / "peers"


def peer_file(name: str, folder: Path) -> Path:
    """A file that a peer wrote; a packed one is unpacked into ``folder``."""
    path = PEERS / name
    if path.exists():
        return path
    target = folder / Path(name).name
    target.write_bytes(gzip.decompress(path.with_name(path.name + ".gz").read_bytes()))
    return target


def reported(name: str) -> Any:
    return json.loads((PEERS / name).read_text(encoding="utf-8"))


async def take_in(memory: Memory, path: Path, format: str, **options: Any) -> ImportOutcome:
    plan = await memory.imports.plan(path, format=format)
    return await memory.imports.run(plan, **options)


async def content_of(memory: Memory) -> Any:
    """All that an export says, but for ids and for when it was written down here."""
    lines = [json.loads(line) async for line in memory.export()]
    names: dict[str, str] = {}
    for line in lines:
        if line["type"] == "memory":
            names[line["id"]] = token_in(line.get("source", "")) or line["text"]
    told = []
    for line in lines:
        written = line.pop("recorded_at", None)
        for name in ("valid_from", "confirmed_at", "superseded_at", "valid_to", "at"):
            if name in ("confirmed_at", "superseded_at", "at") or line.get(name) == written:
                line.pop(name, None)
        told.append(
            {name: names.get(value, value) if isinstance(value, str) else value for name, value in line.items()}
        )
        told[-1].pop("id", None) if line["type"] != "memory" else None
    memories = [line for line in told if line["type"] == "memory"]
    others = sorted(json.dumps(line, sort_keys=True) for line in told if line["type"] != "memory")
    return memories, others
