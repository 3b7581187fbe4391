"""A process that goes on changing the memory of a folder until that is elsewhere.

It says what was acknowledged, and how many seconds the longest round took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from mnemic.errors import LedgerMoved, StoreUnavailable
from tests.migrating.filling import Acknowledged, change, open_home


async def main(home: Path, name: str) -> None:
    done = Acknowledged()
    async with open_home(home) as memory:
        print("ready", flush=True)
        longest = 0.0
        for at in range(1_000_000):
            began = time.monotonic()
            try:
                await change(memory, name, at, done)
            except LedgerMoved as moved:
                refused = [type(moved).__name__, str(moved)]
                break
            except StoreUnavailable as closed:
                assert "on its way" in str(closed) or "locked" in str(closed), closed
            longest = max(longest, time.monotonic() - began)
            if at % 10 == 0:
                print(at, flush=True)
    print(json.dumps({"refused": refused, "longest": longest, **asdict(done)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
