"""Tokens of an OpenID Connect provider: what is let in, with which rights and where, and everything that is not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import anyio
import jwt
import pytest

from mnemic.domain.access import Right
from mnemic.errors import StoreUnavailable
from mnemic_mcp.http import oidc
from mnemic_mcp.http.oidc import OidcDoor, Provider
from tests.serving.providers import AUDIENCE, OidcProvider, provider


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oidc, "_TIMEOUT_SECONDS", 60.0)


@pytest.fixture(scope="module")
def known() -> Iterator[OidcProvider]:
    with provider() as held:
        yield held


def door(known: OidcProvider, **options: Any) -> OidcDoor:
    return OidcDoor(Provider(issuer=known.issuer, audience=AUDIENCE, **options))


async def test_a_valid_token_opens_its_callers_own_namespace_with_the_rights_of_its_scopes(known: OidcProvider) -> None:
    caller = await door(known).caller(known.token(scope="openid mnemic:read mnemic:write mnemic:everything"))
    assert caller is not None
    assert caller.access is not None
    assert (caller.name, caller.issuer) == ("ana", known.issuer)
    assert caller.access.namespaces == (("users", "ana"),)
    assert caller.access.rights == {Right.READ, Right.WRITE}


async def test_claims_choose_the_namespace_and_the_rights_without_scopes(known: OidcProvider) -> None:
    opened = door(known, namespace="{org}/{sub}", rights=(Right.READ,))
    caller = await opened.caller(known.token(scope=None, org="acme"))
    assert caller is not None
    assert caller.access is not None
    assert caller.access.namespaces == (("acme", "ana"),)
    assert caller.access.rights == {Right.READ}


@pytest.mark.parametrize("scope", ["mnemic:raed", "openid mnemic:everything", "mnemic:", "Mnemic:Read", "mnemic:READ"])
async def test_a_token_whose_scopes_are_misspelt_does_not_get_the_rights_of_one_without(
    known: OidcProvider, scope: str
) -> None:
    opened = door(known, rights=(Right.READ, Right.WRITE))
    assert await opened.caller(known.token(scope=scope)) is None
    for without in (None, "", "openid profile"):
        caller = await opened.caller(known.token(scope=without))
        assert caller is not None and caller.access is not None
        assert caller.access.rights == {Right.READ, Right.WRITE}


@pytest.mark.parametrize("scope", [7, True, {"mnemic:read": True}, [["mnemic:read"]], [7]])
async def test_a_token_whose_scopes_are_neither_text_nor_texts_is_refused(known: OidcProvider, scope: Any) -> None:
    opened = door(known, rights=(Right.READ,))
    assert await opened.caller(known.token(scope=scope)) is None
    caller = await opened.caller(known.token(scope=["openid", "mnemic:write"]))
    assert caller is not None and caller.access is not None and caller.access.rights == {Right.WRITE}


REFUSED: dict[str, dict[str, Any]] = {
    "expired": {"exp": time.time() - 3_600},
    "not yet valid": {"nbf": time.time() + 3_600},
    "for another audience": {"aud": "https://other.example"},
    "for no audience": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "without an end": {"exp": None},
    "of nobody": {"sub": None},
    "with an empty subject": {"sub": ""},
    "without a right": {"scope": "openid"},
    "with rights of another kind": {"scope": "read write admin"},
    "whose subject is a path upwards": {"sub": ".."},
    "whose subject is a path into others": {"sub": "bob/diary"},
    "whose subject holds a control character": {"sub": "ana\nbob"},
    "with a key that nobody knows": {"kid": "first", "key": "unknown"},
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_token_is_refused(known: OidcProvider, why: str) -> None:
    given = dict(REFUSED[why])
    if given.get("key") == "unknown":
        given["key"] = OidcProvider().keys["first"]
    assert await door(known).caller(known.token(**given)) is None


@pytest.mark.parametrize("org", [None, True, ["acme"], {"name": "acme"}, 1.5], ids=str)
async def test_a_claim_that_is_no_text_names_no_namespace_that_others_would_share(
    known: OidcProvider, org: Any
) -> None:
    opened = door(known, namespace="teams/{org}")
    claims = {"iss": known.issuer, "aud": AUDIENCE, "sub": "ana", "exp": time.time() + 300, "scope": "mnemic:read"}
    for claim, let_in in ((org, False), (7, True), ("acme", True)):
        signed = jwt.encode({**claims, "org": claim}, known.keys["first"], algorithm="RS256", headers={"kid": "first"})
        assert (await opened.caller(signed) is not None) is let_in


async def test_a_token_that_is_signed_with_no_key_or_a_public_one_is_refused(known: OidcProvider) -> None:
    claims = {"iss": known.issuer, "aud": AUDIENCE, "sub": "ana", "exp": time.time() + 300, "scope": "mnemic:read"}
    opened = door(known)
    assert await opened.caller(jwt.encode(claims, None, algorithm="none", headers={"kid": "first"})) is None  # type: ignore[arg-type]
    import base64
    import hashlib
    import hmac
    import json

    # By hand: the library itself refuses to sign with a public key.
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "first"}, claims)
    ]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.new(known.public_pem(), signed, hashlib.sha256).digest()).rstrip(b"=")
    assert await opened.caller((signed + b"." + signature).decode()) is None


@pytest.mark.parametrize("token", ["", "..", "a.b.c", "é.é.é", "a" * 20_000 + "..", "eyJhbGciOiJSUzI1NiJ9.e30.AA"])
async def test_what_is_no_token_is_refused(known: OidcProvider, token: str) -> None:
    assert await door(known).caller(token) is None


async def test_new_keys_are_found_and_a_flood_of_unknown_ones_does_not_ask_again(
    known: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = door(known)
    assert await opened.caller(known.token()) is not None
    asked = known.asked
    monkeypatch.setattr(oidc, "_PATIENCE_SECONDS", 3_600.0)
    strange = OidcProvider()
    for number in range(20):
        assert await opened.caller(known.token(key=strange.keys["first"], kid=f"strange{number}")) is None
    assert known.asked == asked
    known.add_key("second")
    monkeypatch.setattr(oidc, "_PATIENCE_SECONDS", 0.0)
    assert await opened.caller(known.token(kid="second")) is not None


async def test_while_the_provider_is_gone_known_keys_go_on_and_nobody_else_comes_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oidc, "_PATIENCE_SECONDS", 0.0)
    with provider() as held:
        opened, late = door(held), door(held)
        token = held.token()
        assert await opened.caller(token) is not None
        strange = held.token(kid="second", key=held.keys["first"])
    monkeypatch.setattr(oidc, "_KEYS_SECONDS", 0.0)
    assert await opened.caller(token) is not None
    for one, what in ((late, token), (late, strange), (opened, strange)):
        # None would be told as a token that is wrong, and whoever has it would throw it away.
        with pytest.raises(StoreUnavailable):
            await one.caller(what)


async def test_while_a_provider_is_slow_nobody_waits_whose_key_is_known(
    known: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, token = door(known), known.token()
    assert await opened.caller(token) is not None
    monkeypatch.setattr(oidc, "_KEYS_SECONDS", 0.0)
    monkeypatch.setattr(oidc, "_PATIENCE_SECONDS", 0.0)
    fetch, asked, answers = oidc._fetch_keys, anyio.Event(), anyio.Event()

    async def slowly(issuer: str) -> Any:
        asked.set()
        await answers.wait()
        return await fetch(issuer)

    monkeypatch.setattr(oidc, "_fetch_keys", slowly)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(opened.caller, token)
        await asked.wait()
        with anyio.fail_after(60):
            assert await opened.caller(token) is not None
        answers.set()


async def test_who_was_cancelled_while_asking_keeps_nobody_from_asking(
    known: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, fetch, asked = door(known), oidc._fetch_keys, anyio.Event()

    async def never(issuer: str) -> Any:
        asked.set()
        await anyio.sleep_forever()

    monkeypatch.setattr(oidc, "_fetch_keys", never)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(opened.caller, known.token())
        await asked.wait()
        tasks.cancel_scope.cancel()
    monkeypatch.setattr(oidc, "_fetch_keys", fetch)
    assert await opened.caller(known.token()) is not None


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example"}, {"jwks_uri": "http://192.0.2.1/keys"}, {"jwks_uri": 7}, {"jwks_uri": None},
     {"jwks_uri": "https://["}],
)  # fmt: skip
async def test_a_provider_that_names_another_or_sends_us_elsewhere_is_not_believed(document: dict[str, Any]) -> None:
    with provider() as held:
        held.document = document
        with pytest.raises(StoreUnavailable):
            await door(held).caller(held.token())


@pytest.mark.parametrize("keys", [None, 7, [], {"keys": [7]}, {"keys": 7}, {"keys": []}])
async def test_what_is_no_set_of_keys_lets_nobody_in(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with provider() as held:
        monkeypatch.setattr(held, "jwks", lambda: keys)
        with pytest.raises(StoreUnavailable):
            await door(held).caller(held.token())
