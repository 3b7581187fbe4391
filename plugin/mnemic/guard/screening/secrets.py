"""Keys, tokens and passwords: detect-secrets' detectors where a cheap look finds a reason, and values beside a name."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening.hidden import ordered
from mnemic.guard.screening.plain import holds_any

# A name for a secret, and its value.
_NAMED = re.compile(
    r"\b(?P<name>(?:[A-Za-z]{1,20}[_-]){0,3}(?:password|passwd|pwd|passphrase|passcode|secret(?:[_-]?(?:key|token))?"
    r"|api[_ -]?key|apikey|access[_-]?key"
    r"|auth[_-]?token|access[_-]?token|refresh[_-]?token|bearer|private[_-]?key|client[_-]?secret|credentials?|token"
    r"|pin(?: code)?)s?)"
    r"[\"'`]?\s{0,2}(?::=|=>|[:=]|\bis(?: now)?\b"
    r"|\s(?=[A-Za-z0-9+/_\-.=]{20}))\s{0,2}[\"'`\u201c]?(?P<value>[^\s\"'`\u201d,;<>()]{4,200})",
    re.IGNORECASE,
)
# Every name in `_NAMED` holds one of these: text without them pays for this look alone.
_NAME_HINTS = ("passw", "pwd", "passphrase", "passcode", "secret", "key", "token", "bearer", "credential", "pin")
_PLACEHOLDER = re.compile(
    r"^(?:[*.\-_#$%{\[]|x{3})|your|example|placeholder|change_?me|redacted|\.\.\.|^(?:none|null|true|false|string|str|int)$"
    r"|^\w+\(|\$\{|process\.|os\.|env\b",
    re.IGNORECASE,
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:[^-]"
    r"|-(?!----END)){0,8000}(?:-----END [A-Z0-9 ]{0,20}-----)?"
)
# detect-secrets' detectors of known formats, and what stands in every token of the format. Ordinary prose has none of it.
# The few formats without a mark (Twilio, Mailchimp, Telegram, Discord) are known by a long token: see `_LONG`.
_PLUGINS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("artifactory", "ArtifactoryDetector", ("AKC", "AP")),
    ("aws", "AWSKeyDetector", ("AKIA", "ASIA", "A3T", "ABIA", "ACCA")),
    ("azure_storage_key", "AzureStorageKeyDetector", ("AccountKey=",)),
    ("basic_auth", "BasicAuthDetector", ("://",)),
    ("cloudant", "CloudantDetector", ("cloudant",)),
    ("discord", "DiscordBotTokenDetector", (".",)),
    ("github_token", "GitHubTokenDetector", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")),
    ("gitlab_token", "GitLabTokenDetector", ("gl",)),
    ("jwt", "JwtTokenDetector", ("eyJ",)),
    ("mailchimp", "MailchimpDetector", ("-us",)),
    ("npm", "NpmDetector", ("_authToken",)),
    ("openai", "OpenAIDetector", ("T3BlbkFJ",)),
    ("pypi_token", "PypiTokenDetector", ("pypi-",)),
    ("sendgrid", "SendGridDetector", ("SG.",)),
    ("slack", "SlackDetector", ("xox", "XOX", "hooks.slack")),
    ("square_oauth", "SquareOAuthDetector", ("sq0csp-",)),
    ("stripe", "StripeDetector", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", (":",)),
    ("twilio", "TwilioKeyDetector", ("AC", "SK")),
)
# Newer formats that the library does not know yet: keys of OpenAI, Anthropic and Google, fine-grained GitHub tokens.
_NEWER = re.compile(
    r"\b(?:sk-(?:proj|ant|svcacct|admin)-[\w-]{20,200}|sk-[A-Za-z0-9]{40,64}\b|AIza[\w-]{35}\b|github_pat_\w{40,120}"
    r"|hf_[A-Za-z0-9]{30,50}\b)"
)
_LONG = re.compile(r"(?<!\S)\S{16,}")
# Of a JSON Web Token the library checks the whole, and that may be longer than the pieces it is shown.
_WEB_TOKEN = re.compile(r"(?<![\w-])(?P<head>eyJ[\w-]{8,2000})\.[\w-]{8,}(?:\.[\w-]*){0,3}", re.ASCII)
# What goes on behind a credential that was looked at only so far: its rest is as secret.
_REST_OF_VALUE = re.compile(r"[^\s\"'`\u201d,;<>()]*")
_REST_OF_TOKEN = re.compile(r"[\w.+/=-]*", re.ASCII)
_WINDOW = 400
_OVERLAP = 130
# Bits per character from which a run counts as random: detect-secrets' own limit for base64 is 4.5 for long strings;
# beside a name such as api_key less is enough.
_RANDOM_BITS = 3.0


def secrets(text: str) -> list[Finding]:
    """One finding for each kind of credential, its spans on the credentials themselves."""
    kinds: dict[str, list[Span]] = {}
    for kind, span in _found(text):
        kinds.setdefault(kind, []).append(span)
    return [
        Finding(rule="secret", reason=f"contains a credential: {kind}", spans=ordered(spans), detail=kind)
        for kind, spans in sorted(kinds.items())
    ]


def _found(text: str) -> Iterator[tuple[str, Span]]:
    low = text.lower()
    if holds_any(low, _NAME_HINTS):
        for match in _NAMED.finditer(text):
            value = match["value"].rstrip(".!?:")
            password = "pass" in match["name"].lower() or "pwd" in match["name"].lower()
            if looks_secret(value, named_password=password):
                start, end = match.span("value")
                whole = text[start : _end_of(_REST_OF_VALUE, text, end)].rstrip(".!?:")
                yield "password" if password else "named secret", (start, start + len(whole))
    if "eyJ" in text:
        yield from (
            ("json web token", match.span()) for match in _WEB_TOKEN.finditer(text) if _is_header(match["head"])
        )
    if "PRIVATE KEY" in text:
        yield from (("private key", match.span()) for match in _PEM.finditer(text))
    for token in _LONG.finditer(text):
        for start in range(token.start(), token.end(), _WINDOW - _OVERLAP):
            stop = min(token.end(), start + _WINDOW)
            for kind, (begin, end) in _known(text[start:stop], start):
                yield kind, (begin, _end_of(_REST_OF_TOKEN, text, end) if end == stop else end)


def _known(piece: str, offset: int) -> Iterator[tuple[str, Span]]:
    """Credentials of a known format in a piece of a long token: short pieces, so no text can make a detector slow."""
    for match in _NEWER.finditer(piece):
        yield "api key", (offset + match.start(), offset + match.end())
    for at, (_, _, marks) in enumerate(_PLUGINS):
        if holds_any(piece, marks):
            kind, detector = _detector(at)
            for value in set(detector.analyze_string(piece)):
                start = piece.find(value) if value else -1
                if start >= 0:
                    yield kind, (offset + start, offset + start + len(value))


def _end_of(rest: re.Pattern[str], text: str, at: int) -> int:
    """Where what goes on at ``at`` ends."""
    found = rest.match(text, at)
    return at if found is None else found.end()


def _is_header(part: str) -> bool:
    """Whether the first part of what looks like a JSON Web Token says how the rest is signed or encrypted."""
    try:
        found = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "alg" in found


def looks_secret(value: str, *, named_password: bool) -> bool:
    """Whether a value beside a telling name is a credential, and no placeholder, word or sentence."""
    if len(value) < 6 or _PLACEHOLDER.search(value):
        return False
    digits = any(char.isdigit() for char in value)
    letters = any(char.isalpha() for char in value)
    symbols = any(not char.isalnum() for char in value.strip("-_/"))
    if named_password:
        return (digits and (letters or len(value) >= 8)) or (
            symbols and letters and value.lower() != value and len(value) >= 8
        )
    return len(value) >= 12 and digits and letters and _bits(value) >= _RANDOM_BITS


def _bits(value: str) -> float:
    """Shannon entropy in bits per character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


@cache
def _detector(at: int) -> tuple[str, Any]:
    """The kind of credential and the detector of one plugin. Loaded when first needed: the first import costs 0.1 s."""
    module, name, _ = _PLUGINS[at]
    detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
    return str(detector.secret_type).lower().replace("access key", "key"), detector
