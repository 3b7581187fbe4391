"""Keys, tokens and passwords in a text: detect-secrets' detectors where a cheap look finds a reason, and passwords by name."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening.hidden import ordered

# Marks of the token formats that detect-secrets knows. Ordinary prose has none of them, and pays for this search alone.
_MARK = re.compile(
    r"AKIA|ASIA|A3T|AKC|AP[\dABCDEF]|AccountKey=|gh[pousr]_|gl[a-z]{2,5}-|xox[abpors]-|hooks\.slack|sk-|[rs]k_live_|SG\.|npm_|_authToken"
    r"|pypi-|eyJ|BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY|PuTTY-User|sq0csp-|T3BlbkFJ|AC[a-z0-9]{32}|SK[a-z0-9]{32}|-us\d|\d{8}:[\w-]{35}"
    r"|://[^\s/:@]{1,80}:[^\s/@]{1,80}@|[MNO][\w-]{23,25}\.[\w-]{6}\.|cloudant|softlayer|hmac",
)
# A name for a secret, and its value.
_NAMED = re.compile(
    r"\b(?P<name>(?:[A-Za-z]{1,20}[_-]){0,3}(?:password|passwd|pwd|passphrase|passcode|secret(?:[_-]?(?:key|token))?|api[_ -]?key|apikey|access[_-]?key"
    r"|auth[_-]?token|access[_-]?token|refresh[_-]?token|bearer|private[_-]?key|client[_-]?secret|credentials?|token|pin(?: code)?)s?)"
    r"[\"'`]?\s{0,2}(?::=|=>|[:=]|\bis(?: now)?\b|\s(?=[A-Za-z0-9+/_\-.=]{20}))\s{0,2}[\"'`\u201c]?(?P<value>[^\s\"'`\u201d,;<>()]{4,200})",
    re.IGNORECASE,
)
_NAME_HINT = re.compile(
    r"passw|pwd|passphrase|passcode|secret|api[_ -]?key|access[_-]?key|token|bearer|private[_-]?key|credential|\bpin\b",
    re.I,
)
_PLACEHOLDER = re.compile(
    r"^[*x.\-_#$%{\[]|your|example|placeholder|change_?me|redacted|\.\.\.|^(?:none|null|true|false|string|str|int)$|^\w+\(|\$\{|process\.|os\.|env\b",
    re.IGNORECASE,
)
_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END)){0,8000}(?:-----END [A-Z0-9 ]{0,20}-----)?"
)
_PLUGINS = (
    ("artifactory", "ArtifactoryDetector"), ("aws", "AWSKeyDetector"), ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"), ("cloudant", "CloudantDetector"), ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"), ("gitlab_token", "GitLabTokenDetector"),
    ("ibm_cloud_iam", "IbmCloudIamDetector"), ("ibm_cos_hmac", "IbmCosHmacDetector"), ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"), ("npm", "NpmDetector"), ("openai", "OpenAIDetector"),
    ("pypi_token", "PypiTokenDetector"), ("sendgrid", "SendGridDetector"), ("slack", "SlackDetector"),
    ("softlayer", "SoftlayerDetector"), ("square_oauth", "SquareOAuthDetector"), ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"), ("twilio", "TwilioKeyDetector"),
)  # fmt: skip
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
    if _NAME_HINT.search(text):
        for match in _NAMED.finditer(text):
            value = match["value"].rstrip(".!?:")
            if looks_secret(value, named_password="pass" in match["name"].lower() or "pwd" in match["name"].lower()):
                kind = (
                    "password" if "pass" in match["name"].lower() or "pwd" in match["name"].lower() else "named secret"
                )
                yield kind, (match.start("value"), match.start("value") + len(value))
    if not _MARK.search(text):
        return
    for match in _PEM.finditer(text):
        yield "private key", match.span()
    for start in _windows(text):
        piece = text[start : start + _WINDOW]
        for kind, detector in _detectors():
            for value in set(detector.analyze_string(piece)):
                at = piece.find(value) if value else -1
                while at >= 0:
                    yield kind, (start + at, start + at + len(value))
                    at = piece.find(value, at + len(value))


def _windows(text: str) -> list[int]:
    """Where the pieces round the marks begin: detectors see short pieces, so no line can make them slow."""
    starts: list[int] = []
    for match in _MARK.finditer(text):
        start = max(0, match.start() - _OVERLAP)
        if not starts or start >= starts[-1] + _WINDOW - 2 * _OVERLAP:
            starts.append(start)
    return starts


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
def _detectors() -> tuple[tuple[str, Any], ...]:
    """detect-secrets' detectors of known formats. Loaded when the first mark is met: importing them costs 0.1 s."""
    from importlib import import_module

    loaded = []
    for module, name in _PLUGINS:
        detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
        loaded.append((str(detector.secret_type).lower().replace("access key", "key"), detector))
    return tuple(loaded)
