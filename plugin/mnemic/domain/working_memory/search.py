"""Sculptor's search: exact text in the originals, whatever is shown of them.

Beyond the published one it looks into the arguments of calls too, but only where they are hidden: those in view can be read,
and the call that searches would find itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mnemic.domain.counting import counted
from mnemic.domain.memory import Role
from mnemic.domain.quoting import quote
from mnemic.domain.validation import check_count, check_text, shown
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import MessageId
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.placed_fragments import PartKey
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput

MAX_QUERY_CHARS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """Where a text was found: characters ``start`` to ``end`` (exclusive) of a message's original.

    With ``call_id`` they are those of that call's arguments.
    """

    message_id: MessageId
    start: int
    end: int
    at_user_message: int
    call_id: str | None = None


def search_context(
    memory: WorkingMemory, *, query: str, role: str = "user", max_results: int = 10, context_size: int = 200
) -> EditOutcome:
    """Find an exact text in the originals, folded or not; at most ``max_results`` (1-50) hits, in order.

    ``context_size`` (50-1000) is how many characters are shown on each side. Ids of hits hold until the next user message.
    """
    check_text(query, name="query", limit=MAX_QUERY_CHARS)
    check_count(max_results, name="max_results", low=1, high=50)
    check_count(context_size, name="context_size", low=50, high=1_000)
    found: dict[str, SearchHit] = {}
    lines: list[str] = []
    more = False
    taken = memory.values(Cell.SEARCH_HIT)
    for part, who in _searched(memory, role):
        text, begin = memory.part_text(part), 0
        while (begin := text.find(query, begin)) >= 0:
            if len(found) == max_results:
                more = True
                break
            hit = SearchHit(
                message_id=part[0], start=begin, end=begin + len(query), at_user_message=memory.last_user_at,
                call_id=part[1],
            )  # fmt: skip
            place = (part[0], begin) if part[1] is None else (*part, begin)
            id = memory.fresh_id("s", lambda free: free in taken or free in found, *place)
            found[id] = hit
            lines.append(f"{id} · {part[0]} ({who}, {_state_at(memory, hit)}):\n{_window(text, hit, context_size)}")
            begin += len(query)
        if more:
            break
    edit = memory.record(
        "search_context", [memory.change(Cell.SEARCH_HIT, id, hit) for id, hit in found.items()],
        arguments={"query": query, "role": role, "max_results": max_results, "context_size": context_size},
    )  # fmt: skip
    head = f"{counted(len(found), 'hit')}{', and there are more' if more else ''}"
    everywhere = "" if role == "all" else ' With role="all", what tools said is searched too.'
    nothing = f"{query!r} does not occur in what role={role!r} said.{everywhere}"
    said = "\n".join([f"{head} for {query!r}:", *lines]) if found else nothing
    return EditOutcome(said=said, edit=edit, ids=tuple(found))


def get_search_detail(memory: WorkingMemory, *, search_id: str, extended_context: int = 500) -> EditOutcome:
    """A wider look at one hit: ``extended_context`` (100-2000) characters on each side."""
    check_count(extended_context, name="extended_context", low=100, high=2_000)
    hit = memory.value(Cell.SEARCH_HIT, search_id) if isinstance(search_id, str) else None
    if not isinstance(hit, SearchHit):
        raise InvalidInput(
            f"There is no search hit {shown(search_id, 60)}.", hint="Use an id that search_context gave."
        )
    if hit.at_user_message != memory.last_user_at:
        raise InvalidInput(
            f"The search hit {search_id!r} has expired: a user message came since.", hint="Call search_context again."
        )
    text = memory.part_text((hit.message_id, hit.call_id))
    edit = memory.record("get_search_detail", arguments={"search_id": search_id, "extended_context": extended_context})
    return EditOutcome(
        said=f"{search_id} · {hit.message_id} ({_state_at(memory, hit)}):\n{_window(text, hit, extended_context)}",
        edit=edit, ids=(search_id,),
    )  # fmt: skip


def messages_of(memory: WorkingMemory, role: str) -> Sequence[int]:
    """Positions of the messages that ``role`` (user, assistant, all) means; the system's are never among them."""
    if role not in ("user", "assistant", "all"):
        raise InvalidInput(f"role is {shown(role)}.", hint='Use "user", "assistant" or "all" (tools included).')
    if role == "all":
        return [at for at, message in enumerate(memory.messages) if message.role is not Role.SYSTEM]
    return [at for at, message in enumerate(memory.messages) if message.role is Role(role)]


def _searched(memory: WorkingMemory, role: str) -> Iterator[tuple[PartKey, str]]:
    """The parts that a search looks into, with whose each is."""
    for at in messages_of(memory, role):
        message = memory.messages[at]
        yield (message.id, None), message.role.value
        for call in message.calls:
            part = (message.id, call.id)
            if memory.shown_part(part) != call.arguments:
                yield part, f"call of {call.name}"


def _state_at(memory: WorkingMemory, hit: SearchHit) -> str:
    """Whether what was found is in view."""
    part = (hit.message_id, hit.call_id)
    cover = memory.cover(part)
    over = [cover] if cover else []
    over += [piece for piece in memory.pieces(part) if piece.start < hit.end and hit.start < piece.end]
    hidden = next((piece for piece in over if memory.display(piece.id) is not None), None)
    return "visible" if hidden is None else f"{memory.state(hidden.id).value} in {hidden.id}"


def _window(text: str, hit: SearchHit, size: int) -> str:
    return quote(text[max(hit.start - size, 0) : hit.end + size])
