"""One process of the storm: remembers texts one after the other and says on stdout which were acknowledged.

python -m tests.faults.storm_worker FOLDER NAME COUNT
"""

from __future__ import annotations

import asyncio
import sys

import mnemic


async def main(folder: str, name: str, count: int) -> None:
    async with mnemic.open_memory(
        folder, namespace=("storm",), chroma_from_memories=500, chroma_poll_seconds=0.05
    ) as memory:
        print("ready", flush=True)
        for at in range(count):
            text = f"{name} wrote note {at}: {_words(name, at)}"
            receipt = await memory.remember(text)
            if at % 7 == 0:
                await memory.remember(text)
            if at % 50 == 0:
                await memory.recall(text, k=1)
            print(f"{receipt.id}\t{text}", flush=True)
    print("done", flush=True)


def _words(name: str, at: int) -> str:
    """Some words, different for every note."""
    syllables = ("ba", "ke", "lo", "mu", "ni", "po", "ra", "si", "tu", "ve")
    number = hash_of(name) * 100_003 + at * 7_919
    return " ".join(
        "".join(syllables[(number // 10**place) % 10] for place in range(at, at + 3)) for at in range(0, 12, 3)
    )


def hash_of(name: str) -> int:
    return sum(ord(char) * 31**place for place, char in enumerate(name))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
