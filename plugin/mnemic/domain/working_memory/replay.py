"""Replaying a recorded conversation under a folding policy: what every prompt would have held and cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mnemic.domain.memory import Role
from mnemic.domain.working_memory.auto_folding import FOLDING, MAX_STEPS, AutoFolding
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.prefix_cache import CachePrices
from mnemic.domain.working_memory.session import WorkingMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """Tokens over all prompts of a conversation; the system's messages are in none of the counts.

    ``history`` sums what was shown at each call of the model, ``full_history`` what would have been without folding;
    ``peak`` is the longest prompt, ``final`` the view at the end. ``invalidated`` sums the tokens behind the first change
    from one prompt to the next. ``spent`` and ``full_cost`` are input costs with a prompt cache, in uncached tokens, of the
    folded history and of the full one; ``cost`` is their ratio.
    """

    preset: str
    prompts: int
    history: int
    full_history: int
    peak: int
    final: int
    invalidated: int
    spent: float
    full_cost: float

    @property
    def cost(self) -> float:
        return self.spent / self.full_cost if self.full_cost else 1.0


def replay(
    messages: Sequence[Message], *, preset: str, count_tokens: Callable[[str], int], max_steps: int | None = None,
    prices: CachePrices | None = None,
) -> Replay:  # fmt: skip
    """Go through ``messages`` as their agent did and measure each prompt of it."""
    prices = prices or CachePrices()
    prompts = history = full = peak = invalidated = 0
    spent = full_spent = 0.0
    cached = full_cached = 0
    shown_before: list[int] = []
    for memory, first_changed in prompts_of(messages, preset=preset, count_tokens=count_tokens, max_steps=max_steps):
        system = sum(memory.raw_tokens(at) for at, m in enumerate(memory.messages) if m.role is Role.SYSTEM)
        shown, raw = memory.shown_tokens() - system, memory.raw_tokens() - system
        prompts, history, full, peak = prompts + 1, history + shown, full + raw, max(peak, shown)
        lost = sum(shown_before[first_changed:])
        invalidated += lost
        reused = cached - lost
        spent += prices.read * reused + prices.write * (shown - reused)
        full_spent += prices.read * full_cached + prices.write * (raw - full_cached)
        cached, full_cached = shown, raw
        shown_before = [
            0 if message.role is Role.SYSTEM else memory.shown_tokens(at) for at, message in enumerate(memory.messages)
        ]
    return Replay(
        preset=preset, prompts=prompts, history=history, full_history=full, peak=peak, final=cached,
        invalidated=invalidated, spent=spent, full_cost=full_spent,
    )  # fmt: skip


def prompts_of(
    messages: Sequence[Message], *, preset: str, count_tokens: Callable[[str], int], max_steps: int | None = None
) -> Iterator[tuple[WorkingMemory, int]]:
    """The session as it is before each answer of the model, with the first message that was changed since the last one."""
    memory = WorkingMemory("replay", count_tokens=count_tokens)
    memory.record(
        "set_options", [memory.change(Cell.OPTION, FOLDING, preset), memory.change(Cell.OPTION, MAX_STEPS, max_steps)]
    )
    folding: AutoFolding | None = None
    first_changed = len(messages)
    for message in messages:
        if message.role is Role.ASSISTANT:
            yield memory, first_changed
            first_changed = len(messages)
        memory.append([message])
        if folding is None and AutoFolding.can_begin(memory):
            folding = AutoFolding(memory, preset)
        edit = folding.follow() if folding is not None else None
        if edit is not None:
            first_changed = min(first_changed, memory.first_touched(edit))
