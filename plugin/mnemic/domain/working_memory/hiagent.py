"""HiAgent: a finished subgoal is shown as its outcome, and can be brought back.

The subgoal that is being worked on is shown in full. When the next one begins, the model's own sign that it is done, its
messages are folded into two lines, summarised once. `retrieve` shows chosen subgoals in full again until the next one
begins. Numbers are never used again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest

from mnemic.domain.folding.atoms import atoms_of
from mnemic.domain.folding.visible import word_key
from mnemic.domain.memory import Role
from mnemic.domain.validation import check_text
from mnemic.domain.working_memory import safety
from mnemic.domain.working_memory.auto_folding import FOLDING
from mnemic.domain.working_memory.fragments import Display, FragmentId, FragmentState
from mnemic.domain.working_memory.journal import Cell, Change
from mnemic.domain.working_memory.messages import EMPTY_ARGUMENTS, NOTHING_SHOWN, Message
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.placed_fragments import PartKey
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.subgoals import (
    MAX_RETRIEVES_PER_STEP,
    MAX_SUBGOAL_CHARS,
    Subgoal,
    SummarySource,
    one_line,
    open_subgoal_of,
    parse_step,
    without_probes,
)
from mnemic.domain.working_memory.summaries import shorten
from mnemic.errors import InvalidInput

SummariseChunk = Callable[[str, str], str]
"""Gives a one-line outcome for (subgoal, the text of its messages). It may raise or give nothing."""

RETRIEVE = "retrieve"
MAX_SUMMARY_TOKENS = 80
MAX_SUMMARY_CHARS = 20_000
SUBGOAL_SUMMARY = "subgoal_summary"
"""The session's option: ``last_observation`` gives the published summary without a model, which loses a quarter of the
values that are needed later (measured on recorded tool agents); without it those values follow the last observation."""


def open_subgoal(
    memory: WorkingMemory, *, text: str, at: int | None = None, summary: str | None = None,
    summarise: SummariseChunk | None = None, fold: bool = True,
) -> EditOutcome:  # fmt: skip
    """Begin the next subgoal at message ``at`` (default: the next to come); the active one is closed.

    Raises `InvalidInput` when the active one has no step yet.
    """
    text = one_line(memory.kept_text(check_text(text, name="subgoal", limit=MAX_SUBGOAL_CHARS)))
    at = len(memory.messages) if at is None else at
    subgoals = memory.subgoals()
    active = open_subgoal_of(subgoals)
    changes: list[Change] = []
    if active is not None:
        if at <= active.opened_at:
            raise InvalidInput(
                f"The subgoal {active.number}, {active.text!r}, has no action yet.",
                hint="Take at least one step before the next subgoal, or close it.",
            )
        changes += _closing(memory, active, at, summary, None, summarise, fold)
    changes += _collapse(memory)
    number = memory.last_subgoal + 1
    changes.append(memory.change(Cell.SUBGOAL, str(number), Subgoal(number=number, text=text, opened_at=at)))
    warnings = _warnings(memory, changes)
    edit = memory.record("open_subgoal", changes, arguments={"text": text})
    return EditOutcome(said=f"Subgoal {number}: {text}", edit=edit, ids=(str(number),), warnings=warnings)


def close_subgoal(
    memory: WorkingMemory, *, summary: str | None = None, satisfied: bool | None = None,
    summarise: SummariseChunk | None = None, fold: bool = True,
) -> EditOutcome:  # fmt: skip
    """End the active subgoal and show its outcome in its place. Raises `InvalidInput` when there is none."""
    active = open_subgoal_of(memory.subgoals())
    if active is None:
        raise InvalidInput("There is no open subgoal.", hint="Open one first.")
    changes = _closing(memory, active, len(memory.messages), summary, satisfied, summarise, fold)
    closed = next(change.after for change in changes if change.cell is Cell.SUBGOAL)
    warnings = _warnings(memory, changes)
    edit = memory.record("close_subgoal", changes, arguments={"summary": closed.summary, "satisfied": satisfied})
    return EditOutcome(
        said=f"Closed subgoal {closed.number}, {edit.tokens_before - edit.tokens_after} tokens fewer: {closed.summary}",
        edit=edit, ids=(str(closed.number),), warnings=warnings,
    )  # fmt: skip


def retrieve(memory: WorkingMemory, *, numbers: Sequence[int]) -> EditOutcome:
    """Show closed subgoals in full until the next one begins. At most twice for one step of the environment."""
    subgoals = {subgoal.number: subgoal for subgoal in memory.subgoals()}
    unknown = [number for number in numbers if not isinstance(number, int) or number not in subgoals]
    if unknown or not numbers:
        named = ", ".join(str(number)[:10] for number in unknown[:5]) + (" and more" if len(unknown) > 5 else "")
        what = f"There is no subgoal {named}." if unknown else "No subgoal was named."
        hint = f"Name some of: 1 to {memory.last_subgoal}." if subgoals else "There are none yet; open one first."
        raise InvalidInput(what, hint=hint)
    if _retrieves(memory) >= MAX_RETRIEVES_PER_STEP:
        raise InvalidInput(
            f"retrieve was used {MAX_RETRIEVES_PER_STEP} times without an action since.",
            hint="Go on first: it may be used again after the next observation.",
        )
    changes: list[Change] = []
    for number in dict.fromkeys(numbers):
        subgoal = subgoals[number]
        if subgoal.is_open:
            continue  # it is shown in full anyway
        if memory.value(Cell.EXPANDED, str(number)) is None:
            folded = _folded(memory, subgoal)
            changes.append(memory.change(Cell.EXPANDED, str(number), folded))
            changes += [memory.change(Cell.DISPLAY, id, None) for id, _ in folded]
    edit = memory.record(RETRIEVE, changes, arguments={"numbers": list(numbers)})
    shown = ", ".join(str(number) for number in dict.fromkeys(numbers))
    return EditOutcome(said=f"Shown in full: {shown}.", edit=edit, ids=tuple(map(str, dict.fromkeys(numbers))))


def take_answer(
    memory: WorkingMemory, answer: Message, *, summarise: SummariseChunk | None = None, fold: bool = True
) -> str | None:
    """Take a model's answer in the text protocol: append it, open a subgoal, or retrieve.

    Returns the action for the environment, or None when there is none: then nothing was appended, and the model is asked
    again. Raises `InvalidInput` with what to tell the model when the answer is not in the protocol; nothing changed then.
    """
    step = parse_step(answer.text)
    if step.problem is not None:
        raise InvalidInput(step.problem)
    if step.retrieve:
        if step.subgoal is not None:
            raise InvalidInput(
                "A subgoal needs an action of its own, not retrieve.", hint="Retrieve first, then go on."
            )
        retrieve(memory, numbers=step.retrieve)
        return None
    at = len(memory.messages)
    if step.subgoal is None and open_subgoal_of(memory.subgoals()) is None:
        raise InvalidInput("There is no subgoal yet.", hint='Answer with "Subgoal: ..." and "Action: ...".')
    if step.subgoal is not None:
        active = open_subgoal_of(memory.subgoals())
        if active is not None and at <= active.opened_at:
            raise InvalidInput(f"The subgoal {active.text!r} has no action yet.", hint="Take a step first.")
        check_text(step.subgoal, name="subgoal", limit=MAX_SUBGOAL_CHARS)
    memory.append([answer])
    if step.subgoal is not None:
        open_subgoal(memory, text=step.subgoal, at=at, summarise=summarise, fold=fold)
    return step.action


def folds_by_hand(memory: WorkingMemory) -> bool:
    """Whether closing a subgoal folds what it leaves; with a folding policy, the policy does."""
    return memory.value(Cell.OPTION, FOLDING) in (None, "none")


def active_chunk(memory: WorkingMemory) -> tuple[str, str] | None:
    """The active subgoal and the text of its messages so far; None when there is none."""
    active = open_subgoal_of(memory.subgoals())
    if active is None:
        return None
    return active.text, "\n".join(map(_as_text, memory.messages[active.opened_at :]))


def render_history(memory: WorkingMemory, *, budget_tokens: int | None = None) -> str:
    """The history as text, in the published form: closed subgoals as two lines, the active and retrieved ones in full.

    What users said and what is pinned stands in it whatever is closed. Over ``budget_tokens`` the oldest closed subgoals
    are left out, with a line that says which; they can be retrieved. What is not closed is never left out.
    """
    subgoals, view = memory.subgoals(), memory.render()
    blocks: list[tuple[int | None, str]] = []
    first = subgoals[0].opened_at if subgoals else len(view)
    blocks += [(None, _as_text(message)) for message in view[:first] if message.role is not Role.SYSTEM]
    for subgoal, following in zip_longest(subgoals, subgoals[1:]):
        chunk = view[subgoal.opened_at : subgoal.closed_at]
        expanded = memory.value(Cell.EXPANDED, str(subgoal.number)) is not None
        if subgoal.is_open or expanded:
            head = f"Subgoal: {subgoal.text}" if expanded else f"{subgoal.number} Subgoal: {subgoal.text}"
            blocks.append((None, "\n".join([head, *(_as_text(message) for message in chunk)])))
        elif not folds_by_hand(memory):
            # What the policy left of it says more, in fewer words, than a line about its end.
            shown = [_as_text(message) for message in chunk if message.text not in ("", NOTHING_SHOWN)]
            blocks.append(
                (subgoal.number, "\n".join([f"{subgoal.number} Subgoal: {subgoal.text}", *filter(None, shown)]))
            )
        else:
            blocks.append((subgoal.number, subgoal.closed_lines()))
            kept = (m for m in chunk if m.role is Role.USER or memory.is_pinned(m.id))
            blocks += [(None, _as_text(message)) for message in kept]
        end = None if following is None else following.opened_at
        if subgoal.closed_at is not None:
            blocks += [(None, _as_text(message)) for message in view[subgoal.closed_at : end]]
    return _within(memory, blocks, budget_tokens)


def _within(memory: WorkingMemory, blocks: list[tuple[int | None, str]], budget_tokens: int | None) -> str:
    whole = "\n".join(block for _, block in blocks)
    if budget_tokens is None or memory.count(whole) <= budget_tokens:
        return whole
    closed = [number for number, _ in blocks if number is not None]

    def without(count: int) -> str:
        out = set(closed[:count])
        note = [f"(left out: subgoals {_ranges(closed[:count])}; retrieve shows them)"] if out else []
        return "\n".join([*note, *(block for number, block in blocks if number not in out)])

    low, high = 1, len(closed)
    while low < high:
        middle = (low + high) // 2
        if memory.count(without(middle)) <= budget_tokens:
            high = middle
        else:
            low = middle + 1
    return without(min(low, len(closed)))


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers in few words: 1-3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def _closing(
    memory: WorkingMemory, subgoal: Subgoal, end: int, summary: str | None, satisfied: bool | None,
    summarise: SummariseChunk | None, fold: bool,
) -> list[Change]:  # fmt: skip
    chunk = memory.messages[subgoal.opened_at : end]
    text, source = _summary(memory, subgoal, chunk, summary, summarise)
    closed = replace(subgoal, closed_at=end, summary=text, summary_source=source, satisfied=satisfied)
    changes: list[Change] = []
    folds: list[tuple[FragmentId, Display]] = []
    before = after = 0
    for part in _foldable_parts(memory, chunk) if fold else ():
        cover, made = memory.covering(part)
        if memory.display(cover.id) is not None:
            continue  # the agent has put other words in its place already
        shown = EMPTY_ARGUMENTS if part[1] is not None else "" if folds else closed.closed_lines()
        display = Display(state=FragmentState.SUMMARIZED, text=shown, reason=f"subgoal {subgoal.number} was closed")
        before += memory.part_tokens(part)
        after += memory.tokens_if(part, shown or NOTHING_SHOWN)
        folds.append((cover.id, display))
        changes += [*made, memory.change(Cell.DISPLAY, cover.id, display)]
    if after >= before:
        changes, folds = [], []  # the outcome would be longer than what it stands for
    return [*changes, memory.change(Cell.SUBGOAL, str(subgoal.number), replace(closed, folds=tuple(folds)))]


def _foldable_parts(memory: WorkingMemory, chunk: Sequence[Message]) -> list[PartKey]:
    """Texts and arguments of a chunk, a text first. What users said stays, and what is pinned."""
    parts: list[PartKey] = []
    for message in chunk:
        if message.role in (Role.USER, Role.SYSTEM) or memory.is_pinned(message.id):
            continue
        parts += [(message.id, None)] if message.text else []
        parts += [(message.id, call.id) for call in message.calls]
    return sorted(parts, key=lambda part: part[1] is not None) if parts and parts[0][1] is not None else parts


def _collapse(memory: WorkingMemory) -> list[Change]:
    """Fold what was retrieved: retrieval lasts until the next subgoal."""
    changes: list[Change] = []
    for number, folded in memory.values(Cell.EXPANDED).items():
        changes.append(memory.change(Cell.EXPANDED, number, None))
        changes += [
            memory.change(Cell.DISPLAY, id, display)
            for id, display in folded
            if memory.display(id) is None and not memory.is_pinned(memory.fragment(id).message_id)
        ]
    return changes


def _folded(memory: WorkingMemory, subgoal: Subgoal) -> tuple[tuple[FragmentId, Display], ...]:
    """Everything of a subgoal's messages that is not shown as it is, whoever folded it."""
    found = []
    for message in memory.messages[subgoal.opened_at : subgoal.closed_at]:
        for part in ((message.id, None), *((message.id, call.id) for call in message.calls)):
            cover = memory.cover(part)
            for fragment in (*([cover] if cover else []), *memory.pieces(part)):
                display = memory.display(fragment.id)
                if display is not None:
                    found.append((fragment.id, display))
    return tuple(found)


