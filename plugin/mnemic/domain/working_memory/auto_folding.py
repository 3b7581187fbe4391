"""The folding policy at work in a session: messages become items, its decisions become edits.

The policy's own state is not stored. It follows from the messages and the journal, so that any process can take over: what
was edited by hand since is told to the policy at the same place in the conversation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import takewhile

from mnemic.domain.folding.items import Decision, FoldingItem, ItemKind, folded_arguments
from mnemic.domain.folding.policy import Folder
from mnemic.domain.folding.presets import PRESETS
from mnemic.domain.memory import Role
from mnemic.domain.working_memory.fragments import Display, FragmentState
from mnemic.domain.working_memory.journal import Cell, Change, Edit
from mnemic.domain.working_memory.messages import NOTHING_SHOWN, Message, ToolCall
from mnemic.domain.working_memory.placed_fragments import PartKey
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.subgoals import Subgoal
from mnemic.errors import InvalidInput

FOLDING = "folding"
"""The session's option: the name of a preset; without one nothing is folded by itself."""
MAX_STEPS = "max_steps"
"""The session's option: after how many steps a chunk is closed (`FoldingPreset.maxlen`)."""
POLICY_TOOL = "folding_policy"

# The last line of an answer in a text protocol; the first word of an action is its verb.
_ACTION_LINE = re.compile(r"[ \t]*+action[ \t]*+:[ \t]*+([\w-]++)", re.IGNORECASE)
# In a text protocol an answer to the user is an action as well; it changes nothing that must stay to be read word for word.
_SPEAKING = frozenset(("say", "tell", "ask", "answer", "respond", "reply", "speak"))
_CHUNK_EDITS = ("open_subgoal", "close_subgoal")
_SAID = ("caller", "model")
# What is retrieved is folded again as it was when the next subgoal begins.
_TEMPORARY = ("retrieve", *_CHUNK_EDITS)


