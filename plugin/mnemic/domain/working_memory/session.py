"""A session of working memory: originals that never change, values that edits set, and the view that follows from both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from mnemic.domain.item_values import with_strings
from mnemic.domain.memory import Role
from mnemic.domain.validation import shown
from mnemic.domain.working_memory.fragments import Display, Fragment, FragmentId, FragmentState, make_id
from mnemic.domain.working_memory.journal import Cell, Change, Edit
from mnemic.domain.working_memory.latest_values import LatestValues
from mnemic.domain.working_memory.messages import NOTHING_SHOWN, Message, MessageId
from mnemic.domain.working_memory.pairing import check_pairing
from mnemic.domain.working_memory.placed_fragments import PartKey, PlacedFragments
from mnemic.domain.working_memory.subgoals import Subgoal
from mnemic.domain.working_memory.token_sums import TokenSums
from mnemic.errors import InvalidInput

UNDO, REDO = "undo", "redo"


class WorkingMemory:
    """One session. Messages are appended, edits are recorded; nothing is ever removed.

    ``count_tokens`` counts one text; a message counts as the sum of its parts as shown, without a provider's envelope.
    ``occasion`` is what ids made now are drawn from; None: how many edits there were. What is said in messages is kept as
    ``kept_as`` makes it, what is said in edits as ``kept_text`` does.
    Not safe for several threads at once: the service that owns it takes turns.
    """

    def __init__(self, session: str, *, count_tokens: Callable[[str], int]) -> None:
        self.session = session
        self.messages: list[Message] = []
        self.edits: list[Edit] = []
        self.last_user_at = -1
        self.last_subgoal = 0
        self.occasion: str | None = None
        self._count = count_tokens
        self._positions: dict[MessageId, int] = {}
        self._call_at: dict[str, int] = {}
        self._answer_at: dict[str, int] = {}
        self._cells: dict[Cell, dict[str, Any]] = {cell: {} for cell in Cell}
        self._placed = PlacedFragments()
        self._raw_tokens: list[tuple[int, ...]] = []
        self._shown_tokens = TokenSums()
        self._rendered: dict[int, Message] = {}
        self._latest = LatestValues()
        self.kept_as: Callable[[Message], Message] = lambda message: message
        self.kept_text: Callable[[str], str] = lambda text: text
        self._undoable: list[int] = []
        self._redoable: list[int] = []

    # Messages

    def append(
        self, messages: Sequence[Message], *, tokens: Sequence[tuple[int, ...]] | None = None, trusted: bool = False
    ) -> None:
        """Add messages at the end, all or none. ``tokens`` are the counts of their parts if they are known already.

        ``trusted``: they were checked when they were stored. What is new goes in as ``kept_as`` makes it.

        Raises `InvalidInput` for an id that is taken and for a result that answers no call, or one that has its answer.
        """
        if not trusted:
            check_pairing(messages, self)
            messages = [self.kept_as(message) for message in messages]
        if tokens is None:
            tokens = [self.count_parts(message) for message in messages]
        for message, counts in zip(messages, tokens, strict=True):
            at = len(self.messages)
            self.messages.append(message)
            self._positions[message.id] = at
            self._raw_tokens.append(counts)
            self._shown_tokens.append(sum(counts))
            for call in message.calls:
                self._call_at[call.id] = at
            if message.answers is not None:
                self._answer_at[message.answers] = at
            if message.role is Role.USER:
                self.last_user_at = at

    def count_parts(self, message: Message) -> tuple[int, ...]:
        """Tokens of the text and then of each call, its name included."""
        calls = (self._count(call.name) + self._count(call.arguments) for call in message.calls)
        return (self._count(message.text), *calls)

    def position(self, message_id: str) -> int:
        """Where a message is, from 0. Raises `InvalidInput`."""
        at = self._positions.get(cast(MessageId, message_id)) if isinstance(message_id, str) else None
        if at is None:
            raise InvalidInput(
                f"There is no message {shown(message_id, 60)} in the session {self.session!r}.",
                hint="The stats of the session list the ids.",
            )
        return at

    def has_message(self, message_id: str) -> bool:
        return message_id in self._positions

    def call_position(self, call_id: str) -> int | None:
        """The message that made a call."""
        return self._call_at.get(call_id)

    def answer_position(self, call_id: str) -> int | None:
        """The message that answers a call."""
        return self._answer_at.get(call_id)

    # Values

    def value(self, cell: Cell, key: str) -> Any:
        """What an edit set last, None where nothing was."""
        return self._cells[cell].get(key)

    def values(self, cell: Cell) -> dict[str, Any]:
        """All values of one kind, in the order in which they were set first. Not to be changed."""
        return self._cells[cell]

    def change(self, cell: Cell, key: str, after: Any) -> Change:
        """A change from the present value."""
        return Change(cell=cell, key=key, before=self.value(cell, key), after=after)

    def fragment(self, fragment_id: str) -> Fragment:
        """A fragment. Raises `InvalidInput`."""
        found = self.value(Cell.FRAGMENT, fragment_id) if isinstance(fragment_id, str) else None
        if found is None:
            raise InvalidInput(
                f"There is no fragment {shown(fragment_id, 60)} in the session {self.session!r}.",
                hint="Use an id that cutting gave; the stats of the session list them all.",
            )
        return cast(Fragment, found)

    def display(self, fragment_id: str) -> Display | None:
        """How a fragment is shown; None when its original is."""
        return cast("Display | None", self.value(Cell.DISPLAY, fragment_id))

    def state(self, fragment_id: str) -> FragmentState:
        display = self.display(fragment_id)
        return FragmentState.VISIBLE if display is None else display.state

    def original(self, fragment: Fragment) -> str:
        """The text that a fragment stands for, byte for byte."""
        return self.part_text((fragment.message_id, fragment.call_id))[fragment.start : fragment.end]

    def part_text(self, part: PartKey) -> str:
        """The original of a part."""
        message = self.messages[self._positions[part[0]]]
        if part[1] is None:
            return message.text
        return next(call.arguments for call in message.calls if call.id == part[1])

    def part_tokens(self, part: PartKey) -> int:
        """Tokens of a part's original."""
        at = self._positions[part[0]]
        return self._raw_tokens[at][self._part_number(at, part[1])]

    def pieces(self, part: PartKey) -> Sequence[Fragment]:
        """The pieces cut out of a part, in order."""
        found = self._placed.at(part)
        return found.pieces if found else ()

    def cover(self, part: PartKey) -> Fragment | None:
        """The fragment that spans all of a part, if there is one."""
        found = self._placed.at(part)
        return found.cover if found else None

    def covering(self, part: PartKey) -> tuple[Fragment, list[Change]]:
        """The cover of a part, and the change that makes it if there is none yet."""
        found = self.cover(part)
        if found is not None:
            return found, []
        id = FragmentId(make_id("f", self._cells[Cell.FRAGMENT].__contains__, self.session, *part, "whole"))
        fragment = Fragment(
            id=id, message_id=part[0], call_id=part[1], start=0, end=len(self.part_text(part)),
            tokens=self.part_tokens(part), whole=True,
        )  # fmt: skip
        return fragment, [self.change(Cell.FRAGMENT, id, fragment)]

    def subgoals(self) -> list[Subgoal]:
        """All subgoals, oldest first."""
        return list(self._cells[Cell.SUBGOAL].values())

    def fresh_id(self, prefix: str, taken: Callable[[str], bool], *parts: object) -> str:
        """An id of six characters for something found or cut now, which is not ``taken``."""
        return make_id(prefix, taken, self.session, *parts, len(self.edits) if self.occasion is None else self.occasion)

    def is_pinned(self, message_id: str) -> bool:
        """Whether a message must stay as it is: pinned, or an instruction of the system."""
        at = self._positions.get(cast(MessageId, message_id))
        is_system = at is not None and self.messages[at].role is Role.SYSTEM
        return is_system or self.value(Cell.PIN, message_id) is not None

    def latest_values(self) -> LatestValues:
        """Which lines hold the latest values of their keys, up to the last message."""
        self._latest.follow(self.messages)
        return self._latest

    # The journal

    def record(
        self, tool: str, changes: Iterable[Change] = (), *, arguments: dict[str, Any] | None = None,
        automatic: bool = False, reverses: int | None = None,
    ) -> Edit:  # fmt: skip
        """Make an edit of ``changes``, whose texts are as they are to be kept, and apply it."""
        changes = tuple(change for change in changes if change.before != change.after)
        before = self._shown_tokens.total()
        first = self._first_shown(changes)
        suffix = 0 if first is None else self._shown_tokens.since(first)
        self._apply(changes)
        edit = Edit(
            number=len(self.edits) + 1, tool=tool, changes=changes,
            arguments=with_strings(arguments or {}, lambda _, text: self.kept_text(text)),
            at_message=len(self.messages), automatic=automatic, reverses=reverses, tokens_before=before,
            tokens_after=self._shown_tokens.total(), invalidated=suffix,
        )  # fmt: skip
        self._note(edit)
        return edit

    def replay(self, edit: Edit) -> None:
        """Apply an edit that was recorded elsewhere. It must be the next one."""
        if edit.number != len(self.edits) + 1:
            raise ValueError(f"edit {edit.number} does not follow edit {len(self.edits)}")
        self._apply(edit.changes)
        self._note(edit)

    def undo(self) -> Edit:
        """Set back what the last edit changed. Raises `InvalidInput` when there is nothing to undo."""
        if not self._undoable:
            raise InvalidInput("There is nothing to undo.", hint="No edit has changed this session, or all are undone.")
        edit = self.edits[self._undoable[-1] - 1]
        return self.record(
            UNDO, [change.inverted() for change in reversed(edit.changes)], arguments={"of": edit.tool},
            reverses=edit.number,
        )  # fmt: skip

    def redo(self) -> Edit:
        """Make the edit again that was undone last. Raises `InvalidInput` when a newer edit came in between."""
        if not self._redoable:
            raise InvalidInput("There is nothing to redo.", hint="Only what was undone last, before any newer edit.")
        edit = self.edits[self._redoable[-1] - 1]
        return self.record(REDO, edit.changes, arguments={"of": edit.tool}, reverses=edit.number)

    # The view

    def render(self) -> list[Message]:
        """The messages as they are shown: as many, in the same order, with the same roles, calls and answers.

        A message that no edit touches is the original object.
        """
        return [self._rendered.get(at, message) for at, message in enumerate(self.messages)]

    def render_of(self, position: int) -> Message:
        """One message as it is shown."""
        return self._rendered.get(position, self.messages[position])

    def shown_tokens(self, position: int | None = None) -> int:
        """Tokens shown of one message, or of all."""
        return self._shown_tokens.total() if position is None else self._shown_tokens[position]

    def shown_tokens_since(self, position: int) -> int:
        """Tokens shown from a message on: what a prompt cache loses when it is edited."""
        return self._shown_tokens.since(position)

    def raw_tokens(self, position: int | None = None) -> int:
        """Tokens of the originals, of one message or of all."""
        if position is None:
            return sum(map(sum, self._raw_tokens))
        return sum(self._raw_tokens[position])

    def raw_counts(self, position: int) -> tuple[int, ...]:
        """Tokens of the parts of an original: text, then each call."""
        return self._raw_tokens[position]

    def tokens_if(self, part: PartKey, text: str) -> int:
        """How many tokens showing ``text`` for a whole part would take, a call's name included."""
        return self._count(text) + self._name_tokens(part)

    def count(self, text: str) -> int:
        return self._count(text)

    def shown_part(self, part: PartKey) -> str:
        """A part as it is shown."""
        found = self._placed.at(part)
        text = self.part_text(part)
        if found is None:
            return text
        if found.cover is not None and (display := self.display(found.cover.id)) is not None:
            return display.text
        shown, at = [], 0
        for piece in found.pieces:
            display = self.display(piece.id)
            shown += [text[at : piece.start], text[piece.start : piece.end] if display is None else display.text]
            at = piece.end
        return "".join(shown) + text[at:]

    def _apply(self, changes: Iterable[Change]) -> None:
        touched: dict[PartKey, None] = {}
        for change in changes:
            cells = self._cells[change.cell]
            if change.cell is Cell.FRAGMENT:
                fragment = cast(Fragment, change.after or change.before)
                touched[fragment.message_id, fragment.call_id] = None
                self._placed.place(fragment, present=change.after is not None)
            elif change.cell is Cell.DISPLAY:
                fragment = self.value(Cell.FRAGMENT, change.key)
                if fragment is not None:
                    touched[fragment.message_id, fragment.call_id] = None
            if change.cell is Cell.SUBGOAL:
                self.last_subgoal = max(self.last_subgoal, int(change.key))
            if change.after is None:
                cells.pop(change.key, None)
            else:
                cells[change.key] = change.after
        for at in {self._positions[part[0]] for part in touched}:
            self._show_again(at)

    def _count_outside(self, key: PartKey, pieces: Sequence[Fragment]) -> int:
        text, at, tokens = self.part_text(key), 0, 0
        for piece in pieces:
            tokens += self._count(text[at : piece.start])
            at = piece.end
        return tokens + self._count(text[at:])

    def _show_again(self, at: int) -> None:
        """Compute anew what is shown of one message, and what it costs."""
        message = self.messages[at]
        keys: list[PartKey] = [(message.id, None), *((message.id, call.id) for call in message.calls)]
        self._shown_tokens[at] = sum(self._count_shown(key) for key in keys)
        text = self.shown_part(keys[0])
        if not text and message.text:
            text = NOTHING_SHOWN
        calls = message.calls
        if calls:
            shown = [self.shown_part(key) for key in keys[1:]]
            calls = tuple(
                call if call.arguments == arguments else replace(call, arguments=arguments)
                for call, arguments in zip(calls, shown, strict=True)
            )
        if text == message.text and calls == message.calls:
            self._rendered.pop(at, None)
        else:
            self._rendered[at] = replace(message, text=text, calls=calls)

    def _count_shown(self, key: PartKey) -> int:
        part = self._placed.at(key)
        if part is None:
            return self.part_tokens(key)
        if part.cover is not None and (display := self.display(part.cover.id)) is not None:
            return self._count(display.text or (NOTHING_SHOWN if self.part_text(key) else "")) + self._name_tokens(key)
        displays = [(piece, self.display(piece.id)) for piece in part.pieces]
        if all(display is None for _, display in displays):
            return self.part_tokens(key)  # counts of pieces do not add up to that of the whole
        if part.outside is None:
            part.outside = self._count_outside(key, part.pieces)
        return part.outside + sum(
            piece.tokens if display is None else self._count(display.text) for piece, display in displays
        )

    def _name_tokens(self, key: PartKey) -> int:
        if key[1] is None:
            return 0
        message = self.messages[self._positions[key[0]]]
        return self._count(next(call.name for call in message.calls if call.id == key[1]))

    def first_touched(self, edit: Edit) -> int:
        """The first message whose view an edit changed; the number of messages if it changed none."""
        first = self._first_shown(edit.changes)
        return len(self.messages) if first is None else first

    def _first_shown(self, changes: Sequence[Change]) -> int | None:
        """The first message whose view ``changes`` may change."""
        positions = []
        for change in changes:
            if change.cell is Cell.DISPLAY:
                fragment = self.value(Cell.FRAGMENT, change.key) or _fragment_in(changes, change.key)
                positions.append(self._positions[fragment.message_id])
        return min(positions, default=None)

    def _note(self, edit: Edit) -> None:
        self.edits.append(edit)
        if edit.tool == UNDO:
            self._redoable.append(self._undoable.pop())
        elif edit.tool == REDO:
            self._undoable.append(self._redoable.pop())
        elif any(change.cell is not Cell.SEARCH_HIT for change in edit.changes):
            self._undoable.append(edit.number)
            self._redoable.clear()

    def _part_number(self, at: int, call_id: str | None) -> int:
        if call_id is None:
            return 0
        return 1 + next(number for number, call in enumerate(self.messages[at].calls) if call.id == call_id)


def _fragment_in(changes: Sequence[Change], id: str) -> Fragment:
    found = next(change for change in changes if change.cell is Cell.FRAGMENT and change.key == id)
    return cast(Fragment, found.after or found.before)
