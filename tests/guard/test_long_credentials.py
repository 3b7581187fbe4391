"""A credential is taken out to its end, however long it is and wherever it stands."""

from __future__ import annotations

import base64
import json
import random
import string
from pathlib import Path

import pytest

from mnemic.guard.screening.secrets import secrets
from tests.guard.stores import USER, open_guarded

LETTERS = string.ascii_letters + string.digits


def run_of(length: int) -> str:
    return "".join(random.Random(length).choices(LETTERS, k=length))


def web_token(claims: int) -> str:
    """A JSON Web Token as providers sign them, with a claim of so many characters."""
    parts = [{"alg": "RS256", "typ": "JWT"}, {"sub": "ana", "roles": "r" * claims}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, run_of(342)])


def left_of(text: str) -> str:
    """What stays of a text without what was found in it."""
    spans = sorted(span for found in secrets(text) for span in found.spans)
    for start, end in reversed(spans):
        text = text[:start] + " " * (end - start) + text[end:]
    return text


@pytest.mark.parametrize("claims", [0, 100, 400, 800, 4_000])
@pytest.mark.parametrize("lead", ["", "token: ", "Authorization: Bearer ", "https://app.example/in?jwt="])
def test_a_web_token_of_any_length_is_found_to_its_end(lead: str, claims: int) -> None:
    token = web_token(claims)
    text = f"The call was {lead}{token}, and it worked."
    assert left_of(text).split() == f"The call was {lead} , and it worked.".split()


@pytest.mark.parametrize("before", range(0, 420, 30))
def test_a_key_is_found_to_its_end_wherever_in_a_long_word_it_stands(before: int) -> None:
    key = f"sk-proj-{run_of(190)}"
    found = left_of(f"https://app.example/{'a' * before}?k={key}")
    assert found.rstrip() == f"https://app.example/{'a' * before}?k="


@pytest.mark.parametrize("name", ["password", "api_key"])
def test_a_named_value_is_found_to_its_end(name: str) -> None:
    assert left_of(f"{name} = {run_of(900)}.").split() == [name, "=", "."]


@pytest.mark.parametrize(
    "text", ["eyJhbGciOiJub3QganNvbg.abcdefghijk.lmnopqrst", "eyJ0eXBlIjoibm8gYWxnIn0.eyJhIjogMX0xx.abcdefghijk"]
)
def test_what_only_looks_like_a_web_token_is_left_alone(text: str) -> None:
    assert secrets(f"See {text} for more.") == []


async def test_nothing_of_a_long_web_token_is_stored(tmp_path: Path) -> None:
    token = web_token(800)
    async with open_guarded(tmp_path) as memory:
        receipt = await memory.remember(f"The call to the API used {token} and it worked.", origin=USER)
        stored = (await memory.get(receipt.id)).text
    assert stored == "The call to the API used [redacted: json web token] and it worked."
