"""Context packs: what an agent should see next, in one text that fits a budget exactly as counted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnemic.domain.memory import Role
from mnemic.domain.quoting import quote
from mnemic.domain.working_memory.messages import NOTHING_SHOWN, Message
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.subgoals import open_subgoal_of
from mnemic.errors import InvalidInput


class Section(StrEnum):
    """The parts of a pack, in their order: what changes least comes first, so that a prompt cache survives."""

    INSTRUCTIONS = "Instructions"
    HISTORY = "History"
    SUBGOAL = "Current subgoal"
    GOAL = "Goal"
    LESSONS = "Lessons: what went wrong before"
    EXPERIENCES = "Experiences: what worked before"
    MEMORIES = "Memories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One cited piece of a pack: ``id`` says where it is from, ``text`` is how it is shown."""

    section: Section
    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What did not fit, and how to get it. ``tokens`` is what it would have taken."""

    section: Section
    ids: tuple[str, ...]
    tokens: int
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextPack:
    """``text`` is at most ``budget_tokens`` as counted by ``token_counter``; ``blocks`` are what it holds, in order."""

    text: str
    tokens: int
    budget_tokens: int
    token_counter: str
    blocks: tuple[Block, ...]
    left_out: tuple[LeftOut, ...]


# Shares of what is left after pinned instructions and the goal; what one section does not use the next may.
_SHARES = {Section.LESSONS: 0.15, Section.EXPERIENCES: 0.2, Section.MEMORIES: 0.4}
_HOW = {
    Section.HISTORY: "search_context finds text in it; view shows it",
    Section.SUBGOAL: "view shows it",
    Section.LESSONS: 'recall with kinds=["lesson"]',
    Section.EXPERIENCES: 'recall with kinds=["procedural"]',
    Section.MEMORIES: "recall with the goal as its query",
}


def session_blocks(memory: WorkingMemory) -> list[Block]:
    """A session as blocks: pinned instructions, then what is shown of the history, then the subgoal at work."""
    active = open_subgoal_of(memory.subgoals())
    begin = len(memory.messages) if active is None else active.opened_at
    pinned, history, current = [], [], []
    for at, message in enumerate(memory.render()):
        text = shown_text(message)
        if text is not None and memory.is_pinned(message.id):
            pinned.append(Block(section=Section.INSTRUCTIONS, id=message.id, text=text))
        elif text is not None and at < begin:
            history.append(Block(section=Section.HISTORY, id=message.id, text=text))
        elif text is not None:
            current.append(Block(section=Section.SUBGOAL, id=message.id, text=text))
    if active is not None:
        head = Block(
            section=Section.SUBGOAL, id=f"subgoal {active.number}", text=f"{active.number} Subgoal: {active.text}"
        )
        current.insert(0, head)
    return [*pinned, *history, *current]


def assemble(
    blocks: Sequence[Block], *, goal: str, budget_tokens: int, count_tokens: Callable[[str], int], counter: str
) -> ContextPack:
    """Choose from ``blocks`` (each section's in the order in which they matter, history's oldest first) what fits.

    Instructions and the goal are always there; then the newest steps of the subgoal at work, then lessons, experiences and
    memories up to their shares, then the newest history. Raises `InvalidInput` when the budget is smaller than what must
    be there.
    """
    goal_block = Block(section=Section.GOAL, id="goal", text=goal)
    fixed = [block for block in blocks if block.section is Section.INSTRUCTIONS]
    chosen: set[int] = {id(block) for block in [*fixed, goal_block]}
    everything = [*blocks, goal_block]
    needed = count_tokens(_text(everything, chosen))
    if needed > budget_tokens:
        raise InvalidInput(
            f"The pinned instructions and the goal take {needed} tokens; the budget is {budget_tokens}.",
            hint=f"Give at least {needed}, or unpin something.",
        )
    cost = {id(block): count_tokens(block.text) + 1 for block in blocks}
    # A section's heading is paid for by its first block; the exact count below corrects what this estimates.
    left = budget_tokens - needed - sum(count_tokens(f"## {section.value}\n\n") + 2 for section in Section)
    room = max(left, 0)
    current = [block for block in blocks if block.section is Section.SUBGOAL]
    room -= _take([*current[:1], *reversed(current[1:])], room, cost, chosen)
    for section, share in _SHARES.items():
        found = [block for block in blocks if block.section is section]
        room -= _take(found, min(room, int(left * share)), cost, chosen)
    history = [block for block in blocks if block.section is Section.HISTORY]
    _take(list(reversed(history)), room, cost, chosen)
    text = _text(everything, chosen)
    for block in [*history, *(b for s in reversed(_SHARES) for b in reversed(blocks) if b.section is s), *current]:
        if count_tokens(text) <= budget_tokens:
            break
        chosen.discard(id(block))
        text = _text(everything, chosen)
    order = list(Section)
    shown = sorted((b for b in everything if id(b) in chosen), key=lambda block: order.index(block.section))
    return ContextPack(
        text=text, tokens=count_tokens(text), budget_tokens=budget_tokens, token_counter=counter, blocks=tuple(shown),
        left_out=tuple(_left_out(blocks, chosen, cost)),
    )  # fmt: skip


def _take(blocks: Sequence[Block], room: int, cost: dict[int, int], chosen: set[int]) -> int:
    """Choose blocks in order while they fit; how many tokens they take. A gap in a history would mislead: stop at one."""
    used = 0
    for block in blocks:
        if used + cost[id(block)] > room:
            break
        chosen.add(id(block))
        used += cost[id(block)]
    return used


def _text(blocks: Sequence[Block], chosen: set[int]) -> str:
    parts = []
    for section in Section:
        texts = [block.text for block in blocks if block.section is section and id(block) in chosen]
        if texts:
            parts.append("\n".join([f"## {section.value}", *texts]))
    return "\n\n".join(parts)


def _left_out(blocks: Sequence[Block], chosen: set[int], cost: dict[int, int]) -> list[LeftOut]:
    found = []
    for section in Section:
        missing = [block for block in blocks if block.section is section and id(block) not in chosen]
        if missing:
            found.append(
                LeftOut(
                    section=section,
                    ids=tuple(block.id for block in missing),
                    tokens=sum(cost[id(block)] for block in missing),
                    how=_HOW[section],
                )
            )
    return found


def shown_text(message: Message) -> str | None:
    """A message as a cited block; None when nothing of it is left to show."""
    if message.role is Role.SYSTEM:
        return message.text
    calls = [f"{call.name}({call.arguments})" for call in message.calls if call.arguments != "{}"]
    text = "" if message.text == NOTHING_SHOWN else message.text
    if not text and not calls:
        return None
    # Whoever said it may have pasted anything: nothing in a message can pass for a heading or for another message.
    shown = quote("\n".join([*([text] if text else []), *calls]))
    return f"[{message.id} {message.role.value}{f' {message.name}' if message.name else ''}]\n{shown}"
