"""What tests with a Chroma server share."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Iterator

import pytest


@pytest.fixture
def chroma_connections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chroma's HTTP client offers no way to close its connections: they are closed when it is collected."""
    # A server that hangs is met by other processes than this one; any may have to wait for its turn.
    monkeypatch.setattr("mnemic.storage.chroma_store._HTTP_TIMEOUT_SECONDS", 60.0)
    yield
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
