"""Personal data in a text: addresses, phone numbers, cards and accounts, each checked and not only shaped right."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening.hidden import ordered

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,6}[A-Za-z]{2,24}\b")
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:\+\d[\d\s().\-/]{6,18}\d|\(\d{3}\) ?\d{3}[-. ]\d{4}|\d{3}[-.]\d{3}[-.]\d{4})(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.+-])(?:\d[ -]?){12,18}\d(?![\w-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
# A social security number of the United States in its usual shape, but for those that were never given out.
_SSN = re.compile(r"(?<![\w.-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_DIGITS = re.compile(r"\D+")
_ISSUERS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|3[0689]|6(?:011|4|5|2)|35")


def personal_data(text: str) -> list[Finding]:
    """One finding for each kind of personal data."""
    kinds: dict[str, list[Span]] = {}
    for kind, span in _found(text):
        kinds.setdefault(kind, []).append(span)
    return [
        Finding(rule="personal-data", reason=f"contains personal data: {kind}", spans=ordered(spans), detail=kind)
        for kind, spans in sorted(kinds.items())
    ]


def _found(text: str) -> Iterator[tuple[str, Span]]:
    if "@" in text:
        yield from (("e-mail address", match.span()) for match in _EMAIL.finditer(text) if _is_address(match[0]))
    yield from (("phone number", match.span()) for match in _PHONE.finditer(text) if _is_phone(match[0]))
    if "-" in text:
        yield from (("social security number", match.span()) for match in _SSN.finditer(text))
    yield from (("card number", match.span()) for match in _CARD.finditer(text) if is_card(match[0]))
    yield from (("iban", match.span()) for match in _IBAN.finditer(text) if is_iban(match[0]))


def _is_address(candidate: str) -> bool:
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(candidate, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _is_phone(candidate: str) -> bool:
    """An international number, or one in the shape of North America: other national shapes are like any number."""
    import phonenumbers

    try:
        number = phonenumbers.parse(candidate, None if candidate.startswith("+") else "US")
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_possible_number(number) if candidate.startswith("+") else phonenumbers.is_valid_number(number)
    )


def is_card(candidate: str) -> bool:
    """A payment card: 13 to 19 digits, a known issuer, and the check digit of ISO/IEC 7812 (Luhn)."""
    digits = _DIGITS.sub("", candidate)
    if not 13 <= len(digits) <= 19 or not _ISSUERS.match(digits) or len(set(digits)) < 2:
        return False
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(candidate: str) -> bool:
    """An account number with the check digits of ISO 13616: the number is 1 modulo 97."""
    compact = candidate.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1
