"""Writes a small ledger with whatever version of mnemic is on the path, and tells what that version shows of it.

python write_ledger.py HOME: runs with the code of old versions, so it uses nothing but what is there in all of them, or
asks first. Prints a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import mnemic

LONG = " ".join(
    f"In chapter {at} the keeper of lighthouse {at * 7} counts {at * 31} lamps and writes them down."
    for at in range(1, 12)
)
SECRET = "quillvane"


async def main(home: str) -> None:
    async with mnemic.open_memory(home, namespace=("old",), chroma="off") as memory:
        kept = await memory.remember("The ferry to Holm island leaves from pier 7", tags=["travel"])
        first = await memory.remember("The archive key hangs behind the green door")
        await memory.supersede(first.id, "The archive key hangs in the locksmith's cabinet")
        gone = await memory.remember("An umbrella waits at the station of Arvika")
        await memory.archive([gone.id])
        doomed = await memory.remember(f"The cellar is opened with {SECRET}")
        await memory.erase([doomed.id])
        await memory.remember(LONG)
        await memory.remember("Error E-4711 in getUserName means that 15kg were exceeded", speaker="Ana", session="s1")
        done: dict[str, Any] = {"session": [], "outcomes": [], "items": {}}
        if hasattr(memory, "session"):
            session = memory.session("old talk")
            await session.append("Please count the lamps of every lighthouse")
            done["session"] = [message.text for message in await session.originals()]
        if hasattr(memory, "learning"):
            await memory.learning.outcome("count the lamps", 1.0, used=[kept.id], key="first")
            done["outcomes"] = ["count the lamps"]
        if hasattr(memory, "items"):
            from mnemic.domain.items import PutItem

            await memory.items.run([PutItem(path=("shelf",), key="k", value={"text": "A copper kettle"})])
            done["items"] = {"k": "A copper kettle"}
        if hasattr(memory, "cool"):
            assert await memory.cool(days=0)
        memories = [json.loads(line) async for line in memory.export()]
        done["memories"] = {one["id"]: one for one in memories if one["type"] == "memory"}
    print(json.dumps(done, indent=1, sort_keys=True, ensure_ascii=False))


asyncio.run(main(sys.argv[1]))
