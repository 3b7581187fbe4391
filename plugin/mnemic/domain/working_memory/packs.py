"""Context packs: what an agent should see next, in one text that fits a budget exactly as counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mnemic.domain.memory import Role
from mnemic.domain.quoting import quote, visible
from mnemic.domain.working_memory.messages import EMPTY_ARGUMENTS, NOTHING_SHOWN
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.subgoals import open_subgoal_of
from mnemic.domain.working_memory.summaries import shorten
from mnemic.domain.working_memory.task_graph import Task, TaskStatus, tasks_of
from mnemic.errors import InvalidInput


class Section(StrEnum):
    """The parts of a pack, in their order: what changes least comes first, so that a prompt cache survives."""

    INSTRUCTIONS = "Instructions"
    HISTORY = "History"
    SUBGOAL = "Current subgoal"
    TASKS = "Tasks"
    GOAL = "Goal"
    LESSONS = "Lessons: what went wrong before"
    EXPERIENCES = "Experiences: what worked before"
    MEMORIES = "Memories"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One cited piece of a pack: ``id`` says where it is from, ``text`` is how it is shown. ``cut``: only its beginning."""

    section: Section
    id: str
    text: str
    cut: bool = False


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


_RECALLED = (Section.TASKS, Section.LESSONS, Section.EXPERIENCES, Section.MEMORIES)
_LEAST_CUT_TOKENS = 40
_CUT_MARK_TOKENS = 5
# Shares of what is left after pinned instructions and the goal; what one section does not use the next may.
_SHARES = {Section.TASKS: 0.2, Section.LESSONS: 0.15, Section.EXPERIENCES: 0.2, Section.MEMORIES: 0.4}
_HOW = {
    Section.HISTORY: "search_context finds text in it; view shows it",
    Section.SUBGOAL: "view shows it",
    Section.TASKS: "stats lists them",
    Section.LESSONS: 'recall with kinds=["lesson"]',
    Section.EXPERIENCES: 'recall with kinds=["procedural"]',
    Section.MEMORIES: "recall with the goal as its query",
}


def session_blocks(memory: WorkingMemory) -> list[Block]:
    """A session as blocks: pinned instructions, then what is shown of the history, then the subgoal at work."""
    active = open_subgoal_of(memory.subgoals())
    begin = len(memory.messages) if active is None else active.opened_at
    pinned, history, current = [], [], []
    for at, message in enumerate(memory.messages):
        text = shown_text(memory, at)
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
    open_tasks = [task for task in tasks_of(memory).values() if task.status is not TaskStatus.DONE]
    tasks = [Block(section=Section.TASKS, id=task.id, text=task_line(task)) for task in open_tasks]
    return [*pinned, *history, *current, *tasks]


