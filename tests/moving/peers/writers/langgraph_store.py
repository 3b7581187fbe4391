"""Writes items with LangGraph's SqliteStore, and asks it what it holds, as JSON lines of its own ``Item.dict()``.

python langgraph_store.py OUT_FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from langgraph.store.sqlite import SqliteStore

out = Path(sys.argv[1])
with SqliteStore.from_conn_string(str(out / "store.db")) as store:
    store.setup()
    store.put(("users", "ana"), "diet", {"kind": "Memory", "content": "Ana is allergic to peanuts."})
    store.put(("users", "ana"), "home", {"text": "Ana lives in Lisbon.", "since": 2024})
    store.put(("users", "ben"), "settings", {"theme": "dark", "nested": {"volume": 3, "names": ["a", "ü"]}})
    store.put(("users", "ana"), "home", {"text": "Ana lives in Porto.", "since": 2026})
    store.put(("tmp",), "gone", {"text": "nothing"})
    store.delete(("tmp",), "gone")
    items = [item.dict() for path in store.list_namespaces() for item in store.search(path, limit=100)]
lines = [json.dumps({k: v for k, v in item.items() if k != "score"}, ensure_ascii=False) for item in items]
(out / "items.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
