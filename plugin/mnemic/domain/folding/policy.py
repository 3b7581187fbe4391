"""The folding policy: what is shown of a conversation, item by item, as it grows."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from mnemic.domain.folding.atoms import atoms_of, prose_of, telling
from mnemic.domain.folding.compaction import compact
from mnemic.domain.folding.forms import Former, Known
from mnemic.domain.folding.items import Decision, FoldingItem, ItemKind, folded_arguments, is_json_call
from mnemic.domain.folding.lines import LineOwners, keyed_lines
from mnemic.domain.folding.presets import FoldingPreset
from mnemic.domain.folding.references import changed_lines, changes, same_as
from mnemic.domain.folding.segmentation import Segmenter, is_read_by_name
from mnemic.domain.folding.subjects import Subject, subject_of
from mnemic.domain.folding.visible import VisibleWords, word_key
from mnemic.domain.working_memory.messages import NOTHING_SHOWN


class Folder:
    """Decides what is shown of each item. Deterministic; the same items give the same view.

    Stage A, `append`: a new item is written shorter without loss. Nothing earlier changes. Stage B, `fold`: items of closed
    chunks are folded to the values that are shown nowhere else. What a user said is never touched.

    ``count_tokens`` measures a text. ``head`` is what the model is always shown before the items. ``is_read`` tells by a
    tool's name whether it changes nothing; by default its verb decides. ``max_steps`` overrides the preset's ``maxlen``.
    ``refer`` gives the name under which the model knows an item, for references to it.
    """

    def __init__(
        self,
        preset: FoldingPreset,
        *,
        count_tokens: Callable[[str], int],
        head: str = "",
        is_read: Callable[[str], bool] | None = None,
        max_steps: int | None = None,
        refer: Callable[[int], str] | None = None,
    ) -> None:
        self.preset = preset
        self.items: list[FoldingItem] = []
        self.shown: list[str] = []
        self.chunk_of: list[int] = []
        self._count = count_tokens
        self._is_read = is_read or is_read_by_name
        self._refer = refer or (lambda index: f"#{index}")
        self._segmenter = Segmenter(max_steps=max_steps or preset.maxlen, milestones=preset.milestones)
        self._visible = VisibleWords()
        self._visible.add(-1, head)
        self._owners = LineOwners()
        self._known: list[Known] = []
        self._unanswered: list[int] = []
        self._versions: dict[Subject, list[int]] = {}
        self._first_copy: dict[str, int] = {}
        self._whole_version: dict[Subject, int] = {}
        self._referring: dict[int, list[int]] = {}
        self._mentioned: set[str] = set()
        self._given: set[str] = set()
        self._waiting: list[int] = []
        self._next_unfolded = 0
        self._folded_upto = -1
        self._unseen = False
        self._lost_bases: set[int] = set()
        self._prompt_end = 0
        self._former = Former(preset, count_tokens, self._visible, self._mentioned, self._refer)

    @property
    def chunk_ends(self) -> tuple[int, ...]:
        """For every closed chunk the index of the first item behind it, ascending."""
        return tuple(self._segmenter.ends)

    @property
    def milestones(self) -> tuple[int, ...]:
        """Those of `chunk_ends` behind which something was done for the first time; none if the preset ignores them."""
        return tuple(self._segmenter.milestones)

    def append(self, item: FoldingItem) -> list[Decision]:
        """Take in a new item; returns how it is shown if that is not as it is."""
        index = len(self.items)
        call = self._call_answered_by(item)
        self._segmenter.before(item, index, answers=call is not None)
        known = Known(index=index, item=item, call=call)
        self.items.append(item)
        self._known.append(known)
        self.chunk_of.append(self._segmenter.current)
        known.tokens = known.plain_tokens = self._count(item.text) if item.tokens is None else item.tokens
        reason = ""
        if item.kind is ItemKind.OBSERVATION:
            reason = self._take_in_result(known)
        elif item.kind is ItemKind.CALL:
            known.tokens += self._count(item.name) if is_json_call(item) else 0
            known.read = self._is_read(item.name)
            known.again = self._given_again(item)
            self._unanswered.append(index)
            if not known.read and self._former.stays_whole(known):
                self._visible.add(index, item.text)
        elif item.kind is ItemKind.USER:
            self._visible.add(index, item.text)
        if self.preset.live and item.kind is not ItemKind.OBSERVATION and not known.read:
            self._mentioned.update(map(word_key, telling(atoms_of(item.text, phrases=False))))
        self.shown.append(known.view)
        if item.kind is ItemKind.OBSERVATION:
            answered = None if call is None else self._known[call]
            asked = None if answered is None else answered.item
            self._segmenter.after(asked, item, index, read=answered is None or answered.read)
        return [Decision(index=index, shown=known.view, reason=reason)] if reason else []

    def close_chunk(self) -> None:
        """End the chunk at work: the host knows that a subgoal is reached or given up."""
        self._segmenter.close(len(self.items))

    def exclude(self, index: int, *, visible: bool) -> None:
        """Never touch item ``index`` again: it is pinned, or somebody edits it by hand.

        ``visible`` says whether its text is in view; it is shown as it came then. If not, values that only it showed count
        as not visible from now on; what was left out of other items because of it does not come back.
        Raises IndexError when there is no such item.
        """
        known = self._known[index]
        known.fixed = True
        known.hidden = not visible
        self._visible.remove(index)
        if visible:
            self._visible.add(index, known.item.text)
            self.shown[index] = known.item.text
        # Changes are told by the lines of the shorter notation, which is not what stands there now.
        if not visible or known.plain != known.item.text:
            self._lost_bases.update(self._referring.get(index, ()))

    def fold(self) -> list[Decision]:
        """Fold what may be folded now; call it before each call of the model. Returns the edits in order of index."""
        edits = self._restore_lost()
        if self.preset.style != "none":
            edits.update(self._fold_closed())
            edits.update(self._drop_overridden())
        self._prompt_end = len(self.items)
        return [edits[index] for index in sorted(edits)]

    # ------------------------------------------------------------------------------------------------ taking in

    def _call_answered_by(self, item: FoldingItem) -> int | None:
        if item.kind is not ItemKind.OBSERVATION or not self._unanswered:
            return None
        same_name = (at for at in self._unanswered if self.items[at].name == item.name)
        call = next(same_name, self._unanswered[0])
        self._unanswered.remove(call)
        self._known[call].answer = len(self.items)
        return call

    def _given_again(self, call: FoldingItem) -> tuple[str, ...]:
        texts = prose_of(call.text)
        again = tuple(text for text in texts if text in self._given)
        self._given.update(texts)
        return again

    def _take_in_result(self, known: Known) -> str:
        item, index = known.item, known.index
        call = None if known.call is None else self._known[known.call]
        keys = keyed_lines(item.text)
        if keys is not None and self.preset.style != "last":
            scope = item.name if call is None else f"{call.item.name} {call.item.text}"
            self._owners.write(index, scope, item.text, keys)
        if keys is None:
            known.subject = subject_of(
                item.text, None if call is None else call.item, read=call is not None and call.read
            )
        if not self.preset.shorten or item.is_error:
            self._register(known)
            return ""
        known.view = compact(item.text, self._count)
        reason = "written shorter without loss" if known.view != item.text else ""
        if reason:
            known.tokens = self._count(known.view)
        known.plain, known.plain_tokens = known.view, known.tokens
        if keys is None:
            reason = self._refer_to_earlier(known) or reason
        self._register(known)
        return reason

    def _register(self, known: Known) -> None:
        if known.subject is not None:
            self._versions.setdefault(known.subject, []).append(known.index)
            if known.base is None:
                self._whole_version[known.subject] = known.index

    def _refer_to_earlier(self, known: Known) -> str:
        """Show a result as a reference to an earlier one where that is shorter; returns the reason if so."""
        size = known.tokens
        if size <= self.preset.min_tokens:
            return ""
        copy = self._first_copy.get(known.item.text)
        if copy is not None and self._shows_whole(copy):
            self._point(known, copy, same_as(self._refer(copy)))
            return f"identical to the result {self._refer(copy)}"
        self._first_copy[known.item.text] = known.index
        base = None if known.subject is None else self._whole_version.get(known.subject)
        if base is None or not self._shows_whole(base) or size <= 2 * self.preset.min_tokens:
            return ""
        difference = changes(self._refer(base), self._known[base].view, known.view)
        if difference is None or self._count(difference) >= self.preset.diff_gain * size:
            return ""
        self._point(known, base, difference)
        count = changed_lines(difference)
        return f"differs from {self._refer(base)} in {count} line{'' if count == 1 else 's'}"

    def _point(self, known: Known, base: int, shown: str) -> None:
        known.view = shown
        known.base = base
        known.tokens = self._count(shown)
        self._referring.setdefault(base, []).append(known.index)

    def _shows_whole(self, index: int) -> bool:
        known = self._known[index]
        return not known.folded and not known.hidden and known.base is None

    def _restore_lost(self) -> dict[int, Decision]:
        """Items that refer to one that is no longer shown get their own text back."""
        edits = {}
        for index in self._lost_bases:
            known = self._known[index]
            if not known.fixed and known.base is not None:
                known.base = None
                self._visible.remove(index)
                if known.folded:
                    self._visible.add(index, known.plain)
                known.view, known.tokens = known.plain, known.plain_tokens
                edits[index] = self._show(index, known.view, "the item it referred to is not shown any more")
        self._lost_bases.clear()
        return edits

    # ---------------------------------------------------------------------------------------------------- folding

    def _fold_closed(self) -> dict[int, Decision]:
        limit = self._segmenter.current - self.preset.keep
        if limit == self._folded_upto and not self._unseen:
            return {}
        self._folded_upto = limit
        while self._next_unfolded < len(self.items) and self.chunk_of[self._next_unfolded] <= limit:
            if self.items[self._next_unfolded].kind is not ItemKind.USER:
                self._waiting.append(self._next_unfolded)
            self._next_unfolded += 1
        self._waiting = candidates = [at for at in self._waiting if not self._known[at].fixed]
        if self.preset.show_once:
            told = (ItemKind.OBSERVATION, ItemKind.SAY) if self.preset.show_said_once else (ItemKind.OBSERVATION,)
            unseen = [at for at in candidates if at >= self._prompt_end and self.items[at].kind in told]
            self._unseen = bool(unseen)
            candidates = [at for at in candidates if at not in set(unseen)]
        wanted = self._closed_under_references(candidates)
        if not wanted:
            return {}
        forms = self._former.last(self._known, wanted) if self.preset.style == "last" else self._forms(wanted)
        sizes = {index: self._size(index, shown) for index, (shown, _) in forms.items()}
        if not self._pays(sizes):
            for index in forms:
                self._visible.remove(index)
                self._show_again(index)
            self._former.forget()
            return {}
        edits = {}
        for index, (shown, reason) in forms.items():
            known = self._known[index]
            known.folded = True
            known.base = known.leans_on
            if known.base is not None:
                self._referring.setdefault(known.base, []).append(index)
            if shown != self.shown[index]:
                edits[index] = self._show(index, shown, reason)
                known.tokens = sizes[index]
        done = set(forms)
        self._waiting = [at for at in self._waiting if at not in done]
        return edits

    def _closed_under_references(self, candidates: list[int]) -> list[int]:
        """The candidates that can go without leaving a reference without its base, or an old version without the new."""
        wanted = set(candidates)
        doubtful = list(candidates)
        while doubtful:
            stay = []
            for index in doubtful:
                if index not in wanted:
                    continue
                known = self._known[index]
                referred = any(
                    at not in wanted and not self._known[at].folded and self._known[at].base == index
                    for at in self._referring.get(index, ())
                )
                older = known.subject is not None and any(
                    at not in wanted for at in self._older_open(index, known.subject)
                )
                if referred or older:
                    stay.append(index)
            wanted.difference_update(stay)
            # Only a removal can make another candidate impossible.
            doubtful = sorted(wanted) if stay else []
        return sorted(wanted)

    def _older_open(self, index: int, subject: Subject) -> Iterator[int]:
        """Older versions of an item that are not folded. Versions are folded in order, so the first folded one ends it."""
        versions = self._versions[subject]
        for place in range(bisect_left(versions, index) - 1, -1, -1):
            at = versions[place]
            if self._known[at].folded:
                return
            if not self._known[at].fixed:
                yield at

    def _forms(self, wanted: list[int]) -> dict[int, tuple[str, str]]:
        """The folded form of each item and the reason for it; the index of visible words is brought up to date."""
        return self._former.forms(self._known, wanted, self._versions, self._owners)

    def _size(self, index: int, shown: str) -> int:
        item = self.items[index]
        if is_json_call(item):
            return self._count(item.name) + self._count(shown if shown == item.text else folded_arguments(shown))
        return self._count(shown)

    def _pays(self, sizes: dict[int, int]) -> bool:
        """Whether the tokens saved in the calls to come outweigh what the provider must read anew now."""
        steps = self.preset.expected_steps
        if steps is None:
            return True
        changed = [index for index in sizes if sizes[index] != self._known[index].tokens]
        if not changed:
            return True
        saved = sum(self._known[index].tokens - sizes[index] for index in changed)
        cached = sum(known.tokens for known in self._known[min(changed) : self._prompt_end])
        prices = self.preset
        again = (prices.write_price - prices.read_price) * max(0, cached - saved)
        return saved * prices.read_price * steps > again

    def _show_again(self, index: int) -> None:
        known = self._known[index]
        if known.item.kind is ItemKind.CALL and not known.read and self._former.stays_whole(known):
            self._visible.add(index, known.item.text)

    def _drop_overridden(self) -> dict[int, Decision]:
        """Write folded lists of keys and values again without the lines that later ones have overridden."""
        edits = {}
        for index in sorted(self._owners.touched):
            known = self._known[index]
            if known.fixed:
                self._owners.touched.discard(index)
            if not known.folded or known.fixed or self.preset.style != "atoms":
                continue
            self._owners.touched.discard(index)
            live = self._owners.live(index)
            if known.lines - len(live) < max(1, self.preset.dead_share * known.lines):
                continue
            said = self._owners.count(index)
            known.lines = len(live)
            shown = "\n".join(live) or NOTHING_SHOWN
            known.tokens = self._count(shown)
            self._visible.remove(index)
            self._visible.add(index, shown)
            edits[index] = self._show(index, shown, overridden(said - len(live), said))
        return edits

    def _show(self, index: int, shown: str, reason: str) -> Decision:
        self.shown[index] = shown
        return Decision(index=index, shown=shown, reason=reason)


def overridden(dead: int, said: int) -> str:
    """The reason for dropping lines."""
    return f"{dead} of {said} lines are overridden by later values"
