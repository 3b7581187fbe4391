"""Who makes a request, and the ways by which that is found out."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from mnemic.domain.access import Access, Right
from mnemic.errors import AccessDenied


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody who was let in. ``access`` None: the whole memory, as whoever sits at the machine has it.

    ``issuer`` says who vouches for the name; two callers are the same when both agree. ``expires_at`` in seconds since 1970.
    """

    name: str
    access: Access | None
    issuer: str = "mnemic"
    expires_at: float | None = None

    def may(self, right: Right) -> bool:
        return self.access is None or right in self.access.rights


class Door(Protocol):
    """A way in."""

    async def caller(self, token: str) -> Caller | None:
        """Whose token this is; None when it is not one of this door's, or no longer valid."""
        ...


CALLER: ContextVar[Caller] = ContextVar("mnemic-caller")
"""Who makes the request that is being answered."""


def present_caller() -> Caller:
    """Whoever the present request is from. Raises `AccessDenied` outside a request: it fails closed."""
    try:
        return CALLER.get()
    except LookupError:
        raise AccessDenied("Nobody is known to have asked for this.", hint="Send the request anew.") from None
