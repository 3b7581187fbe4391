"""Tokens of an OpenID Connect provider: JSON Web Tokens, checked with the provider's published keys."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
import httpx
import jwt
from pydantic import BaseModel, ConfigDict, Field

from mnemic import MnemicError
from mnemic.domain.access import Right, make_access
from mnemic.domain.validation import check_namespace
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic.logs import get_logger
from mnemic_mcp.http.callers import Caller

log = get_logger(__name__)

# Signatures with a public key only: with a shared secret whoever can check a token could make one.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
_SCOPE_PREFIX = "mnemic:"
_KEYS_SECONDS = 300.0
# A token with an unknown key makes us look for new keys, but not each of a flood of them.
_PATIENCE_SECONDS = 10.0
_TIMEOUT_SECONDS = 5.0
_LEEWAY_SECONDS = 30
_MAX_TOKEN_CHARS = 16_384
_CLAIM = re.compile(r"\{(\w+)\}")


class Provider(BaseModel):
    """Which provider is trusted with what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(description="The provider's URL, exactly as its tokens name it.")
    audience: str = Field(description="What tokens for this server name as their audience.")
    namespace: str = Field(
        "users/{sub}", description="Where a caller's memories are; `{claim}` stands for a claim of the token."
    )
    rights: tuple[Right, ...] = Field(
        (), description="Rights of a token in which no scope begins with `mnemic:`. None: it is refused."
    )


def check_provider(provider: Provider) -> Provider:
    """A provider whose keys may be fetched and whose template names namespaces. Raises `InvalidInput`."""
    try:
        _safe(provider.issuer)
    except (StoreUnavailable, httpx.InvalidURL) as error:
        raise InvalidInput(
            f"The issuer {provider.issuer[:200]!r} is not https.", hint="Keys must come over TLS."
        ) from error
    template = provider.namespace
    if re.search("[{}]", _CLAIM.sub("", template)):
        # As it stands it would be one namespace for all callers.
        raise InvalidInput(
            f"{template[:200]!r} has braces around what is no claim.",
            hint='Write it as "teams/{org}/{sub}"; a claim is named by letters, digits and "_".',
        )
    check_namespace(_CLAIM.sub("claim", template))
    return provider


class OidcDoor:
    """A `Door` for the tokens of one provider. Its keys are fetched when the first token comes, and kept for five minutes.

    Keys that are known go on being used when newer ones cannot be fetched; about any other token nobody can tell then, and
    `StoreUnavailable` is raised.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._keys_at = float("-inf")
        self._asked_at = float("-inf")
        self._failed = False
        self._asking = anyio.Lock()

    async def caller(self, token: str) -> Caller | None:
        if token.count(".") != 2 or len(token) > _MAX_TOKEN_CHARS:
            return None
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._key(header.get("kid"))
            if key is None:
                return None
            claims = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=self._provider.audience, issuer=self._provider.issuer,
                leeway=_LEEWAY_SECONDS, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.info("http.token_refused", reason=type(error).__name__)
            return None
        return self._let_in(claims)

    def _let_in(self, claims: Mapping[str, Any]) -> Caller | None:
        subject = str(claims["sub"])
        scopes = _scopes(claims)
        if scopes is None:
            log.info("http.token_refused", reason="its scopes are neither a text nor a list of texts")
            return None
        # Whoever gave it a scope of ours meant to say what it may do: misspelt, that is nothing, and never what others may.
        ours = [scope for scope in scopes if scope.casefold().startswith(_SCOPE_PREFIX)]
        known = [right for right in Right if f"{_SCOPE_PREFIX}{right}" in ours]
        try:
            namespace = tuple(_filled(label, claims) for label in self._provider.namespace.split("/"))
            access = make_access(subject, namespaces=[namespace], rights=known if ours else self._provider.rights)
        except (MnemicError, KeyError) as error:
            log.info("http.token_refused", reason=f"{type(error).__name__}: {error}")
            return None
        return Caller(name=subject, access=access, issuer=self._provider.issuer, expires_at=float(claims["exp"]))

    async def _key(self, kid: str | None) -> jwt.PyJWK | None:
        """The key of this name, None where the provider has none. Raises `StoreUnavailable` where that cannot be told."""
        now = time.monotonic()
        known = self._keys.get(kid)
        # A provider that is slow to answer holds up nobody whose key is known but the one who asks it.
        if known is not None and (now - self._keys_at < _KEYS_SECONDS or self._asking.locked()):
            return known
        async with self._asking:
            if now - self._asked_at >= _PATIENCE_SECONDS:
                await self._ask()
            known = self._keys.get(kid)
        if known is None and self._failed:
            raise StoreUnavailable(f"The keys of {self._provider.issuer} cannot be fetched.", hint="Try again.")
        return known

    async def _ask(self) -> None:
        """Fetch the keys that there are now."""
        try:
            self._keys = await _fetch_keys(self._provider.issuer)
        except Exception as error:  # whatever it sends
            self._failed = True
            log.warning("http.keys_not_fetched", issuer=self._provider.issuer, error=f"{type(error).__name__}: {error}")
        else:
            self._failed = False
            self._keys_at = time.monotonic()
        # Not before: whoever was cancelled meanwhile has not asked.
        self._asked_at = time.monotonic()


async def _fetch_keys(issuer: str) -> dict[str | None, jwt.PyJWK]:
    # No redirects: what the operator named is asked, and whatever it names itself, over TLS or on this machine.
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, follow_redirects=False) as web:
        described = await web.get(f"{_safe(issuer).rstrip('/')}/.well-known/openid-configuration")
        described.raise_for_status()
        about = described.json()
        if about["issuer"] != issuer:
            raise StoreUnavailable(f"{issuer} calls itself {str(about['issuer'])[:200]}.")
        keys = await web.get(_safe(str(about["jwks_uri"])))
        keys.raise_for_status()
    return {key.key_id: key for key in jwt.PyJWKSet.from_dict(keys.json()).keys}


def _safe(url: str) -> str:
    parsed = httpx.URL(url)
    if parsed.scheme != "https" and parsed.host not in ("127.0.0.1", "localhost", "::1"):
        raise StoreUnavailable(f"{url[:200]} is not https.", hint="Keys must come over TLS.")
    return url


def _scopes(claims: Mapping[str, Any]) -> Sequence[str] | None:
    """The scopes of a token, none where it says nothing of them; None where nobody can tell what it says."""
    found = claims.get("scope", claims.get("scp", ()))
    if isinstance(found, str):
        return found.split()
    texts = isinstance(found, list | tuple) and all(isinstance(one, str) for one in found)
    return list(found) if texts else None


def _filled(label: str, claims: Mapping[str, Any]) -> str:
    """A label of the namespace with its claims, to be checked as any label: a claim must not bring a path of its own.

    Raises `InvalidInput` for what is neither text nor whole number: all whose claim is null would share one namespace.
    """

    def said(name: str) -> str:
        claim = claims[name]
        if not isinstance(claim, str | int) or isinstance(claim, bool):
            raise InvalidInput(f"The claim {name} is {type(claim).__name__}.", hint="It must be text.")
        return str(claim)

    return _CLAIM.sub(lambda found: said(found[1]), label)
