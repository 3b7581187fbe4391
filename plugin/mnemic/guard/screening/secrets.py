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

from mnemic.domain.text import STOP_WORDS
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
# The same in other languages, with what it opens in between: "das Passwort für den Drucker lautet ...".
_PASSWORDS = (
    "passwort", "kennwort", "mot de passe", "contraseña", "clave", "senha", "palavra-passe", "parola", "wachtwoord",
    "hasło", "lösenord", "adgangskode", "passord", "salasana", "heslo", "lozinka", "jelszó", "şifre", "kata sandi",
    "mật khẩu", "пароль", "κωδικός", "密码", "密碼", "口令", "パスワード", "비밀번호", "암호", "كلمة المرور", "كلمة السر",
    "סיסמה", "पासवर्ड", "รหัสผ่าน",
)  # fmt: skip
_PASSWORD_HINTS = (*_PASSWORDS, "password")
_ASCII_PASSWORD_HINTS = tuple(name for name in _PASSWORD_HINTS if name.isascii())
_NAMED_ELSEWHERE = re.compile(
    rf"(?:{'|'.join(_PASSWORDS)}|password(?= (?:for|of|to|on|at|del|della|di|per|für|vom|zum|pour)\b))"
    r"\w{0,4}(?:\s[^\s.!?:=]{1,20}){0,5}?"
    r"(?:\s{0,2}(?::=|[:=\uff1a])|\s(?:is|lautet|heißt|ist|est|es|è|é|to|är|er|on|je|este|adalah|là)(?=\s)"
    r"|は|是|为|為|는|은|\s\u0647\u064a)"
    r"\s{0,2}[\"'`\u201c\u300c]?(?P<value>[!-~]{6,200})",
    re.IGNORECASE,
)
# Words that are a key together: a passphrase, or what a wallet is restored from, which are twelve at least.
_FEWEST_WALLET_WORDS = 12
_PHRASE = re.compile(
    r"\b(?:(?P<own>pass ?phrase)|(?:seed|recovery|backup|mnemonic|wallet) (?:phrase|words)|mnemonic)(?: of [\w ]{1,30}?)?"
    r"\s{0,2}(?:[:=]|\bis\b:?)\s{0,2}[\"'`\u201c]?(?P<value>[a-z]{3,10}(?:[ ,\n]{1,2}(?:\d{1,2}[.)] )?[a-z]{3,10}){3,23})\b",
    re.IGNORECASE,
)
# Short numbers that are asked for as a proof: of a card, an account or a telephone, or for one time.
_CODE = re.compile(
    r"\b(?:(?:my|your|his|her|card|bank|debit|credit|sim|phone|account|atm)(?:['\u2019]s)? (?:[\w-]{1,20} ){0,2}?pin"
    r"|pin (?:code |number )?(?:of|for|to) (?:my|your|his|her|the) (?:\w{1,20} ){0,2}?(?:card|account|phone|sim|bank)"
    r"|puk|cvv2?|cvc2?|otp|(?:one[- ]time|verification|sms|2fa|two-factor) (?:pass)?code)s?"
    r"\s{0,2}(?:[:=#]|\bis(?: now)?\b:?|(?<=cv[vc])\s)\s{0,2}[\"'`]?(?P<value>\d{3,8})(?![\w.,]?\d)",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:^|[\s;(-])(?:password|passwd|pwd|passphrase)\s(?P<value>[!-~]{8,200})", re.IGNORECASE)
# "sha256", "base64-encoded" and "OAuth2.0" are words with a number behind.
_NUMBERED_WORD = re.compile(r"[A-Za-z]+-?\d{1,3}(?:[-.,;:]\w*)*$")
_CODE_HINTS = ("pin", "puk", "cvv", "cvc", "otp", "time ", "fication ", "sms ", "2fa ", "factor ")
_PHRASE_HINTS = ("phrase", "words", "mnemonic")
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
# Formats that the library does not know yet: keys of OpenAI, Anthropic and Google, fine-grained GitHub tokens, and others
# that bear a mark of who gave them out. Of other tokens of GitHub and GitLab it tells the first letters alone.
_MARKED = re.compile(
    r"(?<![A-Za-z0-9])(?:gh[pousr]_\w{36,255}|gl(?:pat|dt|ft|soat|rtr?|cbt|imt|ptt|agent|oas)-[\w-]{20,300}"
    r"|GR1348941[\w-]{20,60}"
    r"|npm_[A-Za-z0-9]{30,60}|dop_v1_[0-9a-f]{40,80}|shp(?:at|ca|pa|ss)_[0-9a-f]{24,64}"
    r"|r[ks]_(?:live|test)_[A-Za-z0-9]{16,120}|sk_test_[A-Za-z0-9]{16,120}|ya29\.[\w-]{20,300}|GOCSPX-[\w-]{20,60}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{40,80}|xapp-[\w-]{20,200}|lin_api_\w{30,60}|secret_[A-Za-z0-9]{40,60}|ntn_\w{40,60}"
    r"|pplx-\w{40,60}|gsk_[A-Za-z0-9]{40,60}|r8_[A-Za-z0-9]{30,50}|dapi[0-9a-f]{32}|figd_[\w-]{30,60}|hvs\.[\w-]{20,200}"
    r"|sk-(?:proj|ant|svcacct|admin)-[\w-]{20,200}|sk-[A-Za-z0-9]{40,64}\b|AIza[\w-]{35}\b|github_pat_\w{40,120}"
    r"|hf_[A-Za-z0-9]{30,50}\b)"
)
_LONG = re.compile(r"(?<!\S)\S{16,}")
# Of a JSON Web Token the library checks the whole, and that may be longer than the pieces it is shown.
_WEB_TOKEN = re.compile(r"(?<![\w-])(?P<head>eyJ[\w-]{8,2000})\.[\w-]{8,}(?:\.[\w-]*){0,3}", re.ASCII)
# What goes on behind a credential that was looked at only so far: its rest is as secret.
_REST_OF_VALUE = re.compile(r"[^\s\"'`\u201d,;<>()]*")
_REST_OF_TOKEN = re.compile(r"[\w.+/=-]*", re.ASCII)
_REST_OF_WORD = re.compile(r"[\w-]*", re.ASCII)
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
    yield from _named(text)
    if "eyJ" in text:
        yield from (
            ("json web token", match.span()) for match in _WEB_TOKEN.finditer(text) if _is_header(match["head"])
        )
    if "PRIVATE KEY" in text:
        yield from (("private key", match.span()) for match in _PEM.finditer(text))
    reach = 0  # the end of the last run that was read to its end
    for token in _LONG.finditer(text):
        for start in range(token.start(), token.end(), _WINDOW - _OVERLAP):
            stop = min(token.end(), start + _WINDOW)
            for (begin, end), kind in sorted(_known(text[start:stop], start)):
                if end > reach:
                    # A format may be older than the token, and shorter.
                    reach = _end_of(_REST_OF_TOKEN if end == stop else _REST_OF_WORD, text, end)
                yield kind, (begin, reach)


def _named(text: str) -> Iterator[tuple[str, Span]]:
    """Credentials that stand behind their names."""
    low = text.lower()
    if holds_any(low, _NAME_HINTS):
        reach = 0  # the end of the value last seen, so that no run is read to its end for each of its parts
        for match in _NAMED.finditer(text):
            value = match["value"].rstrip(".!?:")
            password = "pass" in match["name"].lower() or "pwd" in match["name"].lower()
            if looks_secret(value, named_password=password):
                start, end = match.span("value")
                reach = _end_of(_REST_OF_VALUE, text, end) if end > reach else reach
                yield "password" if password else "named secret", (start, _without_stops(text, start, reach))
        for match in _BARE.finditer(text):
            value = match["value"].rstrip(".!?:,;)\"'")
            if not _NUMBERED_WORD.match(value) and looks_secret(value, named_password=True) and _has_digit(value):
                yield "password", (match.start("value"), match.start("value") + len(value))
    if holds_any(low, _ASCII_PASSWORD_HINTS if text.isascii() else _PASSWORD_HINTS):
        for match in _NAMED_ELSEWHERE.finditer(text):
            value = match["value"].rstrip(".!?:,;)\"'`")
            if looks_secret(value, named_password=True):
                yield "password", (match.start("value"), match.start("value") + len(value))
    if holds_any(low, _PHRASE_HINTS):
        for match in _PHRASE.finditer(text):
            words = match["value"].lower().split()
            if STOP_WORDS.isdisjoint(words) and (match["own"] or len(words) >= _FEWEST_WALLET_WORDS):
                yield "passphrase", match.span("value")
    if holds_any(low, _CODE_HINTS):
        yield from (("access code", match.span("value")) for match in _CODE.finditer(text))


def _known(piece: str, offset: int) -> Iterator[tuple[Span, str]]:
    """Credentials of a known format in a piece of a long token: short pieces, so no text can make a detector slow."""
    for match in _MARKED.finditer(piece):
        yield (offset + match.start(), offset + match.end()), "api key"
    for at, (_, _, marks) in enumerate(_PLUGINS):
        if holds_any(piece, marks):
            kind, detector = _detector(at)
            for value in filter(None, set(detector.analyze_string(piece))):
                start = piece.find(value)
                while start >= 0:
                    end = start + len(value)
                    yield (offset + start, offset + end), kind
                    start = piece.find(value, end)


def _end_of(rest: re.Pattern[str], text: str, at: int) -> int:
    """Where what goes on at ``at`` ends."""
    found = rest.match(text, at)
    return at if found is None else found.end()


def _without_stops(text: str, start: int, end: int) -> int:
    """The end of a value without the stops that end a sentence behind it."""
    while end > start and text[end - 1] in ".!?:":
        end -= 1
    return end


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
    digits = _has_digit(value)
    letters = any(char.isalpha() for char in value)
    symbols = any(not char.isalnum() for char in value.strip("-_/"))
    if named_password:
        return (digits and (letters or len(value) >= 8)) or (
            symbols and letters and value.lower() != value and len(value) >= 8
        )
    return len(value) >= 12 and digits and letters and _bits(value) >= _RANDOM_BITS


def _has_digit(value: str) -> bool:
    return any(char.isdigit() for char in value)


def _bits(value: str) -> float:
    """Shannon entropy in bits per character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


@cache
def _detector(at: int) -> tuple[str, Any]:
    """The kind of credential and the detector of one plugin. Loaded when first needed: the first import costs 0.1 s."""
    module, name, _ = _PLUGINS[at]
    detector = getattr(import_module(f"detect_secrets.plugins.{module}"), name)()
    return str(detector.secret_type).lower().replace("access key", "key"), detector
