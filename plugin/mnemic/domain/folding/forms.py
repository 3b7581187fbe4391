"""What is left of an item when it is folded: the values that nothing else in view shows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mnemic.domain.folding.atoms import atoms_of
from mnemic.domain.folding.items import FoldingItem, ItemKind, folded_arguments, is_json_call
from mnemic.domain.folding.lines import LineOwners
from mnemic.domain.folding.presets import FoldingPreset
from mnemic.domain.folding.records import named_records
from mnemic.domain.folding.references import changes
from mnemic.domain.folding.segmentation import FAILURE_LINE, has_failed
from mnemic.domain.folding.subjects import Subject
from mnemic.domain.folding.visible import VisibleWords, word_key
from mnemic.domain.working_memory.messages import NOTHING_SHOWN

_LONG_COMMAND = 300
_COMMAND_HEAD = 120
_COMMAND_TAIL = 160
_FAILURE_LINES = 2
_FAILURE_CHARS = 120
_VALUES = "folded to the values not visible elsewhere"


@dataclass(slots=True, kw_only=True)
class Known:
    """An item with what the policy knows of it."""

    index: int
    item: FoldingItem
    call: int | None = None
    """Of a result: the index of its call."""
    answer: int | None = None
    """Of a call: the index of its result."""
    read: bool = False
    """Of a call: whether it changes nothing."""
    again: tuple[str, ...] = ()
    """Of a call: the long texts among its arguments that an earlier call was given too."""
    view: str = ""
    """How it is shown while it is not folded."""
    tokens: int = 0
    """Size of what is shown."""
    plain: str = ""
    """The shortest complete text, without reference to another item."""
    plain_tokens: int = 0
    base: int | None = None
    """The item that the view refers to."""
    subject: Subject | None = None
    lines: int = 0
    """Of a folded list of keys and values: how many lines are shown."""
    folded: bool = False
    fixed: bool = False
    hidden: bool = False
    leans_on: int | None = None
    """Of a folded result: the item whose complete text it is told as changes of."""

    def __post_init__(self) -> None:
        self.view = self.plain = self.item.text


class Former:
    """Makes the folded forms and keeps the index of visible words in step with them."""

    def __init__(
        self,
        preset: FoldingPreset,
        count_tokens: Callable[[str], int],
        visible: VisibleWords,
        mentioned: set[str],
        refer: Callable[[int], str],
    ) -> None:
        self._preset = preset
        self._count = count_tokens
        self._visible = visible
        self._mentioned = mentioned
        self._atoms: dict[int, tuple[str, ...]] = {}
        self._refer = refer
        # Subjects of which a version is kept whole or in part, with the item that shows one in full, if any.
        self._kept: dict[Subject, int | None] = {}
        self._kept_before: dict[Subject, int | None] = {}

    def stays_whole(self, known: Known) -> bool:
        """Whether a call that changes something keeps its arguments when folded: all but long commands do."""
        return is_json_call(known.item) or len(known.item.text) <= _LONG_COMMAND

    def last(self, items: list[Known], wanted: list[int]) -> dict[int, tuple[str, str]]:
        """Of all items to fold only the last message stays, cut to a number of characters."""
        forms = {}
        last = max((i for i in wanted if items[i].item.kind in (ItemKind.SAY, ItemKind.OBSERVATION)), default=-1)
        for index in wanted:
            text = items[index].item.text[: self._preset.last_chars] if index == last else NOTHING_SHOWN
            forms[index] = (text, "only the last message of the chunk is kept")
        return forms

    def forget(self) -> None:
        """The forms just made are not used after all."""
        self._kept = self._kept_before

    def forms(
        self, items: list[Known], wanted: list[int], versions: dict[Subject, list[int]], owners: LineOwners
    ) -> dict[int, tuple[str, str]]:
        """The form of every wanted item with the reason for it, in an order in which values are shown once."""
        forms: dict[int, tuple[str, str]] = {}
        chosen = set(wanted)
        if self._preset.expected_steps is not None:
            self._kept_before = dict(self._kept)
        thoughts: list[int] = []
        for index in wanted:
            known = items[index]
            kind = known.item.kind
            if index in forms:
                continue
            if kind is ItemKind.THOUGHT:
                thoughts.append(index)
                continue
            if kind is ItemKind.CALL:
                answer = known.answer
                # The label of the result names what was asked for; the call need not say it again.
                if answer is not None and answer in chosen and known.read and items[answer].subject is not None:
                    forms[answer] = self._settle(items[answer], *self._result(items[answer], items, versions, owners))
                forms[index] = self._call(known, thoughts, items, forms)
            elif kind is ItemKind.SAY:
                forms[index] = self._settle(known, self._say(known), _VALUES)
            else:
                forms[index] = self._settle(known, *self._result(known, items, versions, owners))
            for thought in thoughts:
                if thought not in forms:
                    forms[thought] = self._settle(items[thought], self._thought(items[thought]), _VALUES)
            thoughts = []
        for thought in thoughts:
            forms[thought] = self._settle(items[thought], self._thought(items[thought]), _VALUES)
        return forms

    def _settle(self, known: Known, form: str, reason: str) -> tuple[str, str]:
        """Keep the complete text where the form is no shorter, and count what is shown as visible."""
        form = form.strip() or NOTHING_SHOWN
        if form != NOTHING_SHOWN and self._count(form) >= known.plain_tokens > 0:
            form = known.plain
        self._visible.remove(known.index)
        self._visible.add(known.index, form)
        return form, reason

    def _new(self, known: Known, atoms: Iterable[str], forced: frozenset[str] = frozenset()) -> list[str]:
        """The atoms that are shown nowhere else, and those in ``forced``; they count as visible from now on."""
        new = []
        for atom in atoms:
            key = word_key(atom)
            if key and (key in forced or not self._visible.shows(key)):
                new.append(atom)
                self._visible.add(known.index, atom)
        return new

    # ------------------------------------------------------------------------------------------------ what was done

    def _call(
        self, known: Known, thoughts: list[int], items: list[Known], forms: dict[int, tuple[str, str]]
    ) -> tuple[str, str]:
        text = known.item.text
        self._visible.remove(known.index)
        if known.read:
            # Whoever was given the same text twice asks for the next page, or goes round in circles and must see it.
            parts = self._new(known, (*known.again, *self._arguments(known.item)))
            form = ", ".join(parts)
        elif self.stays_whole(known):
            form = text
            self._visible.add(known.index, text)
        else:
            form = f"{text[:_COMMAND_HEAD]} … {text[-_COMMAND_TAIL:]}"
            self._visible.add(known.index, form)
            rest = self._new(known, atoms_of(text))
            form += f" [{', '.join(rest)}]" if rest else ""
        if not (is_json_call(known.item) and form == text):
            thought_atoms = [atom for at in thoughts for atom in atoms_of(items[at].item.text)]
            said = self._new(known, thought_atoms)
            form += f" [{', '.join(said)}]" if said else ""
            for at in thoughts:
                self._visible.remove(at)
                forms[at] = (NOTHING_SHOWN, "its values stand in the call that followed")
        form = form.strip() or NOTHING_SHOWN
        if known.read and not thoughts and form != NOTHING_SHOWN and self._is_no_shorter(known.item, form):
            self._visible.add(known.index, text)
            form = text
        reason = _VALUES if known.read else "shown without the thought before it"
        return form, reason

    def _is_no_shorter(self, call: FoldingItem, form: str) -> bool:
        sent = folded_arguments(form) if is_json_call(call) else form
        return self._count(sent) >= self._count(call.text)

    def _arguments(self, item: FoldingItem) -> list[str]:
        if is_json_call(item):
            return list(atoms_of(item.text, phrases=False))
        verb = item.name.lower()
        words = item.text.split(" ", 1) if item.text.lower().startswith(verb) else ["", item.text]
        rest = words[-1] if len(words) > 1 else ""
        return list(atoms_of(f"the {rest}")) if rest else []

    def _say(self, known: Known) -> str:
        text = known.item.text
        if known.tokens <= self._preset.say_tokens:
            return text
        part = _gist(text, 3 * self._preset.say_tokens)
        self._visible.remove(known.index)
        self._visible.add(known.index, part)
        new = self._new(known, atoms_of(text, phrases=False))
        return part + (f" [{', '.join(new)}]" if new else "")

    def _thought(self, known: Known) -> str:
        new = self._new(known, atoms_of(known.item.text))
        return f"[{', '.join(new)}]" if new else ""

    # ---------------------------------------------------------------------------------------------- what came back

    def _result(
        self, known: Known, items: list[Known], versions: dict[Subject, list[int]], owners: LineOwners
    ) -> tuple[str, str]:
        if known.index in owners:
            live = owners.live(known.index)
            said = owners.count(known.index)
            known.lines = len(live)
            return "\n".join(live), f"{said - len(live)} of {said} lines are overridden by later values"
        if has_failed(known.item):
            return self._failure(known), _VALUES
        atoms = atoms_of(known.item.text)
        call = None if known.call is None else items[known.call].item
        # A number that the call did not name is what it measured or counted, whatever else shows the same digits.
        measured = self._is_short(known) and not _numbers(known.item.text) <= _numbers(call.text if call else "")
        if known.subject is None:
            return (known.item.text if measured else self._unnamed(known, atoms)), _VALUES
        form, reason = self._version(known, items, versions[known.subject], known.subject, atoms)
        return (known.item.text if measured and reason == _VALUES else form), reason

    def _is_short(self, known: Known) -> bool:
        return len(known.item.text) <= self._preset.short_chars and known.plain == known.item.text

    def _newer(self, known: Known, items: list[Known], subject: Subject) -> tuple[str, str]:
        """A newer version of a kept record is kept too: in full, or as changes of one that is in full view."""
        base = self._kept[subject]
        if base is not None and not items[base].fixed:
            difference = changes(self._refer(base), items[base].plain, known.plain)
            if difference is not None and self._count(difference) < self._preset.diff_gain * known.plain_tokens:
                known.leans_on = base
                return difference, f"folded to what differs from item {base}"
        self._kept[subject] = known.index
        return known.plain, "kept whole: the conversation has named it"

    def _failure(self, known: Known) -> str:
        text = known.item.text
        if known.tokens <= self._preset.error_tokens:
            return text
        lines = [line.strip()[:_FAILURE_CHARS] for line in text.split("\n") if FAILURE_LINE.search(line[:1000])]
        shown = "\n".join(lines[:_FAILURE_LINES]) or text.strip()[:_FAILURE_CHARS]
        self._visible.add(known.index, shown)
        new = self._new(known, atoms_of(text))
        return shown + (f" [{', '.join(new)}]" if new else "")

    def _unnamed(self, known: Known, atoms: tuple[str, ...]) -> str:
        new = self._new(known, atoms)
        form = ", ".join(new)
        if new and self._is_short(known) and self._count(form) * 2 > known.plain_tokens:
            return known.item.text
        return form

    def _version(
        self, known: Known, items: list[Known], all_versions: list[int], subject: Subject, atoms: tuple[str, ...]
    ) -> tuple[str, str]:
        place = bisect_left(all_versions, known.index)
        before = all_versions[place - 1] if place else None
        earlier: tuple[str, ...] = ()
        changed = before is not None and items[before].item.text != known.item.text
        if before is not None and changed:
            earlier = self._atoms.pop(before, ()) or atoms_of(items[before].item.text)
        self._atoms[known.index] = atoms
        if before is not None and not changed:
            return "", f"identical to the result of item {before}"
        if subject in self._kept:
            return self._newer(known, items, subject)
        kept = ""
        if self._preset.live and known.index == all_versions[-1]:
            kept = named_records(known.item.text, self._mentioned)
            if kept:
                self._kept[subject] = None
                self._visible.add(known.index, kept)
        here = {word_key(atom) for atom in atoms}
        there = {word_key(atom) for atom in earlier}
        forced = frozenset(here - there) if changed else frozenset()
        self._visible.add(known.index, subject.label)
        new = self._new(known, atoms, forced)
        gone = [atom for atom in earlier if word_key(atom) not in here][: self._preset.gone_cap]
        text = known.item.text
        short = self._is_short(known) and not kept
        if short and changed and not new and not gone:
            return text, "kept: it differs in words from the version before"
        form = ""
        if new or gone or kept:
            parts = [f"{subject.label}:" if subject.label else "", ", ".join(new)]
            parts.append(f"(gone: {', '.join(gone)})" if gone else "")
            form = " ".join(part for part in parts if part)
        if short and new and not gone and self._count(form) * (1 if subject.label else 2) >= known.plain_tokens:
            return text, "kept: it is as short as its values"
        if kept:
            form = f"{kept}\n{form}" if new or gone else kept
            if kept == known.plain or self._count(form) >= known.plain_tokens:
                self._kept[subject] = known.index
                return known.plain, "kept whole: the conversation has named it"
        return form, "folded to the named records and the values not visible elsewhere" if kept else _VALUES


def _numbers(text: str) -> set[str]:
    return {word for word in word_key(text).split(" ") if word.isdigit()}


def _gist(text: str, room: int) -> str:
    """What a reply most likely answers to: the question at the end of a text, else its beginning; cut at a word."""
    text = text.strip()
    if len(text) <= room:
        return text
    if text.endswith("?"):
        tail = text[-room:]
        starts = [tail.rfind(mark) + len(mark) for mark in (". ", "! ", "? ", "\n") if mark in tail]
        start = max(starts, default=tail.find(" ") + 1)
        return f"… {tail[start:]}"
    head = text[:room]
    return f"{head[: head.rindex(' ')] if ' ' in head else head} …"
