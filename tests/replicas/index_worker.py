"""A process with the memory of a database open, which answers on stdout what it is asked on stdin.

python -m tests.replicas.index_worker HOME, with the settings in the environment. Questions: ``owns``, ``fed``,
``served_by``, or anything else, which is recalled: the text of the best hit.
"""

from __future__ import annotations

import asyncio
import sys

import mnemic


async def main(home: str) -> None:
    async with mnemic.open_memory(home, namespace=("box",)) as memory:
        follower = memory._opened().follower
        assert follower is not None
        print("ready", flush=True)
        while question := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if question == "owns":
                print(follower.is_owner, flush=True)
            elif question == "fed":
                seq = (await memory.status()).last_seq
                print(follower.wait_until(seq, timeout_seconds=240), flush=True)
            elif question == "served_by":
                print((await memory.status()).index["served_by"], flush=True)
            else:
                hits = (await memory.recall(question, k=1)).hits
                print(hits[0].memory.text if hits else "", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
