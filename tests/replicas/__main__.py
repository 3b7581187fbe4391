"""Four replicas, one database and one Chroma server on this machine, killed at random under load; ``make replicas``.

    python -m tests.replicas [--kills 100] [--clients 6] [--seconds 20] [--seed 1] [--json FILE]

Exits with 1 when anything acknowledged was lost, was not visible to somebody who answered, or came back after it was erased.
``--seconds 0`` leaves out how much 1, 2 and 4 replicas answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import mnemic
from tests.postgres.servers import binary
from tests.replicas.chaos import chaos
from tests.replicas.throughput import throughput
from tests.replicas.topology import CHROMA

NOT_HERE = 3
_REPLICAS = 4


@contextmanager
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mnemic-replicas-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # PostgreSQL runs as somebody else where the tests run as root
        yield Path(folder)


def is_right(found: dict[str, Any]) -> bool:
    """Whether a chaos run showed what it must."""
    held = not (found["lost"] or found["ghosts"] or found["wrong"] or found["doubled"])
    return held and found["healthy"] and found["chroma_caught_up"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.replicas", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--memories", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if binary("postgres") is None or not CHROMA.exists():
        print("Nothing was tried: the programs postgres, initdb and chroma must be installed.")
        return NOT_HERE
    result: dict[str, Any] = {
        "machine": {"python": platform.python_version(), "cpus": os.cpu_count(), "mnemic": mnemic.__version__}
    }
    if options.seconds:
        result["throughput"] = {"clients": 16, "seconds": options.seconds, "memories": options.memories}
        for count in (1, 2, 4):
            with scratch() as folder:
                told = asyncio.run(
                    throughput(folder, replicas=count, clients=16, seconds=options.seconds, memories=options.memories)
                )
            result["throughput"][str(count)] = told
            print(f"{count} replicas: {told}", flush=True)
    with scratch() as folder:
        result["chaos"] = asyncio.run(
            chaos(
                folder,
                replicas=_REPLICAS,
                kills=options.kills,
                clients=options.clients,
                seed=options.seed,
                told=partial(print, flush=True),
            )
        )
    print(json.dumps(result["chaos"], indent=1))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0 if is_right(result["chaos"]) else 1


if __name__ == "__main__":
    sys.exit(main())
