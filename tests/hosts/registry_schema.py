"""Checks `server.json` with the schema that it names, where that can be fetched: ``python -m tests.hosts.registry_schema``.

Exit code 0 when it conforms, 1 when it does not, 3 when the schema is out of reach, which is said to be no answer.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import httpx
import jsonschema

SERVER = Path(__file__).parents[2] / "integrations" / "hosts" / "server.json"


def main() -> int:
    server = json.loads(SERVER.read_text(encoding="utf-8"))
    try:
        fetched = httpx.get(server["$schema"], timeout=20, follow_redirects=True).raise_for_status()
        schema = fetched.json()
    except (httpx.HTTPError, ValueError) as error:
        print(f"server.json: NOT CHECKED, its schema cannot be fetched ({type(error).__name__}: {error})")
        return 3
    problems = [
        f"{'/'.join(map(str, one.absolute_path))}: {one.message}"
        for one in jsonschema.Draft7Validator(schema).iter_errors(server)
    ]
    print("\n".join(problems) or "server.json conforms to its schema")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
