"""A process that imports one record after the other and says so on stdout; each takes a line of stdin.

python -m tests.moving.import_worker HOME FILE FORMAT
"""

from __future__ import annotations

import asyncio
import sys

import mnemic
from mnemic.services.moving.taking_over import take_over


async def main(home: str, file: str, format: str) -> None:
    async with mnemic.open_memory(home, chroma="off") as memory:
        plan = await memory.imports.plan(file, format=format)

        def advance(done: int) -> None:
            print(done, flush=True)
            sys.stdin.readline()

        await memory.run(take_over, plan, batch=1, advance=advance)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