class AutoFolding:
    """Follows one session with one preset. `follow` brings it up to date and records what the policy decided."""

    def __init__(self, memory: WorkingMemory, preset: str) -> None:
        if preset not in PRESETS:
            raise InvalidInput(f"There is no folding preset {preset!r}.", hint=f"Use one of: {', '.join(PRESETS)}.")
        self.preset = preset
        self.max_steps: int | None = memory.value(Cell.OPTION, MAX_STEPS)
        self._memory = memory
        self._parts: list[PartKey] = []
        self._items_of: dict[PartKey, list[int]] = {}
        self._by_hand: set[PartKey] = set()
        self._reasons: dict[int, str] = {}
        self._touched: set[int] = set()
        self._outcomes: dict[PartKey, str] = {}
        self._part_of: dict[str, PartKey] = {}
        self._messages_seen = 0
        self._edits_seen = 0
        self._open_calls: set[str] = set()
        leading = takewhile(lambda message: message.role is Role.SYSTEM, memory.messages)
        head = "\n".join(message.text for message in leading)
        self._folder = Folder(
            PRESETS[preset], count_tokens=memory.count, head=head, max_steps=self.max_steps, refer=self._name_of
        )

    def is_for(self, memory: WorkingMemory) -> bool:
        """Whether this follows ``memory`` with the options that it has now."""
        return (
            self._memory is memory
            and self.preset == memory.value(Cell.OPTION, FOLDING)
            and self.max_steps == memory.value(Cell.OPTION, MAX_STEPS)
        )

    def follow(self) -> Edit | None:
        """Take in what came since, and record the policy's decisions as one automatic edit; None if there are none."""
        memory = self._memory
        begun = 0 if self._edits_seen else self._begun_at()
        for edit in memory.edits[self._edits_seen :]:
            self._take_subgoals(edit)
            self._take_messages(edit.at_message)
            self._take_edit(edit)
            if edit.tool == POLICY_TOOL and edit.number > begun:
                self._touched.clear()  # what was decided up to here stands, whoever counted tokens then
        self._edits_seen = len(memory.edits)
        self._take_messages(len(memory.messages))
        touched = dict.fromkeys(self._parts[index] for index in sorted(self._touched))
        changes = [change for part in touched for change in self._changes(part)]
        self._touched.clear()
        if not changes:
            return None
        edit = memory.record(POLICY_TOOL, changes, arguments={"preset": self.preset}, automatic=True)
        self._take_edit(edit)
        self._edits_seen = len(memory.edits)
        return edit

    @staticmethod
    def can_begin(memory: WorkingMemory) -> bool:
        """Whether there is more than the system's instructions, which the policy must know from the start."""
        return any(message.role is not Role.SYSTEM for message in memory.messages)

    def chunk_ends(self) -> list[int]:
        """Where the policy cut the conversation: for each closed chunk, the message at which the next one begins."""
        ends = [end for end in self._folder.chunk_ends if end < len(self._parts)]
        return [self._memory.position(self._parts[end][0]) for end in ends]

    def _begun_at(self) -> int:
        """The number of the edit since which the policy has been this one."""
        for edit in reversed(self._memory.edits):
            if any(change.cell is Cell.OPTION and change.key in (FOLDING, MAX_STEPS) for change in edit.changes):
                return edit.number
        return 0

    def _take_messages(self, upto: int) -> None:
        for message in self._memory.messages[self._messages_seen : upto]:
            for part, item in _items(self._memory, message):
                self._items_of.setdefault(part, []).append(len(self._parts))
                self._parts.append(part)
                self._note(self._folder.append(item))
            self._open_calls |= {call.id for call in message.calls}
            self._open_calls.discard(message.answers or "")
            # A model is called next after whatever is not its own answer, once all its calls have results.
            if message.role in (Role.USER, Role.TOOL) and not self._open_calls:
                self._note(self._folder.fold())
        self._messages_seen = max(self._messages_seen, upto)

    def _take_subgoals(self, edit: Edit) -> None:
        """A subgoal that begins or ends is the end of a chunk; what is said of its outcome stays in view."""
        if edit.tool not in _CHUNK_EDITS:
            return
        found = [change.after for change in edit.changes if change.cell is Cell.SUBGOAL and change.after is not None]
        opened = next((subgoal for subgoal in found if subgoal.is_open), None)
        self._take_messages(edit.at_message if opened is None else opened.opened_at)
        self._folder.close_chunk()
        if not self._open_calls:
            self._note(self._folder.fold())
        for subgoal in found:
            head = None if subgoal.is_open or subgoal.summary_source not in _SAID else self._head_of(subgoal)
            if head is not None:
                self._outcomes[head] = subgoal.closed_lines()
                self._touched.add(self._items_of[head][0])

    def _head_of(self, subgoal: Subgoal) -> PartKey | None:
        """The first text of a subgoal's messages that may be shown otherwise than it is."""
        for message in self._memory.messages[subgoal.opened_at : subgoal.closed_at]:
            part = (message.id, None)
            shown_by_policy = part in self._items_of and part not in self._by_hand
            if message.role in (Role.ASSISTANT, Role.TOOL) and message.text and shown_by_policy:
                return part
        return None

    def _take_edit(self, edit: Edit) -> None:
        own = edit.automatic and edit.tool == POLICY_TOOL
        for change in edit.changes:
            if change.cell is Cell.FRAGMENT:
                fragment = change.after or change.before
                self._part_of[change.key] = (fragment.message_id, fragment.call_id)
            elif own or edit.tool in _TEMPORARY:
                continue
            elif change.cell is Cell.DISPLAY:
                self._exclude(self._part_of[change.key], visible=change.after is None)
            elif change.cell is Cell.PIN and change.after is not None:
                for part in [part for part in self._parts if part[0] == change.key]:
                    self._exclude(part, visible=True)

    def _exclude(self, part: PartKey, *, visible: bool) -> None:
        self._by_hand.add(part)
        for index in self._items_of.get(part, ()):
            self._touched.discard(index)
            self._folder.exclude(index, visible=visible)

    def _note(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            if self._parts[decision.index] not in self._by_hand:
                self._touched.add(decision.index)
                self._reasons[decision.index] = decision.reason

    def _changes(self, part: PartKey) -> list[Change]:
        """What brings a part to what the policy wants shown of its items."""
        memory, folder, indices = self._memory, self._folder, self._items_of[part]
        original = memory.part_text(part)
        texts = [folder.shown[index] for index in indices]
        if texts == [folder.items[index].text for index in indices]:
            shown = original
        else:
            shown = "\n".join(text for text in texts if text != NOTHING_SHOWN) or NOTHING_SHOWN
            shown = shown if part[1] is None else folded_arguments(shown)
        if (outcome := self._outcomes.get(part)) is not None:
            shown = outcome if shown == NOTHING_SHOWN else f"{outcome}\n{shown}"
        reason = "; ".join(dict.fromkeys(self._reasons[index] for index in indices if index in self._reasons))
        reason = reason or "the outcome of a subgoal"
        cover, made = memory.covering(part)
        display = None if shown == original else Display(state=FragmentState.FOLDED, text=shown, reason=reason)
        if display == memory.display(cover.id):
            return []
        return [*made, memory.change(Cell.DISPLAY, cover.id, display)]

    def _name_of(self, index: int) -> str:
        return self._parts[index][0]


def _items(memory: WorkingMemory, message: Message) -> list[tuple[PartKey, FoldingItem]]:
    """What the policy sees of a message: nothing of the system's, and of an assistant's its words and then its calls."""
    text = (message.id, None)
    if message.role is Role.SYSTEM:
        return []
    if message.role is Role.USER:
        return [(text, FoldingItem(kind=ItemKind.USER, text=message.text, tokens=memory.part_tokens(text)))]
    if message.role is Role.TOOL:
        name = message.name or ""
        at = None if message.answers is None else memory.call_position(message.answers)
        if at is not None:
            call = next(call for call in memory.messages[at].calls if call.id == message.answers)
            name = _command(call)[0]
        kind = ItemKind.OBSERVATION
        return [
            (
                text,
                FoldingItem(
                    kind=kind, text=message.text, name=name, is_error=message.is_error, tokens=memory.part_tokens(text)
                ),
            )
        ]
    items: list[tuple[PartKey, FoldingItem]] = []
    thought, _, action = message.text.rstrip().rpartition("\n")
    action = message.text[len(message.text.rstrip()) - len(action) :]
    step = _ACTION_LINE.match(action) if not message.calls else None
    if step is not None:
        thought = thought.rstrip("\n")
        if thought:
            items.append((text, FoldingItem(kind=ItemKind.THOUGHT, text=thought)))
        said = step.group(1).lower() in _SPEAKING
        items.append((text, FoldingItem(kind=ItemKind.SAY if said else ItemKind.CALL, text=action, name=step.group(1))))
    elif message.text:
        kind = ItemKind.THOUGHT if message.calls else ItemKind.SAY
        items.append((text, FoldingItem(kind=kind, text=message.text, tokens=memory.part_tokens(text))))
    for call in message.calls:
        name, arguments = _command(call)
        items.append(((message.id, call.id), FoldingItem(kind=ItemKind.CALL, text=arguments, name=name)))
    return items


def _command(call: ToolCall) -> tuple[str, str]:
    """Name and arguments of a call. One that runs a command line is named by the command's verb."""
    if len(call.arguments) <= 4_000 and call.arguments.lstrip().startswith("{"):
        try:
            arguments = json.loads(call.arguments)
        except (ValueError, RecursionError):
            return call.name, call.arguments
        values = list(arguments.items()) if isinstance(arguments, dict) else []
        if len(values) == 1 and values[0][0] in ("command", "action", "cmd") and isinstance(values[0][1], str):
            line = values[0][1].strip()
            if line:
                return line.split(maxsplit=1)[0], line
    return call.name, call.arguments
