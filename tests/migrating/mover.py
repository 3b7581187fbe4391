"""A process that moves a memory and dies, as by ``kill -9``, where it is told to.

python -m tests.migrating.mover HOME DATABASE SCHEMA [CLASS.METHOD CALL before|after]
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

from mnemic.migration import migrate_memory
from mnemic.storage.migrating.source import Source
from mnemic.storage.migrating.target import Target

_CLASSES: dict[str, type] = {"Source": Source, "Target": Target}


def die_at(place: str, call: int, when: str) -> None:
    """Have this process die with the call number ``call`` of a method, from 1."""
    of, name = place.split(".")
    method = getattr(_CLASSES[of], name)
    calls = 0

    def dying(*args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(*args, **named)
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(_CLASSES[of], name, dying)


if __name__ == "__main__":
    home, database, schema, *death = sys.argv[1:]
    if death:
        die_at(death[0], int(death[1]), death[2])
    report = migrate_memory(database, schema=schema, home=home)
    print(json.dumps({"rows": report.rows, "export": report.export_sha256, "closed": report.closed_seconds}))
