"""What working memory keeps of what is said, without the keys and passwords in them, where the policy wants that."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from mnemic.domain.item_values import with_strings
from mnemic.domain.working_memory.messages import Message
from mnemic.errors import InvalidInput

if TYPE_CHECKING:
    from mnemic.guard.policy import Policy

_T = TypeVar("_T")


def kept_as(policy: Policy) -> Callable[[Message], Message]:
    """What a session keeps of a message under a policy: itself, or the same without secrets.

    They are looked for in the text, in the arguments of calls and in ``opaque``, also where only the name beside a value of
    JSON tells that it is one. A signature of a provider over what held one is no longer good.
    """
    return without_secrets if _is_wanted(policy) else _as_given


def text_kept_as(policy: Policy) -> Callable[[str], str]:
    """What a session keeps under a policy of what an agent writes beside messages: subgoals, summaries, tasks, reasons."""
    return _clean if _is_wanted(policy) else _as_given


def _is_wanted(policy: Policy) -> bool:
    from mnemic.guard.policy.model import Messages  # a session that is only looked at needs neither rules nor policies

    return policy.enforced and policy.write.enabled and policy.write.messages is Messages.WITHOUT_SECRETS


def _as_given(given: _T) -> _T:
    return given


def without_secrets(message: Message) -> Message:
    """A message without the secrets in it, whatever the policy. Raises `InvalidInput`."""
    try:
        opaque = with_strings(message.opaque, _clean_named) if message.opaque else message.opaque
    except RecursionError:
        raise InvalidInput(
            f"opaque of {message.id!r} is nested too deeply to take secrets out of it.", hint="Leave it out."
        ) from None
    return replace(
        message,
        text=_clean(message.text),
        calls=tuple(replace(call, arguments=_clean_arguments(call.arguments)) for call in message.calls),
        opaque=opaque,
    )


def _clean(text: str) -> str:
    """Inside JSON by its strings, so that it stays JSON; else as it stands there."""
    value = _json_in(text)
    # Nested too deeply to be gone through, it is a text like any other.
    with suppress(RecursionError):
        clean = with_strings(value, _clean_named)
        text = text if clean == value else json.dumps(clean, ensure_ascii=False)
    return _redacted(text)


def _clean_arguments(arguments: str) -> str:
    clean = _clean(arguments)
    # A provider takes no arguments that are not JSON.
    broken = clean != arguments and _json_in(arguments) is not None and _json_in(clean) is None
    return json.dumps({"redacted": clean}, ensure_ascii=False) if broken else clean


def _clean_named(name: str, text: str) -> str:
    """A string under a name, which may tell what it is."""
    before = f"{name}: "
    clean = _redacted(before + text) if name else text
    return _redacted(clean.removeprefix(before) if clean.startswith(before) else text)


def _redacted(text: str) -> str:
    from mnemic.guard.guard import SECRETS
    from mnemic.guard.screening import redact, screen

    return redact(text, screen(text, rules=SECRETS).findings)


def _json_in(text: str) -> Any:
    """The object or list that a text is as JSON; None when it is none."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
