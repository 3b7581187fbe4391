"""Four replicas, one database and one Chroma server on this machine, killed at random under load; ``make replicas``.

    python -m tests.replicas [--kills 100] [--clients 6] [--seconds 20] [--seed 1] [--json FILE]

Exits with 1 when anything acknowledged was lost, was not visible to somebody who answered, or came back after it was erased.
``--seconds 0`` leaves out how much 1, 2 and 4 replicas answer, and how that grows until the database is the limit when every
replica has a tenth of a processor and the database a quarter: machines scaled down until they fit into this one.
``--kills 0`` leaves out the chaos.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import mnemic
from tests.postgres.servers import binary
from tests.replicas.chaos import chaos
from tests.replicas.quotas import Unavailable
from tests.replicas.throughput import Shares, throughput
from tests.replicas.topology import CHROMA

NOT_HERE = 3
_REPLICAS = 4
_CLIENTS_OF_A_REPLICA = 4
_SHARES = Shares(replica=0.1, postgres=0.25)


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
    result: dict[str, Any] = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    result["machine"] = {"python": platform.python_version(), "cpus": os.cpu_count(), "mnemic": mnemic.__version__}
    if options.seconds:
        result["throughput"] = _grown((1, 2, 4), options, None)
        result["scaled_down"] = _grown((1, 2, 4, 6, 8), options, _SHARES)
    if options.kills:
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
    return 0 if not options.kills or is_right(result["chaos"]) else 1


def _grown(counts: Sequence[int], options: argparse.Namespace, shares: Shares | None) -> dict[str, Any]:
    """What so many replicas answer."""
    clients = _CLIENTS_OF_A_REPLICA * max(counts)
    found: dict[str, Any] = {"clients": clients, "seconds": options.seconds, "memories": options.memories}
    if shares is not None:
        found["shares"] = asdict(shares)
    for count in counts:
        with scratch() as folder:
            run = throughput(
                folder,
                replicas=count,
                clients=clients,
                seconds=options.seconds,
                memories=options.memories,
                shares=shares,
            )
            try:
                found[str(count)] = told = asyncio.run(run)
            except Unavailable as reason:
                print(f"not measured: {reason}", flush=True)
                return {**found, "not_measured": str(reason)}
        print(f"{count} replicas{'' if shares is None else ', scaled down'}: {told}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
