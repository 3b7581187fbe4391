"""What an open memory does by itself, in a thread of its own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from mnemic.errors import MnemicError
from mnemic.logs import get_logger

if TYPE_CHECKING:
    from mnemic.services.backends import Backends
    from mnemic.settings import Settings

log = get_logger(__name__)

_HOUSEKEEPING_SECONDS = 2.0
# How often a process looks for what has become cold or need not be known any more, and how long after it has opened its
# memory for the first time: whoever opens one for a moment changes nothing behind anybody's back.
_TIDYING_SECONDS = 600.0


def clear_forgotten_chroma(backends: Backends, settings: Settings) -> None:
    """Do what an owner of an embedded Chroma would do after an erasure, if there is none."""
    from mnemic.storage.chroma_store import forget_unused_folder

    if settings.database is not None:
        return
    try:
        forget_unused_folder(backends.ledger, settings.chroma_path, settings.chroma_lock_path)
    except (MnemicError, OSError) as error:
        log.warning("chroma.not_cleared", error=str(error))


def keep_house(backends: Backends, settings: Settings, stopping: threading.Event) -> None:
    """What may be done later: screen what an older version wrote, embed what another embedder's processes wrote or what
    could not be embedded when it was written, finish erasures that other processes held up, make cold what has long been
    archived, forget what was delivered where long ago and which plans nobody applied, clear an embedded Chroma that this
    process does not use, and read ahead.
    """
    from mnemic.services.guarding.aftermath import forget_exposures
    from mnemic.services.health import embed_missing, scrub_if_needed
    from mnemic.services.reviewing.review import screen_missing
    from mnemic.services.upkeep.forgetting import forget_plans

    seen = -1
    tidied_at = time.monotonic()
    while True:
        # An embedder of somebody else may raise anything; the house is kept all the same.
        with log.instead_of_failing("housekeeping.failed", Exception):
            with backends.ledger.snapshot() as snapshot:
                last_seq = snapshot.last_seq()
            if last_seq != seen:
                # First, and the rest apart: an embedder may fail for days.
                screen_missing(backends, stopped=stopping.is_set)
                embed_missing(backends, stopped=stopping.is_set, only_new=True)
                seen = last_seq
        with log.instead_of_failing("housekeeping.failed", Exception):
            scrub_if_needed(backends)
            if time.monotonic() - tidied_at >= _TIDYING_SECONDS:
                tidied_at = time.monotonic()
                forget_exposures(backends)
                forget_plans(backends)
                if settings.cold_after_days:
                    from mnemic.services.storing.cold import cool

                    cool(backends, days=settings.cold_after_days, stopped=stopping.is_set)
            if backends.sessions.known():
                # Importing it takes 50 ms, which are the first question's where there is one.
                from mnemic.services.working_memory.sessions import drop_erased

                drop_erased(backends)
            if settings.index != "embedded":
                clear_forgotten_chroma(backends, settings)
        _read_ahead(backends, stopping, seconds=_HOUSEKEEPING_SECONDS)
        if stopping.is_set():
            return


def _read_ahead(backends: Backends, stopping: threading.Event, *, seconds: float) -> None:
    """Wait, and read ahead what ranking needs of the namespaces that are asked about meanwhile."""
    from mnemic.services.warming import warm

    end = time.monotonic() + seconds
    while not stopping.is_set() and backends.warmth.wake.wait(max(end - time.monotonic(), 0.0)):
        backends.warmth.wake.clear()
        with log.instead_of_failing("reading_ahead.failed", Exception):
            warm(backends, stopped=stopping.is_set)
