"""What recall costs in a PostgreSQL ledger of many namespaces.

    python -m tests.benchmarks.many_namespaces [--namespaces 1000] [--each 1000] [--templates 20] [--json FILE]

Some namespaces are remembered by the public API; the others are copies of them, made by SQL, since what is measured is
recall: every row, word, vector and count is there as if each had been remembered. A process is asked in namespaces drawn at
random: first in each, then again with other questions. The floor is what no recall can do without: the snapshot, one search
for words in the namespace and one exact scan of its vectors.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import json
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

import mnemic
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.text import search_words
from mnemic.services.backends import Backends
from mnemic.testing.corpus import Corpus
from tests.benchmarks.cost import BATCH, quantiles
from tests.postgres.servers import postgres_server

SCHEMA = "bench"
QUESTIONS = 400


def copy_templates(connection: psycopg.Connection[Any], templates: int, each: int, namespaces: int) -> None:
    """Make copies of the first ``templates`` namespaces until there are ``namespaces``."""
    columns = [
        row[0]
        for row in connection.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'memories'",
            (SCHEMA,),
        )
    ]
    copied = {
        "key": "m.key + {keys}", "seq": "m.seq + {keys}", "id": "m.id || '-{round}'", "namespace": "m.namespace + {names}",
        "sameness": "m.sameness # {round}",
    }  # fmt: skip
    names = ", ".join(columns)
    # Keys are taken in blocks and may have gaps.
    last = connection.execute("SELECT max(key) FROM memories").fetchone()
    assert last is not None
    keys = int(last[0])
    connection.execute("DROP INDEX memories_words_searched")
    for number in range(1, namespaces // templates):
        values = {"keys": str(number * keys), "names": str(number * templates), "round": str(number)}
        chosen = ", ".join(copied.get(name, f"m.{name}").format(**values) for name in columns)
        shift, more = values["keys"], values["names"]
        for sql in (
            f"INSERT INTO namespaces (key, path) SELECT key + {more}, path || '-{number}' FROM namespaces "
            f"WHERE key <= {templates}",
            f"INSERT INTO memories ({names}) OVERRIDING SYSTEM VALUE SELECT {chosen} FROM memories m WHERE m.key <= {keys}",
            f"INSERT INTO memories_words SELECT w.key + {shift}, w.length, ts_delete(w.words, '/' || m.namespace) || "
            f"(quote_literal('/' || (m.namespace + {more})) || ':1')::tsvector "
            f"FROM memories_words w JOIN memories m ON m.key = w.key WHERE w.key <= {keys}",
            f"INSERT INTO vectors_1 SELECT key + {shift}, vector FROM vectors_1 WHERE key <= {keys}",
            f"INSERT INTO speakers SELECT namespace + {more}, speaker FROM speakers WHERE namespace <= {templates}",
        ):
            connection.execute(sql)
    rounds = namespaces // templates
    connection.execute(f"UPDATE stems SET documents = documents * {rounds} WHERE stem NOT LIKE '/%'")
    connection.execute(
        "INSERT INTO stems SELECT '/' || namespace, count(*) FROM memories GROUP BY namespace ON CONFLICT DO NOTHING"
    )
    connection.execute(
        f"UPDATE ledger SET seq = seq + {rounds * keys}, memories = {namespaces * each}, words = words * {rounds}"
    )
    connection.execute(
        "CREATE INDEX memories_words_searched ON memories_words USING gin (words) WITH (fastupdate = off)"
    )
    connection.execute("SELECT setval(pg_get_serial_sequence('memories', 'key'), (SELECT max(key) FROM memories))")
    connection.execute("SELECT setval(pg_get_serial_sequence('namespaces', 'key'), (SELECT max(key) FROM namespaces))")
    connection.execute("VACUUM ANALYZE")


async def measure(url: str, namespaces: int, each: int, templates: int) -> dict[str, Any]:
    corpora = [Corpus(seed=number) for number in range(templates)]
    texts = [
        [replace(memory, namespace=(f"n{number}",)) for memory in corpus.memories(each)]
        for number, corpus in enumerate(corpora)
    ]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        where = {"database": url, "database_schema": SCHEMA}
        async with mnemic.open_memory(home, durable=False, **where) as memory:  # type: ignore[arg-type]
            for memories in texts:
                for at in range(0, each, BATCH):
                    await memory.remember_many(memories[at : at + BATCH])
        remembered = time.perf_counter() - began
        with psycopg.connect(url, autocommit=True, options=f"-c search_path={SCHEMA}") as connection:
            copy_templates(connection, templates, each, namespaces)
            size = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        print(f"stored after {time.perf_counter() - began:.0f} s", flush=True)
        result: dict[str, Any] = {
            "memories": namespaces * each, "namespaces": namespaces, "templates": templates,
            "batch_per_second": round(templates * each / remembered), "database_mb": round(size[0] / 1e6) if size else None,
        }  # fmt: skip
        chance = random.Random(7)
        numbers = [chance.randrange(namespaces) for _ in range(QUESTIONS)]

        def questions() -> list[tuple[str, str]]:
            asked = []
            for number in numbers:
                round_, template = divmod(number, templates)
                name = f"n{template}" + (f"-{round_}" if round_ else "")
                asked.append((name, corpora[template].question(texts[template][chance.randrange(each)].text)))
            return asked

        async with mnemic.open_memory(home, **where) as memory:  # type: ignore[arg-type]
            await memory.recall("a first question", namespace=("n0",))
            for row in ("first_in_a_namespace", "recall"):
                seconds, empty = [], 0
                for name, question in questions():
                    started = time.perf_counter()
                    found = await memory.recall(question, namespace=(name,))
                    seconds.append(time.perf_counter() - started)
                    empty += not found.hits
                result[row] = {**quantiles(seconds), "without_a_hit": empty}
            asked = questions()
            result["floor"] = quantiles(await memory.run(_floor, asked))
            result["index"] = (await memory.status()).index
    return result


def _floor(backends: Backends, asked: list[tuple[str, str]]) -> list[float]:
    seconds = []
    for name, question in asked:
        started = time.perf_counter()
        vector = backends.embedder.embed([question])[0]
        with backends.ledger.snapshot() as snapshot:
            snapshot.lexical(search_words(question), MemoryFilter(namespace=(name,)), limit=50)
            key = snapshot.namespace_key((name,))
            assert key is not None
            backends.index.search(snapshot, vector, key, limit=50, among=None)
        seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--namespaces", type=int, default=1_000)
    parser.add_argument("--each", type=int, default=1_000)
    parser.add_argument("--templates", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with postgres_server(shared_buffers="1GB", max_wal_size="8GB", checkpoint_timeout="30min") as server:
        found = asyncio.run(measure(server.url, options.namespaces, options.each, options.templates))
    print(json.dumps(found, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
