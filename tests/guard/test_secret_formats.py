"""Credentials of every known format are found whole, wherever they stand."""

from __future__ import annotations

import random
import string

import pytest

from mnemic.guard.screening.screen import redact
from mnemic.guard.screening.secrets import secrets

_ANY = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_chance = random.Random(3)


def _some(count: int, among: str = _ANY) -> str:
    return "".join(_chance.choice(among) for _ in range(count))


FORMATS = {
    "GitHub, personal": "ghp_" + _some(36),
    "GitHub, OAuth": "gho_" + _some(36),
    "GitHub, server": "ghs_" + _some(36),
    "GitLab, personal": "glpat-" + _some(20),
    "GitLab, runner": "glrt-" + _some(20),
    "GitLab, deploy": "gldt-" + _some(22),
    "GitLab, registration": "GR1348941" + _some(20),
    "GitLab, job": "glcbt-a1_" + _some(20),
    "GitLab, agent": "glagent-" + _some(300),
    "AWS": "AKIA" + _some(16, string.ascii_uppercase + string.digits),
    "Stripe": "sk_live_" + _some(24),
    "Stripe, newer": "sk_live_" + _some(99),
    "Discord": "M" + _some(23) + "." + _some(6) + "." + _some(27),
    "Discord, newer": "M" + _some(25) + "." + _some(6) + "." + _some(38),
    "Slack": "xoxb-123456789012-123456789012-" + _some(24),
    "SendGrid": "SG." + _some(22) + "." + _some(43),
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + _some(80),
    "Square": "sq0csp-" + _some(43),
    "Telegram": "1234567890:" + _some(35),
    "Twilio": "AC" + _some(32, _HEX),
    "Mailchimp": _some(32, _HEX) + "-us12",
    "Azure": "AccountKey=" + _some(86) + "==",
    "OpenAI": "sk-" + _some(20) + "T3BlbkFJ" + _some(20),
    "npm": "npm_" + _some(36),
}
PLACES = (
    "use {} now",
    '{{"a":"{}"}}',
    '{{"a":"{0}","b":"{0}"}}',
    "first={0},again={0}",
    "git clone https://oauth2:{}@git.example/it.git",
    "(see {}).",
)


def cleaned(text: str) -> str:
    return redact(text, secrets(text))


def parts(credential: str, size: int = 10) -> set[str]:
    return {credential[at : at + size] for at in range(len(credential) - size + 1)}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", FORMATS)
def test_nothing_of_a_credential_is_left(name: str, place: str) -> None:
    text = place.format(FORMATS[name])
    left = cleaned(text)
    assert not [part for part in parts(FORMATS[name]) if part in left], left


@pytest.mark.parametrize(
    "place", ["https://bob:{}@host.example/x", '{{"u":"https://bob:{0}@a.example","v":"https://bob:{0}@b.example"}}']
)
def test_the_password_of_an_address_is_taken_out_each_time(place: str) -> None:
    password = _some(12)
    left = cleaned(place.format(password))
    assert password not in left
    assert "@" in left


@pytest.mark.parametrize(
    "text",
    [
        "The branch is gl-migration-of-the-old-runner-registration, merged on Monday.",
        "See https://shop.example/glass-top-table-with-drawers-and-a-lamp for the table.",
        "ghp_ is how tokens of GitHub begin, and glpat- those of GitLab.",
        "Sort gh_pages_build_and_deployment_of_the_documentation before the release.",
    ],
)
def test_words_that_begin_like_a_token_are_left_alone(text: str) -> None:
    assert cleaned(text) == text
