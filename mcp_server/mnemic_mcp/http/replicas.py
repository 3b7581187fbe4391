"""What servers that stand for each other have in common: one key, from the database that they share."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from mcp.server.request_state import AESGCMRequestStateCodec, InvalidRequestState, RequestStateSecurity

from mnemic import MnemicError
from mnemic.errors import StoreUnavailable
from mnemic.logs import get_logger
from mnemic_mcp.http.callers import present_caller

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send

log = get_logger(__name__)


class SharedKey:
    """A secret of all processes behind one address: a client may begin a call at one and end it at another.

    It seals what a client carries between the rounds of a call, and names the connection in origins: a caller is one
    witness, however many processes answer. Without ``key`` it is not known before the memory has been opened (`learn`).
    """

    def __init__(self, key: bytes | None) -> None:
        self._codec: AESGCMRequestStateCodec | None = None
        self._name: str | None = None
        if key is not None:
            self.learn(key)

    @property
    def known(self) -> bool:
        return self._codec is not None

    @property
    def name(self) -> str:
        """The same in every process, and tells nothing of the key. Raises `StoreUnavailable` before the key is known."""
        if self._name is None:
            raise StoreUnavailable("This server has not opened its memory yet.", hint="Try again.")
        return self._name

    def learn(self, key: bytes) -> None:
        self._name = hashlib.sha256(b"mnemic/connection/" + key).hexdigest()[:12]
        self._codec = AESGCMRequestStateCodec([hashlib.sha256(b"mnemic/request-state/" + key).digest()])

    def seal(self, payload: bytes) -> str:
        """Implements the SDK's `RequestStateCodec`."""
        if self._codec is None:
            raise InvalidRequestState("no key yet")
        return self._codec.seal(payload)

    def unseal(self, token: str) -> bytes:
        if self._codec is None:
            raise InvalidRequestState("no key yet")
        return self._codec.unseal(token)

    def security(self) -> RequestStateSecurity:
        """How the SDK seals: with this key, for the caller who began the call."""

        def principal(_: Any) -> str:
            caller = present_caller()
            return f"{caller.issuer} {caller.name}"

        return RequestStateSecurity(codec=self, bind_principal=principal)


class Prepared:
    """ASGI middleware: no request is looked at before the key is known, as far as the memory can be opened.

    A server answers as soon as it has started and opens its memory a little later; a call that began at another must not
    fail for that.
    """

    def __init__(self, app: ASGIApp, key: SharedKey, *, prepare: Callable[[], Awaitable[object]], path: str) -> None:
        self._app = app
        self._key = key
        self._prepare = prepare
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._key.known and scope["type"] == "http" and scope["path"] == self._path:
            try:
                await self._prepare()
            except MnemicError as error:
                # The tools meet the same and tell it to the caller in their own way.
                log.warning("http.not_prepared", error=str(error))
        await self._app(scope, receive, send)
