"""Regular expressions that no pattern and no text can make explode: RE2 looks at each character once.

RE2 has no look-around and no back references, which is what makes that possible. It is imported when a policy has a pattern.
"""

from __future__ import annotations

import re
import time
from functools import lru_cache
from itertools import islice
from typing import Any

from mnemic.domain.verdict import Span

MAX_SPANS = 32
_MAX_MEMORY_BYTES = 4 << 20
# Time is at most about the product of this and the text's length: one second for 100,000 characters.
_MAX_STEPS = 1_500
# Of this thread's own work: a machine that stalls must not leave the other keys of a text unmasked.
_MORE_SPANS_SECONDS = 0.02
_ALL_SPANS_SECONDS = 0.5
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class PatternError(ValueError):
    """A pattern cannot be used; the text says why."""


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Any:
    """The pattern, compiled; capitals do not matter unless it begins with ``(?-i)``.

    Raises PatternError for what RE2 does not know or would need too much memory for.
    """
    try:
        import re2
    except ImportError as error:
        raise PatternError("patterns need the package google-re2, which is not installed") from error
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_MEMORY_BYTES
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_explained(pattern, error)) from error
    except UnicodeEncodeError as error:
        raise PatternError("the pattern is no valid Unicode text") from error
    if compiled.programsize > _MAX_STEPS:
        raise PatternError(
            f"the pattern is too large: {compiled.programsize:,} steps, and {_MAX_STEPS:,} are the most. "
            "Repeat less, or make two rules"
        )
    return compiled


def find_spans(pattern: str, text: str) -> tuple[Span, ...] | None:
    """Where ``pattern`` is found in ``text``, from the left; None if nowhere. Empty matches have no place.

    At most `MAX_SPANS`, and fewer if each takes long to find: whether there is one never depends on time.
    """
    matches = compile_pattern(pattern).finditer(_encodable(text))
    first = next(matches, None)
    if first is None:
        return None
    enough = time.thread_time() + _MORE_SPANS_SECONDS
    found = [first.span()]
    for match in islice(matches, MAX_SPANS - 1):
        found.append(match.span())
        if time.thread_time() > enough:
            break
    return tuple(span for span in found if span[1] > span[0])


def find_all_spans(pattern: str, text: str) -> tuple[Span, ...]:
    """All places of ``pattern`` in ``text``, for taking them out; what touches is one place.

    Where they take too long to find, the last reaches to the end of the text: of what nobody has looked at nothing stays.
    """
    enough = time.thread_time() + _ALL_SPANS_SECONDS
    found: list[Span] = []
    for match in compile_pattern(pattern).finditer(_encodable(text)):
        start, end = match.span()
        late = time.thread_time() > enough
        if late:
            end = len(text)
        if found and found[-1][1] == start < end:
            found[-1] = found[-1][0], end
        elif start < end:
            found.append((start, end))
        if late:
            break
    return tuple(found)


def is_found(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is found anywhere in ``text``."""
    return compile_pattern(pattern).search(_encodable(text)) is not None


def _encodable(text: str) -> str:
    """Half of a surrogate pair has no UTF-8; it becomes one other character, so that places stay right."""
    return text if text.isascii() else _LONE_SURROGATE.sub("\ufffd", text)


def _explained(pattern: str, error: Exception) -> str:
    said = error.args[0] if error.args else ""
    reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if any(sign in pattern for sign in ("(?=", "(?!", "(?<=", "(?<!")):
        return "look-around such as (?=…) is not available, because it can take for ever"
    if "invalid escape sequence" in reason and any(f"\\{digit}" in pattern for digit in "123456789"):
        return "back references such as \\1 are not available, because they can take for ever"
    return f"the pattern cannot be used: {reason}"
