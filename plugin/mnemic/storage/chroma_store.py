"""The only module that speaks Chroma. It stores vectors under the ledger's keys and nothing else: no text, no metadata.

Chroma is an index that can be rebuilt from the ledger at any time. Three ways to reach it: *embedded* (a folder, for the
one process that holds the owner lock), *server* (HTTP) and *cloud*.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from filelock import FileLock, Timeout

from mnemic.domain.memory import RowKey
from mnemic.errors import MnemicError
from mnemic.protocols import FORGOTTEN, WHOLE_INDEX, Ledger, Vectors

ChromaMode = Literal["off", "embedded", "server", "cloud"]

# Chroma refuses larger batches (5,461 on SQLite).
_BATCH = 5_000
_HNSW = {"hnsw": {"space": "cosine", "ef_construction": 128, "ef_search": 128}}
_PROBE_SECONDS = 60.0
_HTTP_TIMEOUT_SECONDS = 2.0
_OPEN_MARK = "opened-by-mnemic"
EMBEDDED_PREFIX = "chroma:embedded:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaAddress:
    """Where Chroma is. ``host``/``port``/``ssl`` for a server; ``tenant``/``database``/``api_key`` for the cloud."""

    mode: ChromaMode = "embedded"
    folder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    ssl: bool = False
    tenant: str | None = None
    database: str | None = None
    api_key: str | None = None

    def name(self) -> str:
        """Tells one Chroma from another in the ledger's books."""
        if self.mode == "server":
            return f"chroma:{self.host}:{self.port}"
        if self.mode == "cloud":
            return f"chroma:cloud:{self.tenant or ''}:{self.database or ''}"
        return EMBEDDED_PREFIX.rstrip(":")


class GenerationLost(Exception):
    """A generation that was open is no longer there."""


class ChromaStore:
    """One generation of an index in Chroma: a collection for each namespace.

    Every method raises whatever Chroma raises; `is_lost` tells the caller whether the generation is beyond use.
    """

    def __init__(self, client: Any, *, prefix: str, mark: Path | None = None) -> None:
        self._client = client
        self._prefix = prefix
        self._mark = mark
        self._collections: dict[int, Any] = {}

    def put(self, namespace_key: int, keys: Sequence[RowKey], vectors: Vectors) -> None:
        """Store or replace vectors."""
        collection = self._collection(namespace_key, create=True)
        for start in range(0, len(keys), _BATCH):
            chunk = keys[start : start + _BATCH]
            collection.upsert(ids=[str(key) for key in chunk], embeddings=vectors[start : start + _BATCH])

    def remove(self, namespace_key: int, keys: Sequence[RowKey]) -> None:
        """Forget vectors; those that are not there are passed over."""
        collection = self._collection(namespace_key, create=True)
        for start in range(0, len(keys), _BATCH):
            collection.delete(ids=[str(key) for key in keys[start : start + _BATCH]])

    def nearest(self, namespace_key: int, query: Vectors, *, limit: int) -> list[RowKey]:
        """Keys of about the nearest vectors. Order and completeness are Chroma's: approximate."""
        found = self._collection(namespace_key, create=False).query(
            query_embeddings=[query], n_results=limit, include=["distances"]
        )
        return [RowKey(int(id)) for id in found["ids"][0]]

    def forget(self, namespace_key: int) -> None:
        """Delete a namespace's collection. One that is not there is passed over."""
        from chromadb.errors import NotFoundError

        self._collections.pop(namespace_key, None)
        with suppress(NotFoundError):
            self._client.delete_collection(f"{self._prefix}-{namespace_key}")

    def count(self, namespace_key: int) -> int:
        return int(self._collection(namespace_key, create=False).count())

    def check(self) -> None:
        """Raise when the index is no longer there."""
        if self._mark is None:
            self._client.get_collection(f"{self._prefix}-0", embedding_function=None)
        elif not self._mark.exists():
            raise GenerationLost(f"the folder {self._mark.parent} has gone")

    def drop_older(self, ledger_prefix: str) -> None:
        """Delete what earlier generations left on a server."""
        for collection in self._client.list_collections():
            ours = collection.name.startswith(ledger_prefix + "-")
            if ours and not collection.name.startswith(self._prefix + "-"):
                self._client.delete_collection(collection.name)

    def close(self) -> None:
        """Let go of Chroma."""
        self._client.close()
        if self._mark is not None:
            self._mark.unlink(missing_ok=True)

    def _collection(self, namespace_key: int, *, create: bool) -> Any:
        collection = self._collections.get(namespace_key)
        if collection is None:
            name = f"{self._prefix}-{namespace_key}"
            if create:
                collection = self._client.get_or_create_collection(name, embedding_function=None, configuration=_HNSW)
            else:
                collection = self._client.get_collection(name, embedding_function=None)
            self._collections[namespace_key] = collection
        return collection


def new_generation() -> str:
    """A name for a new incarnation of an index. Names are never used twice, so neither are folders."""
    return uuid.uuid4().hex[:12]


