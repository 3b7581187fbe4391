"""The HTTP application: MCP behind the gate, and what an operator asks of a server."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from limits import RateLimitItem, parse
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, ConfigDict, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from mnemic import MnemicError, Settings
from mnemic.domain.access import Right
from mnemic.domain.validation import check_choices
from mnemic.errors import InvalidInput
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.http.callers import CALLER, Caller, Door, present_caller
from mnemic_mcp.http.gate import Gate
from mnemic_mcp.http.observing import CONTENT_TYPE, Observing
from mnemic_mcp.http.oidc import OidcDoor, Provider, check_provider
from mnemic_mcp.http.plain_answers import PlainAnswers
from mnemic_mcp.http.replicas import Prepared, SharedKey
from mnemic_mcp.http.tokens import TOKENS_FILE, TokenFile
from mnemic_mcp.server import create_server

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MCP_PATH = "/mcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpOptions:
    """How to serve over HTTP.

    ``token`` opens the whole memory; ``tokens`` is the file of those that open parts of it; ``rate`` is what one caller may
    ask, such as ``6000/minute``. ``max_body_bytes`` and ``max_sessions`` bound what a client can make the server hold.
    ``stateless`` keeps nothing between requests, as several processes behind one port must; it is so by itself over a memory
    in a database, which any server may serve. ``state_key`` is what processes over a folder share. ``closed``: a token is
    needed whatever becomes of the file of tokens. ``delivered``: where processes over a folder note what went to whom.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = field(default=None, repr=False)
    tokens: Path | None = None
    provider: Provider | None = None
    allowed_hosts: Sequence[str] = ()
    public_url: str | None = None
    rate: str | None = "6000/minute"
    max_body_bytes: int = 4_000_000
    max_sessions: int = 1_000
    stateless: bool = False
    state_key: bytes | None = field(default=None, repr=False)
    closed: bool = False
    delivered: Path | None = None


class SharedToken:
    """A `Door` for the one token of ``MNEMIC_TOKEN``, which opens everything."""

    def __init__(self, token: str) -> None:
        self._expected = token.encode()

    async def caller(self, token: str) -> Caller | None:
        matches = hmac.compare_digest(token.encode("utf-8", "surrogateescape"), self._expected)
        return Caller(name="shared token", access=None) if matches else None


