"""Every error that mnemic raises on purpose.

    MnemicError                has .hint: what to do next
    ├── InvalidInput           the caller can fix it; never retry unchanged
    │   ├── UnknownMemory      no memory has that id (it may have been erased)
    │   ├── SeveralPartitions  the call concerns several parts of a divided memory; the hint says how to ask
    │   └── PolicyError        a guard policy that cannot be used; carries every problem with its place
    ├── AccessDenied           the caller lacks a right, or the namespace is not theirs; never retry without further rights
    ├── GuardRefused           the guard's policy refused to store it; carries the verdict
    └── BackendError           something that mnemic stands on failed
        ├── StoreUnavailable   busy, full, read-only, unreachable; safe to retry once the hint is followed
        │   ├── LedgerMoved    the memory of this folder is in a database now; the hint says how to open it there
        │   └── WrongPartitions  the memory in the database is divided otherwise than the settings say
        ├── StoreCorrupted     the ledger's file is damaged; run ``mnemic doctor``
        └── ModelFailed        an embedder or a model could not be loaded or did not answer

A message says what happened, where and with which value; ``hint`` says what to do. ``str(error)`` gives both. Where they
name the machine that keeps the memory, ``for_clients`` says the same without it, to those who only use a server.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mnemic.domain.memory import MemoryRecord
    from mnemic.domain.verdict import Verdict


class MnemicError(Exception):
    """Base of every error that mnemic raises on purpose.

    ``for_clients`` is what a client of a server may read of it instead of the whole, empty where that is all.
    """

    def __init__(self, message: str, *, hint: str = "", for_clients: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.for_clients = for_clients

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class InvalidInput(MnemicError):
    """The input cannot be accepted as it is. Nothing was stored; do not retry unchanged."""


class UnknownMemory(InvalidInput):
    """No memory has this id in this namespace."""


class SeveralPartitions(InvalidInput):
    """The memory is divided by namespace, and no single part of it could answer. Nothing was read or stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyProblem:
    """One thing that is wrong with a policy. ``line`` and ``column`` count from 1; 0 when the place is not known.

    ``path`` is where in the policy, such as ``write.rules.secrets``.
    """

    message: str
    path: str = ""
    line: int = 0
    column: int = 0


class PolicyError(InvalidInput):
    """A guard policy cannot be used. ``problems`` has all that is wrong with it, in the order of the file."""

    def __init__(self, message: str, *, hint: str = "", problems: Sequence[PolicyProblem] = ()) -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class AccessDenied(MnemicError):
    """The caller may not do this, or not here. Nothing was done; do not retry without further rights."""


class GuardRefused(MnemicError):
    """The policy refused to store a text. Nothing was stored; do not retry unchanged.

    ``verdict`` says why, ``refused`` is what would have been stored.
    """

    def __init__(self, message: str, *, hint: str = "", verdict: Verdict, refused: MemoryRecord) -> None:
        super().__init__(message, hint=hint)
        self.verdict = verdict
        self.refused = refused


class BackendError(MnemicError):
    """Something that mnemic stands on failed. Nothing was half-written."""


class StoreUnavailable(BackendError):
    """The store cannot be used right now. Safe to retry once the hint has been followed."""


class LedgerMoved(StoreUnavailable):
    """The memory that was here has moved. Open it where the hint says; nothing was read or stored here."""


class WrongPartitions(StoreUnavailable):
    """The memory in the database is divided into another number of parts than the settings say. Nothing was read."""


class StoreCorrupted(BackendError):
    """The ledger's file is damaged. Do not retry; run ``mnemic doctor``."""


class ModelFailed(BackendError):
    """An embedder, tokenizer or language model could not be loaded or failed."""
