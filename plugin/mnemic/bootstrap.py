"""From settings to an open memory. The only module of the engine that reads the settings in the environment."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.housekeeping import clear_forgotten_chroma, keep_house
from mnemic.logs import get_logger
from mnemic.settings import Settings

if TYPE_CHECKING:
    from mnemic.domain.access import Access
    from mnemic.guard.guard import Guard
    from mnemic.protocols import ChatModel, Clock, Deliveries, Embedder, Ledger, Reranker, TokenCounter
    from mnemic.retrieval.maxsim import WordVectors
    from mnemic.services.backends import Backends
    from mnemic.storage.chroma_follower import ChromaFollower
    from mnemic.storage.leases import Lease
    from mnemic.storage.postgres.partitions import PartitionedDatabase
    from mnemic.storage.postgres.sharing import Watch

log = get_logger(__name__)
_T = TypeVar("_T")

_CLOSE_SECONDS = 30.0


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with ``overrides`` that are not None on top. Raises `InvalidInput`."""
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        text = os.environ.get(f"MNEMIC_{name.upper()}")
        if text is not None and text.strip():
            values[name] = text
    values |= {name: value for name, value in overrides.items() if value is not None}
    if "home" in values:
        if isinstance(values["home"], str) and not values["home"].strip():
            # As a path it would be the folder that happens to be the current one.
            raise InvalidInput("home is empty.", hint="Give the path of a folder, or leave it out.")
        # Hosts start servers without a shell that would have done it; and a program may go to another folder.
        values["home"] = Path(values["home"]).expanduser().absolute()
    try:
        return Settings(**values)
    except ValidationError as error:
        problems = "; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_url=False))
        raise InvalidInput(
            f"The settings are not valid: {problems}.", hint="Mend the MNEMIC_ environment variables or the arguments."
        ) from error


class Calls:
    """Counts the calls in flight, in the threads that run them: an abandoned call still runs to its end."""

    def __init__(self) -> None:
        self._running = 0
        self._closing = False
        self._changed = threading.Condition()

    @contextmanager
    def one(self) -> Iterator[None]:
        """A call. Raises `StoreUnavailable` once closing has begun."""
        with self._changed:
            if self._closing:
                raise StoreUnavailable("This memory has been closed.", hint="Open it again.")
            self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def finish(self, timeout_seconds: float) -> None:
        """Let no further call begin and wait for those that run."""
        with self._changed:
            self._closing = True
            self._changed.wait_for(lambda: not self._running, timeout_seconds)