def _warnings(memory: WorkingMemory, changes: Sequence[Change]) -> tuple[str, ...]:
    """What closing a subgoal takes out of view."""
    made = {change.key: change.after for change in changes if change.cell is Cell.FRAGMENT}
    shown = {change.key: change.after.text for change in changes if change.cell is Cell.DISPLAY and change.after}
    covers = [made.get(id) or memory.fragment(id) for id in shown]
    covers = [cover for cover in covers if not memory.is_pinned(cover.message_id)]
    hidden = safety.check(memory, covers)
    return (*hidden.warnings, *safety.name_lost(hidden, "\n".join(shown.values())))


def _summary(
    memory: WorkingMemory, subgoal: Subgoal, chunk: Sequence[Message], given: str | None,
    summarise: SummariseChunk | None,
) -> tuple[str, SummarySource]:  # fmt: skip
    """One line, never empty: the caller's, the model's, else the last observation."""
    chunk = without_probes(chunk)
    if given is not None:
        line = one_line(memory.kept_text(check_text(given, name="summary", limit=MAX_SUMMARY_CHARS)))
        if line:
            return line, "caller"
    if summarise is not None:
        try:
            line = one_line(memory.kept_text(summarise(subgoal.text, "\n".join(map(_as_text, chunk)))))
        except Exception:  # whatever a model's client raises: the last observation serves
            line = ""
        if line:
            return shorten(line, count_tokens=memory.count, max_tokens=MAX_SUMMARY_TOKENS), "model"
    observed = next(
        (message.text for message in reversed(chunk) if message.role is Role.TOOL and message.text.strip()), ""
    )
    observed = observed or next((m.text for m in reversed(chunk) if m.role is Role.ASSISTANT and m.text.strip()), "")
    line = " ".join(observed.split())
    line = shorten(line, count_tokens=memory.count, max_tokens=MAX_SUMMARY_TOKENS) if line else "nothing was observed"
    if memory.value(Cell.OPTION, SUBGOAL_SUMMARY) == "last_observation":
        return line, "last_observation"
    values = _values(chunk, line)
    return (f"{line} [{', '.join(values)}]" if values else line), "extract"