class HttpServer:
    """One process of a server: the application, the memory behind it, and whether it is ready."""

    def __init__(self, settings: Settings, options: HttpOptions) -> None:
        replicated = settings.database is not None
        self.options = replace(options, stateless=options.stateless or replicated)
        self.draining = False
        self._was_closed = options.closed
        self.observing = Observing()
        self.key = SharedKey(None if replicated else options.state_key or secrets.token_bytes(32))
        self.holder = MemoryHolder(
            settings,
            transport="http",
            caller=present_caller,
            observer=self.observing,
            shared=self.key,
            delivered=options.delivered,
        )
        self.tokens = TokenFile(options.tokens or settings.home / TOKENS_FILE)
        self._check_open_to()
        self.app = self._application()

    @property
    def closed(self) -> bool:
        """Whether a token is needed. A file of tokens closes the server even when none is left in it, and for good: whoever
        removes the file must not open the memory to everybody by it.
        """
        if not self._was_closed:
            self._was_closed = (
                self.options.token is not None or self.options.provider is not None or self.tokens.exists()
            )
        return self._was_closed

    def _check_open_to(self) -> None:
        if self.options.host not in LOOPBACK and not self.closed:
            raise InvalidInput(
                f"Serving on {self.options.host} without a token would open this memory to the network.",
                hint="Make one with `mnemic token create`, set MNEMIC_TOKEN to a long random value, or serve on 127.0.0.1.",
            )
        if self.tokens.exists():
            self.tokens.tokens()  # a file that cannot be read is told now and not to the first caller

    def _application(self) -> ASGIApp:
        options = self.options
        server = create_server(self.holder, request_state=self.key.security())
        app = server.streamable_http_app(
            streamable_http_path=MCP_PATH, host=options.host, transport_security=_security(options),
            max_request_body_size=options.max_body_bytes, max_sessions=options.max_sessions,
            stateless_http=options.stateless, json_response=options.stateless,
        )  # fmt: skip
        app.router.routes += [
            Route("/healthz", _alive), Route("/readyz", self._ready), Route("/metrics", self._metrics),
        ]  # fmt: skip
        doors: list[Door] = [self.tokens]
        if options.token is not None:
            doors.append(SharedToken(options.token))
        metadata_url = None
        if options.provider is not None:
            doors.append(OidcDoor(options.provider))
            resource = _exact(options.public_url or f"http://{options.host}:{options.port}{MCP_PATH}")
            metadata_url = str(build_resource_metadata_url(resource))
            app.router.routes += create_protected_resource_routes(
                resource_url=resource, authorization_servers=[_exact(options.provider.issuer)],
                scopes_supported=[f"mnemic:{right}" for right in Right],
            )  # fmt: skip
        plain = PlainAnswers(app, max_body_bytes=options.max_body_bytes)
        prepared = Prepared(plain, self.key, prepare=self.holder.whole, path=MCP_PATH)
        return Gate(
            prepared, doors, closed=lambda: self.closed, rate=None if options.rate is None else _rate(options.rate),
            metadata_url=metadata_url, refused=self.observing.refused,
        )  # fmt: skip

    async def _ready(self, _: Request) -> Response:
        """200 when a call would be answered; 503 while the memory or the tokens cannot be read, or the server is about to
        end.
        """
        if self.draining:
            return JSONResponse({"ready": False, "reason": "draining"}, 503)
        try:
            self.tokens.tokens()
        except MnemicError:
            return JSONResponse({"ready": False, "reason": "tokens"}, 503)
        from mnemic.services.health import probe

        try:
            await (await self.holder.whole()).run(probe)
        except MnemicError as error:
            return JSONResponse({"ready": False, "reason": type(error).__name__}, 503)
        return JSONResponse({"ready": True})

    async def _metrics(self, _: Request) -> Response:
        if not CALLER.get().may(Right.ADMIN):
            told = {"error": "insufficient_scope", "error_description": f'It needs the right "{Right.ADMIN}".'}
            return JSONResponse(told, 403)
        return Response(self.observing.metrics(), media_type=CONTENT_TYPE)


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _rate(text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:60]!r} is no rate.", hint='Write it as "6000/minute" or "5000/hour".') from error


def make_provider(
    issuer: str | None, audience: str | None, *, namespace: str, rights: Sequence[str] = ()
) -> Provider | None:
    """The provider that the options name, if any. Raises `InvalidInput`."""
    named = namespace != Provider.model_fields["namespace"].default or bool(rights)
    if issuer is None and audience is None and not named:
        return None
    if not issuer or not audience:
        raise InvalidInput("An OpenID Connect provider needs an issuer and an audience.", hint="Give both.")
    held = check_choices(rights, Right, name="a right")
    return check_provider(Provider(issuer=issuer, audience=audience, namespace=namespace, rights=held))


def _exact(url: str) -> AnyHttpUrl:
    """A URL without a slash added at its end: an issuer is compared letter by letter."""
    try:
        return TypeAdapter(AnyHttpUrl, config=ConfigDict(url_preserve_empty_path=True)).validate_python(url)
    except ValidationError as error:
        raise InvalidInput(f"{url[:200]!r} is no URL.", hint="Write it as https://host/path.") from error


def _security(options: HttpOptions) -> TransportSecuritySettings:
    names = list(dict.fromkeys(["127.0.0.1", "localhost", "[::1]", options.host, *options.allowed_hosts]))
    if options.public_url is not None:
        names.append(str(_exact(options.public_url).host))
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[entry for name in names for entry in (name, f"{name}:*")],
        allowed_origins=[
            f"{scheme}://{name}{rest}" for name in names for scheme in ("http", "https") for rest in ("", ":*")
        ],
    )
