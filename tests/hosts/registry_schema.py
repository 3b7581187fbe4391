"""Checks `server.json` with the schema that it names, where that can be fetched: ``python -m tests.hosts.registry_schema``.

``--schema FILE`` gives a copy of it to a machine that reaches no site (modelcontextprotocol/static on GitHub).

Exit code 0 when it conforms, 1 when it does not, 3 when the schema is out of reach, which is said to be no answer.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import jsonschema

SERVER = Path(__file__).parents[2] / "integrations" / "hosts" / "server.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=sys.modules[__name__].__doc__)
    parser.add_argument("--schema", type=Path, help="A copy of the schema that server.json names.")
    copy: Path | None = parser.parse_args().schema
    server = json.loads(SERVER.read_text(encoding="utf-8"))
    try:
        schema = json.loads(copy.read_text(encoding="utf-8")) if copy else _fetched(server["$schema"])
    except (httpx.HTTPError, ValueError) as error:
        print(f"server.json: NOT CHECKED, its schema cannot be fetched ({type(error).__name__}: {error})")
        return 3
    if schema.get("$id") != server["$schema"]:
        print(f"server.json: NOT CHECKED, it names {server['$schema']} and this schema is {schema.get('$id')}")
        return 3
    problems = [
        f"{'/'.join(map(str, one.absolute_path))}: {one.message}"
        for one in jsonschema.Draft7Validator(schema).iter_errors(server)
    ]
    print("\n".join(problems) or "server.json conforms to its schema")
    return 1 if problems else 0


def _fetched(address: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(address, timeout=20, follow_redirects=True).raise_for_status().json()
    return found


if __name__ == "__main__":
    sys.exit(main())