def assemble(
    blocks: Sequence[Block], *, goal: str, budget_tokens: int, count_tokens: Callable[[str], int], counter: str
) -> ContextPack:
    """Choose from ``blocks`` (each section's in the order in which they matter, history's oldest first) what fits.

    Instructions and the goal are always there; then the newest steps of the subgoal at work, then lessons, experiences and
    memories up to their shares, then the newest history. Of the first step that does not fit, the beginning is there.
    Raises `InvalidInput` when the budget is smaller than what must be there.
    """
    by_section = {section: [block for block in blocks if block.section is section] for section in Section}
    chosen = {section: [] if section is not Section.INSTRUCTIONS else by_section[section] for section in Section}
    chosen[Section.GOAL] = [Block(section=Section.GOAL, id="goal", text=goal)]
    needed = count_tokens(_text(chosen))
    if needed > budget_tokens:
        raise InvalidInput(
            f"The pinned instructions and the goal take {needed} tokens; the budget is {budget_tokens}.",
            hint=f"Give at least {needed}, or unpin something.",
        )

    def take(section: Section, found: Sequence[Block], room: int) -> int:
        """Choose in order while it fits; how many tokens that takes. A gap in a conversation would mislead."""
        used = 0
        for block in found:
            cost = count_tokens(block.text) + 1
            if used + cost > room and section in _RECALLED:
                continue
            if used + cost > room:
                block = _cut(block, room - used, count_tokens)
                cost = count_tokens(block.text) + 1 if block.text else room + 1
            if used + cost > room:
                break
            chosen[section].append(block)
            used += cost
            if block.cut:
                break
        return used

    # A section's heading is paid for whether it is there or not; the exact count below corrects what this estimates.
    left = max(budget_tokens - needed - sum(count_tokens(f"## {section.value}\n\n") + 2 for section in Section), 0)
    current = by_section[Section.SUBGOAL]
    room = left - take(Section.SUBGOAL, [*current[:1], *reversed(current[1:])], left)
    for section, share in _SHARES.items():
        room -= take(section, by_section[section], min(room, int(left * share)))
    take(Section.HISTORY, list(reversed(by_section[Section.HISTORY])), room)
    place = {block.id: at for at, block in enumerate(blocks)}
    for section in (Section.SUBGOAL, Section.HISTORY):
        chosen[section].sort(key=lambda block: place[block.id])
    for section in (Section.HISTORY, *reversed(_SHARES), Section.SUBGOAL):
        while chosen[section] and count_tokens(_text(chosen)) > budget_tokens:
            chosen[section].pop(0 if section in (Section.HISTORY, Section.SUBGOAL) else -1)
    text = _text(chosen)
    shown = tuple(block for section in Section for block in chosen[section])
    return ContextPack(
        text=text, tokens=count_tokens(text), budget_tokens=budget_tokens, token_counter=counter, blocks=shown,
        left_out=tuple(_left_out(by_section, {block.id for block in shown if not block.cut}, count_tokens)),
    )  # fmt: skip


def _cut(block: Block, room: int, count_tokens: Callable[[str], int]) -> Block:
    """The beginning of a block, marked; without text when there is no room for that."""
    if room < _LEAST_CUT_TOKENS:
        return replace(block, text="", cut=True)
    text = shorten(block.text, count_tokens=count_tokens, max_tokens=room - _CUT_MARK_TOKENS)
    return replace(block, text=f"{text}\n[cut]", cut=True)


def _text(chosen: Mapping[Section, Sequence[Block]]) -> str:
    parts = [
        "\n".join([f"## {section.value}", *(block.text for block in chosen[section])])
        for section in Section
        if chosen[section]
    ]
    return "\n\n".join(parts)


def _left_out(
    by_section: Mapping[Section, Sequence[Block]], shown: set[str], count_tokens: Callable[[str], int]
) -> list[LeftOut]:
    found = []
    for section in Section:
        missing = [block for block in by_section[section] if block.id not in shown]
        if missing:
            found.append(
                LeftOut(
                    section=section,
                    ids=tuple(block.id for block in missing),
                    tokens=sum(count_tokens(block.text) + 1 for block in missing),
                    how=_HOW[section],
                )
            )
    return found


def task_line(task: Task) -> str:
    """A task in one line."""
    after = f", after {', '.join(task.after)}" if task.after else ""
    return f"task {task.id} ({task.status.value}{after}): {visible(task.title)}"


def shown_text(memory: WorkingMemory, at: int) -> str | None:
    """A message as a cited block, with what brings its original back; None when edits have left nothing to show."""
    raw, message = memory.messages[at], memory.render_of(at)
    if message.role is Role.SYSTEM:
        return message.text
    calls = [
        f"{call.name}({call.arguments})"
        for original, call in zip(raw.calls, message.calls, strict=True)
        if call is original or call.arguments != EMPTY_ARGUMENTS
    ]
    text = "" if message is not raw and message.text == NOTHING_SHOWN else message.text
    if not text and not calls:
        return None
    # Whoever said it may have pasted anything: nothing in a message can pass for a heading or for another message.
    shown = quote("\n".join([*([text] if text else []), *calls]))
    cover = memory.cover((message.id, None))
    folded = f" · {memory.state(cover.id).value} {cover.id}" if cover and memory.display(cover.id) else ""
    return f"[{message.id} {message.role.value}{f' {message.name}' if message.name else ''}{folded}]\n{shown}"
