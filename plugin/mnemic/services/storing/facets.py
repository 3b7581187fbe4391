"""The facets of experiences: what may be in them, their vectors, and which of them comes near a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mnemic.domain.learning.facets import Facets, facet_texts
from mnemic.domain.memory import MemoryRecord, RowKey
from mnemic.errors import ModelFailed
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot, Vectors
from mnemic.services.backends import Backends, log
from mnemic.services.guarding.admission import without_secrets

_BATCH = 256


def clean_facets(policy: Policy, facets: Facets) -> Facets:
    """Facets without the secrets that a memory would not keep either."""
    return replace(
        facets,
        task=facets.task and without_secrets(policy, facets.task),
        generalized_query=facets.generalized_query and without_secrets(policy, facets.generalized_query),
    )


def scenario_similarities(
    backends: Backends, snapshot: LedgerSnapshot, vector: Vectors, keys: Sequence[RowKey]
) -> dict[RowKey, float]:
    """The cosine of each experience's nearest facet: a scenario is met even where the content is about much besides."""
    found = snapshot.facet_vectors(backends.embedder.id, keys)
    best: dict[RowKey, float] = {}
    for key, facets in found.items():
        matrix = np.frombuffer(b"".join(facets.values()), dtype=np.float32).reshape(len(facets), -1)
        best[key] = float((matrix @ vector).max())
    return best


def embed_missing_facets(backends: Backends, *, stopped: Callable[[], bool] = lambda: False) -> int:
    """Embed the facets that this embedder has not seen, in small transactions; of how many experiences."""
    done = 0
    while not stopped():
        with backends.ledger.snapshot() as snapshot:
            entries = snapshot.facets_without_vector(backends.embedder.id, limit=_BATCH)
        if not entries:
            break
        vectors = embed_facets_of(backends, [(record, facets) for _, record, facets in entries])
        if not any(vectors):
            break
        with backends.ledger.transaction() as transaction:
            for (key, _, _), found in zip(entries, vectors, strict=True):
                transaction.put_facet_vectors(backends.embedder.id, key, found)
        done += len(entries)
    return done


def embed_facets_of(backends: Backends, entries: Sequence[tuple[MemoryRecord, Facets]]) -> list[dict[str, bytes]]:
    """The vectors of the facets of each experience, by the facet's name; none when the model fails."""
    return embed_facet_texts(
        backends, [facet_texts(record.when_to_use, record.text, facets) for record, facets in entries]
    )


def embed_facet_texts(backends: Backends, wanted: Sequence[dict[str, str]]) -> list[dict[str, bytes]]:
    """The vectors of texts by their facets' names, as many as ``wanted``; none when the model fails."""
    texts = [text for facets in wanted for text in facets.values()]
    if not texts:
        return [{} for _ in wanted]
    try:
        rows = iter(backends.embedder.embed(texts))
    except ModelFailed as error:
        # Words find the experience meanwhile; the housekeeper embeds it later.
        log.warning("embedder.failed", error=str(error), texts=len(texts))
        return [{} for _ in wanted]
    return [{name: next(rows).tobytes() for name in facets} for facets in wanted]
