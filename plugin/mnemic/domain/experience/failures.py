"""Whether an observation says that the action failed, and the class of the failure."""

from __future__ import annotations

import re
from typing import Any

from mnemic.domain.experience.values import mask_values
from mnemic.domain.folding.atoms import parse_json
from mnemic.domain.text import normalise

# Only short texts are searched for such words: pages, files and lists quote them.
_SHORT_CHARS = 240
_READ_CHARS = 4_000
_CLASS_CHARS = 120

_PREFIX = re.compile(
    r"\W{0,8}(?:(?P<type>(?:[A-Za-z_]\w{0,60}\.){0,4}[A-Z]\w{0,60}(?:Error|Exception))|(?:fatal |tool |api )?"
    r"(?:error|errors|exception|failure|failed|fatal))\b(?:\s{0,2}\[[^\]\n]{0,40}\]|\s{0,2}\([^)\n]{0,40}\))?\s{0,3}[:\-\u2013]\s{0,3}",
    re.IGNORECASE,
)
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w{0,60}\.){0,4}[A-Z]\w{0,60}(?:Error|Exception|Interrupt|Exit)\b[^\n]{0,200}")
_HTTP = re.compile(
    r"\b(?:HTTP(?:/\d(?:\.\d)?)?|status(?:[ _]code)?)\W{1,4}([45]\d\d)\b|\A\W{0,4}([45]\d\d)\s(?=[A-Z])", re.IGNORECASE
)
_FAILURE = re.compile(
    r"\b(?:nothing happens|not found|no such|does(?: not|n't) exist|invalid|(?:permission|access) denied"
    r"|forbidden|unauthori[sz]ed|timed out|timeout|can(?:not|'t)|could(?: not|n't)|unable to|failed(?: to)?"
    r"|not (?:allowed|permitted|possible|supported)"
    r"|no known action|un(?:known|recogni[sz]ed) (?:command|action|tool|function|method|argument|parameter|option)"
    r"|(?:syntax|parse|internal|server|runtime) error|missing required|out of (?:range|stock|memory))\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"[45]\d\d\b|(?:[A-Za-z_]\w{0,60}\.){0,4}[A-Z]\w{0,60}(?:Error|Exception|Interrupt|Exit)\b")
_ERROR_KEYS = ("error", "errors", "exception", "error_message", "errorMessage")
_SAID_IN = ("message", "detail", "details", "reason", "description", "type", "code", "name", "title")
_BAD_STATUS = frozenset("error errors failed failure fail fatal".split())
_HTTP_ERROR = 400


def error_class(observation: str, *, flagged: bool = False) -> str | None:
    """What kind of failure an observation reports, with the values in it masked as ``…``; None when it reports
    none.

    Read are errors of JSON results (``{"error": …}``, ``"status": "failed"``, codes from 400 on), prefixes such as
    ``Error:`` and ``ValueError:``, tracebacks, HTTP codes, and in short texts what says that something could not be
    done. ``flagged`` says that the provider marked the result as an error. At most 120 characters.
    """
    text = observation[:_READ_CHARS].strip()
    document = parse_json(observation)
    if document is None:
        said = _text_error(text)
    elif isinstance(document, dict):
        said = _json_error(document)
    else:
        said = ""
    if not said and flagged:
        said = _first_line(text) or "error"
    return _masked(said) if said else None


def _json_error(document: dict[str, Any]) -> str:
    for key in _ERROR_KEYS:
        if document.get(key):
            return _said(document[key]) or key
    status = document.get("status", document.get("status_code", document.get("statusCode")))
    failed = isinstance(status, str) and status.lower() in _BAD_STATUS
    refused = document.get("success") is False or document.get("ok") is False
    if isinstance(status, int) and not isinstance(status, bool) and _HTTP_ERROR <= status < 600:
        return f"{status} {_said(document)}".strip()
    if failed or refused or document.get("isError") is True or document.get("is_error") is True:
        return _said(document) or "failed"
    return ""


def _said(value: Any) -> str:
    """What an error value says in words."""
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        elif isinstance(value, dict):
            value = next((value[key] for key in _SAID_IN if value.get(key)), None)
        else:
            break
    return "" if value is None or isinstance(value, bool | dict | list) else _first_line(str(value))


def _text_error(text: str) -> str:
    if "Traceback (most recent call last)" in text:
        raised = _EXCEPTION.findall(text)
        return _first_line(raised[-1]) if raised else "Traceback"
    if prefix := _PREFIX.match(text):
        rest = _first_line(text[prefix.end() :])
        kind = prefix["type"]
        # "Error: ValueError: x" is a ValueError; "ValueError: x" keeps its name.
        return f"{kind}: {rest}".rstrip(": ") if kind else rest or "error"
    if http := _HTTP.search(text[:_SHORT_CHARS]):
        return f"{http[1] or http[2]} {_first_line(text[http.end() :]).lstrip(' :-')}".strip()
    if len(text) <= _SHORT_CHARS and _FAILURE.search(text):
        return _first_line(text)
    return ""


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.split("\n") if line.strip()), "")


def _masked(said: str) -> str:
    named = _NAMED.match(said)  # the code or the exception's name is the class, not a value
    head = named.group() if named else ""
    masked = normalise(head + mask_values(said[len(head) :])).strip(" .:;,\"'")
    return masked[:_CLASS_CHARS].rstrip() or "error"
