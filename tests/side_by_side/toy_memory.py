"""A memory with faults that are known, to see whether the driver finds them.

    python toy_memory.py FILE FORGETS REFUSES

Every FORGETS-th write is acknowledged and not stored, every REFUSES-th answered with an error; 0 is never.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

path, forgets, refuses = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
writes = 0


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    global writes
    if name == "remember":
        writes += 1
        if refuses and writes % refuses == 0:
            return {"isError": True, "content": [{"type": "text", "text": "busy"}]}
        if not (forgets and writes % forgets == 0):
            with path.open("a", encoding="utf-8") as file:
                file.write(arguments["text"] + "\n")
        return {}
    held = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {"structuredContent": {"value": [text for text in held if arguments.get("query", "") in text]}}


print("a line that is no protocol", flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if "id" not in request:
        continue
    result: dict[str, Any] = {"tools": [{"name": "remember"}]}
    if request["method"] == "tools/call":
        result = call(request["params"]["name"], request["params"]["arguments"])
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
