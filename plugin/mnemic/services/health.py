"""What state a memory is in, what is wrong with it, and mending it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnemic.domain.counting import counted
from mnemic.domain.memory import Namespace
from mnemic.domain.recall import MemoryFilter
from mnemic.errors import ModelFailed
from mnemic.protocols import HealthCheck
from mnemic.services.backends import Backends, embedding_text
from mnemic.services.storing.facets import embed_missing_facets
from mnemic.services.storing.passages import cut_missing

_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthStatus:
    """A summary for people and programs. Sizes in bytes.

    ``reading_ahead``: whether this process still takes in what makes its answers quick. For a caller of a part of the memory
    ``last_seq`` and ``ledger_bytes`` are 0 and ``index`` counts nothing: they would tell how much others store.
    """

    memories: int
    namespaces: tuple[tuple[Namespace, int], ...]
    last_seq: int
    ledger_id: str
    ledger_bytes: int
    embedder: str
    dimensions: int
    token_counter: str
    index: dict[str, Any]
    reading_ahead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `doctor` found and, when asked to, mended."""

    findings: tuple[HealthCheck, ...]
    repaired: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return all(finding.ok for finding in self.findings)


def status(backends: Backends) -> HealthStatus:
    """The present state. Raises `StoreUnavailable`."""
    index = backends.index.describe()
    whole = not backends.caller
    with backends.ledger.snapshot() as snapshot:
        return HealthStatus(
            memories=snapshot.count(),
            namespaces=backends.namespace_counts.at(snapshot) if whole else tuple(snapshot.namespaces()),
            last_seq=snapshot.last_seq() if whole else 0,
            ledger_id=snapshot.ledger_id(),
            ledger_bytes=backends.ledger.size_bytes() if whole else 0,
            embedder=backends.embedder.id,
            dimensions=backends.embedder.dimensions,
            token_counter=backends.token_counter.name,
            index=index if whole else {"served_by": index.get("served_by")},
            reading_ahead=backends.warmth.reading_ahead,
        )


def probe(backends: Backends) -> int:
    """Read something of the ledger: the number of its latest change. Raises `StoreUnavailable`."""
    with backends.ledger.snapshot() as snapshot:
        return snapshot.last_seq()


def shared_secret(backends: Backends) -> bytes | None:
    """What the processes that share a ledger in a database know and nobody else; None for one in a folder."""
    secret: Callable[[], bytes] | None = getattr(backends.ledger, "shared_secret", None)
    return None if secret is None else secret()


def doctor(backends: Backends, *, repair: bool = False) -> Diagnosis:
    """Check the ledger, its full text, its vectors and the index; with ``repair``, mend what can be and check again."""
    findings = _diagnose(backends)
    repaired: list[str] = []
    if repair and any(finding.repairable for finding in findings):
        repaired += backends.ledger.repair()
        scrub_if_needed(backends)
        embedded = embed_missing(backends)
        if embedded:
            repaired.append(f"embedded {embedded} memories")
        if any(finding.repairable and finding.check == "index" for finding in findings):
            reset_index(backends)
            repaired.append("had the index rebuilt")
        findings = _diagnose(backends)
    return Diagnosis(findings=tuple(findings), repaired=tuple(repaired))


def embed_missing(
    backends: Backends,
    *,
    progress: Callable[[int], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    only_new: bool = False,
) -> int:
    """Embed every memory that this embedder has not seen, in small transactions; how many there were.

    With ``only_new``, those that this process has found complete before are not looked at again.
    Safe to interrupt and to run in several processes at once. Raises `ModelFailed`.
    """
    done = 0
    if not only_new:
        backends.housekeeping.embedded_to = backends.housekeeping.cut_to = None
    while not stopped():
        with backends.ledger.snapshot() as snapshot:
            entries = snapshot.texts_without_vector(
                backends.embedder.id, limit=_BATCH, after=backends.housekeeping.embedded_to
            )
            newest = snapshot.select(MemoryFilter(namespace=(), subtree=True), limit=1)
        if not entries:
            # Looking through all of them again at every change would take longer and longer.
            backends.housekeeping.embedded_to = newest[0][0] if newest else None
            break
        vectors = backends.embedder.embed([embedding_text(record) for _, record in entries])
        if not len(vectors):
            raise ModelFailed("The embedder gave no vectors.", hint="Check the model behind it.")
        with backends.ledger.transaction() as transaction:
            transaction.put_vectors(
                backends.embedder.id, [(key, row.tobytes()) for (key, _), row in zip(entries, vectors, strict=True)]
            )
        done += len(entries)
        if progress is not None:
            progress(done)
    embed_missing_facets(backends, stopped=stopped)
    cut_missing(backends, stopped=stopped)
    return done


def scrub_if_needed(backends: Backends) -> bool:
    """Finish an erasure whose content may still be in the files. False when that must be tried again later."""
    with backends.ledger.snapshot() as snapshot:
        unscrubbed = snapshot.is_unscrubbed()
    return not unscrubbed or backends.ledger.scrub()


def reset_index(backends: Backends) -> None:
    """Have every vector index outside the ledger rebuilt from it. Recall goes on meanwhile."""
    with backends.ledger.transaction() as transaction:
        transaction.forget_index_states()


def _diagnose(backends: Backends) -> list[HealthCheck]:
    findings = backends.ledger.diagnose(backends.embedder.id)
    if all(finding.ok or finding.check != "ledger file" for finding in findings):
        with backends.ledger.snapshot() as snapshot:
            findings += backends.index.diagnose(snapshot)
            scrubbed = not snapshot.is_unscrubbed()
            size = f"{counted(snapshot.count(), 'memory')} in {backends.ledger.size_bytes() / 1e6:,.1f} MB"
        findings.append(HealthCheck(check="size", ok=True, detail=size))
        detail = "nothing is left of what was erased" if scrubbed else "erased content may still be in the files"
        findings.append(HealthCheck(check="erasures", ok=scrubbed, detail=detail, repairable=not scrubbed))
    return findings
