"""Pruning by the agent itself (Memory-as-Action): records leave the view, the agent's own words about them stay.

Differences from the released code, all towards safety: ids are matched as ids and not as text that may occur anywhere,
either all of them are pruned or none, messages stay in place (so that calls and results keep pairing), and everything can
be restored.
"""

from __future__ import annotations

from collections.abc import Sequence

from mnemic.domain.counting import counted
from mnemic.domain.memory import Role
from mnemic.domain.validation import check_text, shown
from mnemic.domain.working_memory import safety
from mnemic.domain.working_memory.fragments import Display, Fragment, FragmentState
from mnemic.domain.working_memory.journal import Cell, Change
from mnemic.domain.working_memory.messages import EMPTY_ARGUMENTS, Message
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.placed_fragments import PartKey
from mnemic.domain.working_memory.prefix_cache import record_hiding
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput

MAX_MEMORY_CHARS = 20_000
MAX_DELETED = 1_000
_REASON = "pruned by the agent"


def prune_context(memory: WorkingMemory, *, text: str, delete_ids: Sequence[str], inline: bool = False) -> EditOutcome:
    """Hide the results named by ``delete_ids``, with the calls that asked for them; ``text`` is what the agent keeps.

    Ids are those of calls or of tools' messages. An assistant's words go when all its calls go; the words of users and of
    the system never do. With ``inline``, ``text`` stands in the place of the first record: for hosts whose messages do not
    hold the call of this tool itself. Raises `InvalidInput`, and changes nothing, unless every id is a record's.
    """
    text = memory.kept_text(check_text(text, name="memory", limit=MAX_MEMORY_CHARS))
    if not delete_ids:
        raise InvalidInput("delete_ids is empty.", hint="Name the tool results that are no longer needed.")
    if len(delete_ids) > MAX_DELETED:
        raise InvalidInput(f"delete_ids has {len(delete_ids):,} ids.", hint=f"Give at most {MAX_DELETED:,} at once.")
    positions = sorted({_record(memory, id) for id in delete_ids})
    gone_calls = {memory.messages[at].answers for at in positions}
    parts: list[PartKey] = [(memory.messages[at].id, None) for at in positions]
    for call_id in gone_calls:
        at = None if call_id is None else memory.call_position(call_id)
        if at is None:
            continue
        caller = memory.messages[at]
        parts.append((caller.id, call_id))
        gone_before = {call.id for call in caller.calls if _is_hidden(memory, (caller.id, call.id))}
        all_gone = {call.id for call in caller.calls} <= gone_calls | gone_before
        if caller.text and (caller.id, None) not in parts and all_gone:
            parts.append((caller.id, None))
    changes: list[Change] = []
    covers: list[Fragment] = []
    for number, part in enumerate(parts):
        cover, made = memory.covering(part)
        present = memory.display(cover.id)
        if (
            present is not None
            and present.reason == _REASON
            and memory.messages[memory.position(part[0])].role is Role.TOOL
        ):
            raise InvalidInput(f"{part[0]} is pruned already.", hint="Leave it out, or restore it first.")
        covers.append(cover)
        shown = EMPTY_ARGUMENTS if part[1] is not None else f"[pruned; {text}]" if inline and number == 0 else ""
        display = Display(state=FragmentState.FOLDED, text=shown, reason=_REASON)
        changes += [*made, memory.change(Cell.DISPLAY, cover.id, display)]
    hidden = safety.check(memory, covers)
    edit = record_hiding(memory, "prune_context", changes, {"memory": text, "delete_ids": list(delete_ids)})
    saved = counted(edit.tokens_before - edit.tokens_after, "token")
    return EditOutcome(
        said=f"Pruned {counted(len(positions), 'record')}, {saved}. Kept: {text}",
        edit=edit, ids=tuple(cover.id for cover in covers), warnings=(*hidden.warnings, *safety.name_lost(hidden, text)),
    )  # fmt: skip


def _is_hidden(memory: WorkingMemory, part: PartKey) -> bool:
    cover = memory.cover(part)
    return cover is not None and memory.display(cover.id) is not None


def _record(memory: WorkingMemory, id: str) -> int:
    """The tool's message that ``id`` names, by its own id or by that of the call it answers."""
    at = memory.answer_position(id) if isinstance(id, str) else None
    if at is None and isinstance(id, str) and memory.has_message(id):
        at = memory.position(id)
    message: Message | None = None if at is None else memory.messages[at]
    if at is None or message is None or message.role is not Role.TOOL:
        raise InvalidInput(
            f"{shown(id, 60)} is not the id of a tool's result; nothing was pruned.",
            hint="Give ids of tool calls or of their results, as the stats of the session list them.",
        )
    return at