def open_generation(address: ChromaAddress, *, ledger_id: str, generation: str, create: bool) -> ChromaStore | None:
    """Open one generation, or None when it is not there (any more) and ``create`` is false.

    An embedded folder is first opened by another process: a damaged one can crash or hang whoever opens it, and its last
    owner need not have noticed. Chroma's own exceptions pass through.
    """
    prefix = f"mnemic-{ledger_id}-{generation}"
    if address.mode != "embedded":
        store = ChromaStore(_connect(address), prefix=prefix)
        if create:
            # The namespace keys start at 1: collection 0 is empty and says that the generation exists.
            store.remove(0, [RowKey(0)])
        else:
            store.check()
        return store
    assert address.folder is not None
    folder = address.folder / generation
    mark = folder / _OPEN_MARK
    if not create:
        if not (folder / "chroma.sqlite3").exists():
            return None
        if not _opens_in_another_process(folder):
            return None
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark.touch()
    return ChromaStore(_open_folder(folder), prefix=prefix, mark=mark)


def remove_other_generations(address: ChromaAddress, ledger_id: str, store: ChromaStore, keep: str) -> None:
    """Delete every generation but ``keep``, which ``store`` has open. For the owner only."""
    if address.mode == "embedded":
        if address.folder is not None and address.folder.is_dir():
            for folder in address.folder.iterdir():
                if folder.is_dir() and folder.name != keep:
                    shutil.rmtree(folder, ignore_errors=True)
    else:
        store.drop_older(f"mnemic-{ledger_id}")


def forget_everything(address: ChromaAddress, ledger_id: str) -> None:
    """Leave nothing of this ledger in Chroma. For the owner only; no generation may be open."""
    if address.mode == "embedded":
        if address.folder is not None and address.folder.is_dir():
            shutil.rmtree(address.folder)
        return
    store = ChromaStore(_connect(address), prefix="mnemic-nothing")
    store.drop_older(f"mnemic-{ledger_id}")
    store.close()


def forget_unused_folder(ledger: Ledger, folder: Path, lock_path: Path) -> None:
    """Clear an embedded index from which something was erased, on behalf of processes that do not use it."""
    with ledger.snapshot() as snapshot:
        names = [name for name in snapshot.index_names() if name.startswith(EMBEDDED_PREFIX)]
        states = {name: snapshot.index_state(name, WHOLE_INDEX) for name in names}
    if not any(state is not None and state.generation == FORGOTTEN for state in states.values()):
        return
    try:
        with FileLock(lock_path, timeout=0, thread_local=False):
            forget_everything(ChromaAddress(folder=folder), "")
            with ledger.transaction() as transaction:
                for name in names:
                    transaction.drop_index_states(name)
    except Timeout:
        return  # its owner is at work and does it


def is_lost(error: Exception, mode: ChromaMode) -> bool:
    """Whether an exception means that a generation is beyond use, and not merely out of reach for a while."""
    if isinstance(error, MnemicError):
        return False
    if isinstance(error, GenerationLost) or mode == "embedded":
        return True
    from chromadb.errors import NotFoundError

    return isinstance(error, NotFoundError)


def _open_folder(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))


def _connect(address: ChromaAddress) -> Any:
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    if address.mode == "server":
        _check_answers(address)
    if address.mode == "cloud":
        client: Any = chromadb.CloudClient(
            tenant=address.tenant, database=address.database, api_key=address.api_key, settings=settings
        )
    else:
        headers = {"Authorization": f"Bearer {address.api_key}"} if address.api_key else None
        client = chromadb.HttpClient(
            host=address.host, port=address.port, ssl=address.ssl, headers=headers, settings=settings
        )
    # Chroma's client waits for ever and has no setting for it; a recall must not.
    session = getattr(getattr(client, "_server", None), "_session", None)
    if session is not None:
        session.timeout = _HTTP_TIMEOUT_SECONDS
    return client


def _check_answers(address: ChromaAddress) -> None:
    """Raise when nothing answers. Chroma's own client would wait for ever while it connects."""
    import httpx

    scheme = "https" if address.ssl else "http"
    httpx.get(f"{scheme}://{address.host}:{address.port}/api/v2/heartbeat", timeout=_HTTP_TIMEOUT_SECONDS)


def _opens_in_another_process(folder: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, our own module
            [sys.executable, "-m", "mnemic.storage.chroma_store", str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=_PROBE_SECONDS, check=False,
            # Below a host without a console it would open a window on Windows.
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _probe(folder: Path) -> None:
    """Open every collection of a folder, ask it something and write what is there already. Run in a process of its own."""
    client = _open_folder(folder)
    for collection in client.list_collections():
        if collection.count():
            row = collection.get(limit=1, include=["embeddings"])
            vector = np.asarray(row["embeddings"][0], np.float32)
            collection.query(query_embeddings=[vector], n_results=1)
            collection.upsert(ids=row["ids"], embeddings=[vector])
    client.close()


if __name__ == "__main__":
    _probe(Path(sys.argv[1]))
