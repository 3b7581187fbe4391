"""One door for all formats of transcripts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.transcripts.anthropic_messages import read_anthropic
from mnemic.domain.working_memory.transcripts.claude_code import read_claude_code
from mnemic.domain.working_memory.transcripts.drafts import Draft, Transcript, TranscriptFormat, complete
from mnemic.domain.working_memory.transcripts.episodes import messages_of, read_steps
from mnemic.domain.working_memory.transcripts.langchain_messages import TYPES, read_langchain
from mnemic.domain.working_memory.transcripts.openai_messages import read_openai
from mnemic.domain.working_memory.transcripts.parsing import Parsed, PlacedValue, parse, shown
from mnemic.errors import InvalidInput

_WAYS = "Give a list of messages, an object with messages, traj or steps, or one message a line."
_EPISODES = {"traj": TranscriptFormat.TAU_BENCH, "steps": TranscriptFormat.STEPS}
_HOLDERS = ("messages", *_EPISODES)
_ANTHROPIC_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking", "image", "document"})
_OPENAI_FIELDS = ("tool_calls", "function_call", "tool_call_id")


def read_transcript(
    text: str, *, format: TranscriptFormat | str | None = None, after: Sequence[Message] = ()
) -> Transcript:
    """The messages of one conversation, in order; the format is found out when it is not given.

    ``after`` are the messages that it goes on from: their calls may be answered, their ids are taken.

    Raises `InvalidInput` that names the line or message, the value and the way out.
    """
    chosen = _check_format(format)
    try:
        return _read(parse(text), chosen, after)
    except RecursionError:
        raise InvalidInput(
            "The transcript is nested too deeply to be read.",
            hint="No provider nests a message that deeply; give the messages themselves.",
        ) from None


def _check_format(format: TranscriptFormat | str | None) -> TranscriptFormat | None:
    try:
        return None if format is None else TranscriptFormat(format)
    except ValueError:
        known = ", ".join(member.value for member in TranscriptFormat)
        raise InvalidInput(f"The format is {shown(format)}.", hint=f"Use one of: {known}.") from None


def _read(parsed: Parsed, format: TranscriptFormat | None, after: Sequence[Message]) -> Transcript:
    whole, items = _open(parsed)
    format = format or _recognise(whole, items)
    skipped: Counter[str] = Counter()
    drafts: list[Draft]
    if format in _EPISODES.values():
        field = next(name for name, of in _EPISODES.items() if of is format)
        if not isinstance(whole.get(field), list):
            raise InvalidInput(f"There is no list {field} in it.", hint=f"Give one {format.value} record as JSON.")
        drafts = read_steps(whole) if format is TranscriptFormat.STEPS else read_openai(messages_of(whole))
    elif format is TranscriptFormat.OPENAI:
        drafts = read_openai(items)
    elif format is TranscriptFormat.ANTHROPIC:
        drafts = read_anthropic(items, whole.get("system"))
    elif format is TranscriptFormat.LANGCHAIN:
        drafts = read_langchain(items, skipped)
    else:
        drafts = read_claude_code(items, skipped)
    return complete(drafts, format, skipped=skipped, half_pairs=parsed.half_pairs, after=after)


def _open(parsed: Parsed) -> tuple[dict[str, Any], Sequence[PlacedValue]]:
    """The object around the messages (empty if there is none) and the messages."""
    items = list(parsed.items)
    held = [item for item in items if isinstance(item.value, dict) and _holder(item.value) is not None]
    if held and len(items) > 1:
        raise InvalidInput(
            f"{held[0].where}: this is a conversation of its own, one of {len(items):,} lines.",
            hint="Give one of these lines at a time.",
        )
    value = items[0].value
    if held:
        inner = value[_holder(value) or ""]
        return value, [PlacedValue(where=f"message {number}", value=message) for number, message in enumerate(inner, 1)]
    if parsed.lines:
        return {}, items
    if isinstance(value, list):
        return {}, [PlacedValue(where=f"message {number}", value=message) for number, message in enumerate(value, 1)]
    if isinstance(value, dict):
        return {}, [PlacedValue(where="line 1", value=value)]
    raise InvalidInput(f"The document is {shown(value)}, not a conversation.", hint=_WAYS)


def _holder(value: dict[str, Any]) -> str | None:
    return next((name for name in _HOLDERS if isinstance(value.get(name), list)), None)


def _recognise(whole: dict[str, Any], items: Sequence[PlacedValue]) -> TranscriptFormat:
    held = _holder(whole)
    if held in _EPISODES:
        return _EPISODES[held]
    values = [item.value for item in items if isinstance(item.value, dict)]
    if any(_is_claude_code(value) for value in values):
        return TranscriptFormat.CLAUDE_CODE
    if any(_is_langchain(value) for value in values):
        return TranscriptFormat.LANGCHAIN
    if items and not any("role" in value for value in values):
        raise InvalidInput(f"{items[0].where}: this is no message of a known format.", hint=_WAYS)
    if any(value.get(name) for value in values for name in _OPENAI_FIELDS):
        return TranscriptFormat.OPENAI
    if "system" in whole or _ANTHROPIC_BLOCKS.intersection(_block_types(values)):
        return TranscriptFormat.ANTHROPIC
    return TranscriptFormat.OPENAI


def _is_claude_code(value: dict[str, Any]) -> bool:
    kind = value.get("type")
    if kind in ("user", "assistant") and isinstance(value.get("message"), dict):
        return True
    return isinstance(kind, str) and any(name in value for name in ("sessionId", "leafUuid", "parentUuid"))


def _is_langchain(value: dict[str, Any]) -> bool:
    if value.get("lc") is not None:
        return True
    kind = value.get("type")
    named = isinstance(kind, str) and (kind in TYPES or kind.endswith("MessageChunk"))
    return named and (isinstance(value.get("data"), dict) or "content" in value)


def _block_types(values: Iterable[dict[str, Any]]) -> set[str]:
    blocks = [block for value in values if isinstance(content := value.get("content"), list) for block in content]
    return {kind for block in blocks if isinstance(block, dict) and isinstance(kind := block.get("type"), str)}
