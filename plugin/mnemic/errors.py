"""Every error that mnemic raises on purpose.

    MnemicError                has .hint: what to do next
    ├── InvalidInput           the caller can fix it; never retry unchanged
    │   └── UnknownMemory      no memory has that id (it may have been erased)
    └── BackendError
        ├── StoreUnavailable   busy, full, read-only, unreachable; safe to retry once the hint is followed
        ├── StoreCorrupted     the ledger's file is damaged; run ``mnemic doctor``
        └── ModelFailed        an embedder or a model could not be loaded or did not answer

A message says what happened, where and with which value; ``hint`` says what to do. ``str(error)`` gives both.
"""

from __future__ import annotations


class MnemicError(Exception):
    """Base of every error that mnemic raises on purpose."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidInput(MnemicError):
    """The input cannot be accepted as it is. Nothing was stored; do not retry unchanged."""


class UnknownMemory(InvalidInput):
    """No memory has this id in this namespace."""


class BackendError(MnemicError):
    """Something that mnemic stands on failed. Nothing was half-written."""


class StoreUnavailable(BackendError):
    """The store cannot be used right now. Safe to retry once the hint has been followed."""


class StoreCorrupted(BackendError):
    """The ledger's file is damaged. Do not retry; run ``mnemic doctor``."""


class ModelFailed(BackendError):
    """An embedder, tokenizer or language model could not be loaded or failed."""