@dataclass(slots=True)
class OpenMemory:
    """Everything that one open memory holds, and how to let go of it."""

    backends: Backends
    settings: Settings
    follower: ChromaFollower | None
    watch: Watch | None
    _stopping: threading.Event
    _housekeeper: threading.Thread
    calls: Calls = field(default_factory=Calls)

    def run(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> _T:
        """Run a use case on this ledger."""
        with self.calls.one():
            return use_case(self.backends, *args, **named)

    @contextmanager
    def ready(self, use_case: Callable[..., _T], *args: Any, **named: Any) -> Iterator[Callable[[], _T]]:
        """A call that is made later.

        Closing does not wait for it, because whoever reads its answer bit by bit may take any time: a connection that is in
        use then is closed when it is given back.
        """
        yield partial(use_case, self.backends, *args, **named)

    def walled(self, access: Access) -> OpenMemory:
        """The same for somebody with access to some namespaces only."""
        from mnemic.domain.access import Right
        from mnemic.storage.walled_ledger import WalledLedger

        behind = self.backends.behind(
            WalledLedger(self.backends.ledger, access), caller=access.name, shows_texts=Right.READ in access.rights
        )
        return replace(self, backends=behind)

    def caught_up(self, *, timeout_seconds: float) -> bool:
        """Wait until Chroma has all that is in the ledger, if it is in use. False when it has not in time."""
        with self.backends.ledger.snapshot() as snapshot:
            memories, last_seq = snapshot.count(), snapshot.last_seq()
        if self.follower is None or memories < self.settings.chroma_from_memories:
            return True
        return self.follower.wait_until(last_seq, timeout_seconds=timeout_seconds)

    def close(self) -> None:
        """Wait for running calls, then release files, threads and locks. Everything acknowledged is durable already."""
        self.calls.finish(_CLOSE_SECONDS)
        self._stopping.set()
        self.backends.warmth.wake.set()
        if self.watch is not None:
            self.watch.close()
        if self.follower is not None:
            self.follower.stop()
        self._housekeeper.join(_CLOSE_SECONDS)
        clear_forgotten_chroma(self.backends, self.settings)
        self.backends.index.close()
        self.backends.ledger.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a memory needs besides its ledger. All ledgers that a process has open share it: models and their caches are held
    once, limits are those of the process, and what was delivered is noted under one ``process_id``. ``delivered`` is the
    file for those notes where several processes of one server share a folder.
    """

    embedder: Embedder
    reranker: Reranker | None
    model: ChatModel | None
    guard: Guard
    clock: Clock
    token_counter: TokenCounter
    word_vectors: WordVectors | None
    summarise: Callable[[str, str], str] | None
    process_id: str = field(default_factory=lambda: secrets.token_hex(8))
    one_recall: threading.Lock = field(default_factory=threading.Lock)
    delivered: Path | None = None


def equip(
    settings: Settings, *, embedder: Embedder | None = None, summarise: Callable[[str, str], str] | None = None,
    model: ChatModel | None = None, reranker: Reranker | None = None, delivered: Path | None = None,
) -> Equipment:  # fmt: skip
    """What the settings name, but for what is given. Raises `ModelFailed`, `PolicyError`, `InvalidInput`."""
    # Heavy imports happen here and not at the top, so that a server can answer before it opens its memory.
    from mnemic.guard.creation import create_guard
    from mnemic.retrieval.maxsim import WordVectors
    from mnemic.storage.static_embedder import StaticEmbedder
    from mnemic.storage.system import SystemClock
    from mnemic.storage.token_counters import create_token_counter

    if model is None and settings.model is not None:
        from mnemic.storage.langchain_model import model_named

        model = model_named(settings.model)
    clock = SystemClock()
    embedder = embedder or create_embedder(settings)
    # Only vectors from a table are fast enough to look at every sentence.
    fast = embedder.embed if embedder.id == StaticEmbedder.id else None
    return Equipment(
        embedder=embedder, reranker=reranker or create_reranker(settings), model=model, clock=clock,
        guard=create_guard(settings.policy, embed=fast, model=model, clock=clock), summarise=summarise,
        token_counter=create_token_counter(settings.token_counter),
        word_vectors=None if fast is None else WordVectors(fast, embedder.dimensions), delivered=delivered,
    )  # fmt: skip


def open_backends(settings: Settings, equipment: Equipment, ledger: Ledger) -> OpenMemory:
    """Wire everything to an open ledger, which is closed with it, or at once when that fails. Never goes to the network but
    for the ledger's.
    """
    try:
        return _wired(settings, equipment, ledger)
    except BaseException:
        ledger.close()
        raise


def _wired(settings: Settings, equipment: Equipment, ledger: Ledger) -> OpenMemory:
    from mnemic.services.backends import Backends
    from mnemic.storage.chroma_follower import ChromaFollower
    from mnemic.storage.chroma_store import ChromaAddress
    from mnemic.storage.layered_index import LayeredIndex
    from mnemic.storage.system import new_memory_id

    embedder = equipment.embedder
    ledger.register_embedder(embedder.id, embedder.dimensions)
    follower = None
    if settings.index != "off":
        address = ChromaAddress(
            mode=settings.index, folder=settings.chroma_path, host=settings.chroma_host, port=settings.chroma_port,
            ssl=settings.chroma_ssl, tenant=settings.chroma_tenant, database=settings.chroma_database,
            api_key=settings.chroma_api_key,
        )  # fmt: skip
        follower = ChromaFollower(
            ledger, address, embedder_id=embedder.id, lease=_lease(ledger, settings, f"{address.name()}:{embedder.id}"),
            from_memories=settings.chroma_from_memories, poll_seconds=settings.chroma_poll_seconds,
        )  # fmt: skip
    backends = Backends(
        ledger=ledger, index=LayeredIndex(embedder.id, embedder.dimensions, follower), embedder=embedder,
        token_counter=equipment.token_counter, clock=equipment.clock, new_id=new_memory_id,
        guard=equipment.guard, summarise=equipment.summarise, facts=settings.facts, model=equipment.model,
        reranker=equipment.reranker, word_vectors=equipment.word_vectors, process_id=equipment.process_id,
        deliveries=_deliveries(ledger, "deliveries", equipment.delivered),
        shown=_deliveries(ledger, "shown", equipment.delivered), one_recall=equipment.one_recall,
    )  # fmt: skip
    stopping = threading.Event()
    housekeeper = threading.Thread(
        target=keep_house, args=(backends, settings, stopping), daemon=True, name="mnemic-housekeeper"
    )
    housekeeper.start()
    if follower is not None:
        follower.start()
    watch = None if follower is None else _watch(ledger, follower.nudge)
    return OpenMemory(backends, settings, follower, watch, stopping, housekeeper)


def open_ledger(settings: Settings) -> Ledger:
    """The ledger that the settings name. Raises `StoreUnavailable`, `StoreCorrupted`, `InvalidInput`."""
    if settings.database is None:
        from mnemic.storage.sqlite.ledger import SqliteLedger

        return SqliteLedger(settings.ledger_path, durable=settings.durable)
    with _database_packages():
        from mnemic.storage.postgres.ledger import PostgresLedger
    return PostgresLedger(settings.database, schema=settings.database_schema, durable=settings.durable)


def open_partitions(settings: Settings) -> PartitionedDatabase:
    """The ledgers that the settings name where there are several. Raises as `open_ledger`, and `WrongPartitions`."""
    assert settings.database is not None
    with _database_packages():
        from mnemic.storage.postgres.partitions import PartitionedDatabase
    return PartitionedDatabase(
        settings.database, schema=settings.database_schema, count=settings.partitions, durable=settings.durable
    )


@contextmanager
def _database_packages() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise InvalidInput(
            f"A ledger in PostgreSQL needs packages that are not installed ({error}).",
            hint='Install them: pip install "mnemic[postgres]".',
        ) from error


def _lease(ledger: Ledger, settings: Settings, name: str) -> Lease:
    """Who may feed an index: one process of a folder, or of all machines that share a database."""
    from mnemic.storage.leases import FileLease

    if settings.database is None:
        return FileLease(settings.chroma_lock_path)
    from mnemic.storage.postgres.ledger import PostgresLedger

    assert isinstance(ledger, PostgresLedger)
    return ledger.lease(name)


def _deliveries(ledger: Ledger, purpose: str, file: Path | None) -> Deliveries:
    """Where it is noted what was delivered to whom: with a ledger that servers share who stand for each other, or in the
    ``file`` of those that do over a folder.
    """
    from mnemic.services.deliveries import ProcessDeliveries

    shared: Callable[[str], Deliveries] | None = getattr(ledger, "deliveries", None)
    if shared is not None:
        return shared(purpose)
    if file is None:
        return ProcessDeliveries()
    from mnemic.storage.sqlite.deliveries import FileDeliveries

    return FileDeliveries(file, purpose)


def _watch(ledger: Ledger, changed: Callable[[], None]) -> Watch | None:
    """Hear of changes by other processes where the ledger can tell of them; else they are looked for now and then."""
    watch: Callable[[Callable[[], None]], Watch] | None = getattr(ledger, "watch", None)
    return None if watch is None else watch(changed)


def create_embedder(settings: Settings) -> Embedder:
    """The embedder that the settings name. Raises `ModelFailed` when its files are not there."""
    if settings.embedder == "minilm":
        from mnemic.storage.minilm_embedder import MiniLmEmbedder

        return MiniLmEmbedder(settings.models_path / "minilm")
    from mnemic.storage.static_embedder import StaticEmbedder

    return StaticEmbedder()


def create_reranker(settings: Settings) -> Reranker | None:
    """The model of deep recall; None when its files are not there. Raises `ModelFailed` if the settings ask for it then."""
    from mnemic.storage.minilm import MODEL_FILES
    from mnemic.storage.minilm_reranker import MiniLmReranker

    folder = settings.models_path / "minilm"
    if settings.recall_mode == "default" and not all((folder / name).is_file() for name in MODEL_FILES):
        return None
    return MiniLmReranker(folder)
