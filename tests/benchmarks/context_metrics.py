"""What an agent's prompts cost and show under a way of editing, for `tests.benchmarks.contexts`.

The measures are those of `tests.benchmarks.folding_metrics`, of prompts that may have fewer messages than were said.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from tests.benchmarks.context_chats import Chat, Recording, arguments, parts
from tests.benchmarks.context_editings import Editing
from tests.benchmarks.folding_data import leaves, words
from tests.benchmarks.folding_metrics import (
    READ_PRICE,
    WRITE_PRICE,
    Count,
    Reader,
    note_answers,
    readable_bags,
    tally_record,
)
from tests.langgraph.provider_rules import orphans, refused_by_anthropic, refused_by_openai

_RESAMPLES = 2_000
Refused = Callable[[Sequence[BaseMessage]], list[str]]


@dataclass(slots=True)
class Figures:
    """Sums over the prompts of one chat. Pairs count what was found, and all there was."""

    name: str
    prompts: int = 0
    history: int = 0
    full: int = 0
    price: float = 0.0
    full_price: float = 0.0
    invalidated: int = 0
    broken: int = 0
    """Prompts that do not begin with the one before."""
    arguments: list[int] = field(default_factory=lambda: [0, 0])
    latest: list[int] = field(default_factory=lambda: [0, 0])
    records: list[int] = field(default_factory=lambda: [0, 0])
    in_state: list[int] = field(default_factory=lambda: [0, 0])
    orphans: int = 0
    openai: int = 0
    anthropic: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    """What was not to be read in the last prompt."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """An original that the last prompt of a chat does not show letter for letter."""

    id: str
    original: str
    kept: list[BaseMessage]
    prompt: list[BaseMessage]


def size(message: BaseMessage, count: Count) -> int:
    """Tokens of a message: its text, and name and arguments of each call; no envelope."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return count(message.text) + sum(count(call["name"]) + count(arguments(call)) for call in calls)


def play(graph: Any, recording: Recording, chat: Chat, count: Count, reader: Reader) -> Figures:
    """Run a recorded chat through a graph and measure every prompt that its model got."""
    prompts, kept = recording.play(graph, chat)
    found = Figures(chat.episode.name, prompts=len(prompts))
    answers: dict[str, list[int]] = {}
    before: list[tuple[str, int]] = []
    cached_full = fed = 0
    head = reader.key(chat.head)
    places = [at for at, message in enumerate(chat.messages) if isinstance(message, AIMessage)]
    for act, place, prompt in zip(chat.episode.acts, places, prompts, strict=True):
        said = chat.messages[:place]
        shown = prompt[1:] if isinstance(prompt[0], SystemMessage) and prompt[0].text == chat.head else prompt
        texts = [text for message in shown for text in parts(message)]
        readable = "\x00".join(map(reader.key, texts))
        full = "\x00".join(reader.key(text) for message in said for text in parts(message))
        note_answers(chat.episode, fed, act.position, answers)
        fed = act.position
        _measure_cost(found, before, shown, count)
        raw = sum(size(message, count) for message in said)
        found.full += raw
        found.full_price += READ_PRICE * cached_full + WRITE_PRICE * (raw - cached_full)
        cached_full = raw
        by_id = {message.id: message.text for message in shown}
        bags = readable_bags(texts, reader, lambda name, by_id=by_id: by_id.get(name, ""))  # type: ignore[misc]
        results = [message.text for message in reversed(said) if isinstance(message, ToolMessage)]
        for phrase in act.arguments:
            wanted = f" {phrase} "
            if not phrase or wanted in head or wanted not in full:
                continue
            _tally(found.arguments, wanted in readable)
            if wanted not in readable:
                found.missed.append(f"{found.name} message {place}: {phrase}")
            tally_record(phrase, results, bags, reader, found.records)
        for value in {value for places in answers.values() for value in values_of(chat.episode.items[places[-1]].text)}:
            if f" {value} " not in head:
                _tally(found.latest, f" {value} " in readable)
        found.orphans += len(orphans(prompt))
        for provider, wrong in (("openai", refused_by_openai(prompt)), ("anthropic", refused_by_anthropic(prompt))):
            setattr(found, provider, getattr(found, provider) + bool(wrong))
            found.reasons.update(f"{provider} refuses: {re.sub(r'^message [0-9]+: ', '', reason)}" for reason in wrong)
    _note_hidden(found, chat.messages[: places[-1]], prompts[-1], kept)
    return found


@cache
def values_of(text: str) -> tuple[str, ...]:
    """The values in a result, as words: of JSON all scalars but true, false and null, of other text what has digits."""
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if isinstance(document, dict | list):
        found = [words(leaf) for leaf in leaves(document)]
    else:
        found = [word for word in words(text).split() if re.search(r"[\d_]", word)]
    return tuple(dict.fromkeys(value for value in found if value))


def asked(editing: Editing, hidden: Sequence[Hidden], sample: int, seed: int = 7) -> list[int]:
    """Let the agent ask for a sample of what was hidden: how many it got back letter for letter, and how many it wanted."""
    chosen = list(hidden) if len(hidden) <= sample else random.Random(seed).sample(list(hidden), sample)
    got = [0, 0]
    for one in chosen:
        answer = editing.ask(one.kept, one.id, one.original, one.prompt)
        _tally(got, answer is not None and one.original in answer)
    return got


def interval(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Between which percentages the share of sums lies in 95 % of resamples of the chats."""
    table = np.array(pairs, dtype=float)
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(table), (_RESAMPLES, len(table)))
    sums = table[picks].sum(axis=1)
    shares = 100 * sums[:, 0] / np.maximum(sums[:, 1], 1e-9)
    low, high = np.quantile(shares, (0.025, 0.975))
    return round(float(low), 1), round(float(high), 1)


def share_interval(found: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share, in percent."""
    if not of:
        return 0.0, 100.0
    z, p = 1.96, found / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * ((p * (1 - p) + z * z / (4 * of)) / of) ** 0.5 / (1 + z * z / of)
    return round(100 * max(0.0, middle - half), 1), round(100 * min(1.0, middle + half), 1)


def _measure_cost(found: Figures, before: list[tuple[str, int]], shown: Sequence[BaseMessage], count: Count) -> None:
    now = [("\x00".join([message.type, *parts(message)]), size(message, count)) for message in shown]
    same = next(
        (at for at, (old, new) in enumerate(zip(before, now, strict=False)) if old != new), min(len(before), len(now))
    )
    lost = sum(tokens for _, tokens in before[same:])
    total = sum(tokens for _, tokens in now)
    cached = sum(tokens for _, tokens in now[:same])
    found.history += total
    found.invalidated += lost
    found.broken += same < len(before)
    found.price += READ_PRICE * cached + WRITE_PRICE * (total - cached)
    before[:] = now


def _note_hidden(
    found: Figures, said: Iterable[BaseMessage], prompt: list[BaseMessage], kept: list[BaseMessage]
) -> None:
    shown = "\x00".join(text for message in prompt for text in parts(message))
    held = "\x00".join(text for message in kept for text in parts(message))
    for message in said:
        for text in parts(message):
            if text not in shown:
                found.hidden.append(Hidden(message.id or "", text, kept, prompt))
                _tally(found.in_state, text in held)


def _tally(pair: list[int], hit: bool) -> None:
    pair[0] += hit
    pair[1] += 1