def _values(chunk: Sequence[Message], line: str) -> list[str]:
    """Names, ids and numbers of a chunk that its last observation does not hold, in order."""
    texts = [message.text for message in chunk if message.role in (Role.TOOL, Role.ASSISTANT)]
    texts += [call.arguments for message in chunk for call in message.calls]
    found = dict.fromkeys(atom for text in texts for atom in atoms_of(text, phrases=False))
    said = f" {word_key(line)} "
    return [atom for atom in found if f" {word_key(atom)} " not in said]


def _retrieves(memory: WorkingMemory) -> int:
    """How often retrieve was used since the last observation, or the last word of the user."""
    begin = 0
    for at in range(len(memory.messages) - 1, -1, -1):
        message = memory.messages[at]
        if message.role is Role.USER or (message.role is Role.TOOL and message.name != RETRIEVE):
            begin = at + 1
            break
    count = 0
    for edit in reversed(memory.edits):
        if edit.at_message < begin:
            break
        count += edit.tool == RETRIEVE
    return count


def _as_text(message: Message) -> str:
    if message.role is Role.TOOL:
        return f"Observation: {message.text}"
    if message.role is Role.ASSISTANT:
        lines = [line for line in message.text.split("\n") if not line.lstrip().lower().startswith("subgoal:")]
        lines += [f"Action: {call.name}({call.arguments})" for call in message.calls]
        return "\n".join(lines)
    return message.text
