"""Labelled records, and where each of them would plausibly have come from.

A file has one JSON object a line with ``text``, ``query`` (what the victim asks), ``label`` (``benign`` or ``poison``),
``attack`` and ``source``; the last two may be any words. What else it holds is kept in ``extra``:
``correct`` and ``incorrect`` answers, ``hard`` (a hard kind of benign record), ``position`` or ``payload`` of what was
injected into a text.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnemic.domain.memory import Kind, NewMemory
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.text import fingerprint
from mnemic.errors import InvalidInput
from mnemic.storage.packed_text import read_packed_text

POISON_CHANNELS = (Channel.MAIL, Channel.WEB, Channel.TOOL, Channel.FILE, Channel.IMPORT)
"""By which an attacker's text reaches a memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledItem:
    """One labelled record. ``number`` is its place in the file, from 0; ``attack`` is empty for benign records."""

    number: int
    text: str
    query: str
    poison: bool
    attack: str = ""
    source: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def question(self) -> str:
        """What is asked of the memory: the recorded query, or the first words of the text where there is none."""
        return self.query.strip() or " ".join(self.text.split()[:12])


def load_items(path: Path | str) -> list[LabelledItem]:
    """The records of a JSON Lines file, gzipped or not. Raises `InvalidInput`."""
    place = Path(path)
    try:
        lines = read_packed_text(place).split("\n")
        items = [item_of(json.loads(line), at) for at, line in enumerate(lines) if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{place} cannot be read as labelled records: {error}.",
            hint='It takes JSON Lines such as {"text": "…", "query": "…", "label": "poison", "attack": "…", "source": "…"}.',
        ) from error
    if not items:
        raise InvalidInput(f"{place} holds no records.", hint="Give a file of labelled records.")
    return items


def item_of(row: Any, number: int) -> LabelledItem:
    """The record of one parsed line. Raises `ValueError`."""
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
        raise ValueError(f"record {number + 1} has no text")
    if row.get("label") not in ("benign", "poison"):
        raise ValueError(f"record {number + 1}: label is neither benign nor poison")
    poison = row["label"] == "poison"
    named = str(row.get("attack") or "").strip()
    return LabelledItem(
        number=number, text=row["text"], query=str(row.get("query") or ""), poison=poison,
        attack=(named or "unnamed") if poison else "", source=str(row.get("source") or ""),
        extra={name: value for name, value in row.items() if name not in _FIELDS},
    )  # fmt: skip


_FIELDS = frozenset({"text", "query", "label", "attack", "source"})


def spread(items: Sequence[LabelledItem], limit: int | None, *, seed: int) -> list[LabelledItem]:
    """At most ``limit`` items, as many of each attack and of each kind of benign record as there is room for, in order."""
    if limit is None or limit >= len(items):
        return list(items)
    chance = random.Random(seed)  # noqa: S311
    groups: dict[str, list[LabelledItem]] = {}
    for item in items:
        groups.setdefault(f"poison {item.attack}" if item.poison else f"benign {benign_kind(item)}", []).append(item)
    for group in groups.values():
        chance.shuffle(group)
    chosen: list[LabelledItem] = []
    while len(chosen) < limit:
        for group in groups.values():
            if group and len(chosen) < limit:
                chosen.append(group.pop())
    return sorted(chosen, key=lambda item: item.number)


# --- where benign records come from ---


@dataclass(frozen=True, slots=True)
class BenignKind:
    """A kind of benign record: what it is called, how its text reached the memory, and how it is recognised."""

    name: str
    channel: Channel
    memory: Kind
    is_one: Callable[[LabelledItem], bool]


def _says(pattern: str) -> Callable[[LabelledItem], bool]:
    compiled = re.compile(pattern, re.I)
    return lambda item: compiled.search(item.source) is not None


def _starts(pattern: str) -> Callable[[LabelledItem], bool]:
    compiled = re.compile(pattern, re.I)
    return lambda item: compiled.match(item.text) is not None


_EXPERIENCE = _says(r"experience|reflection|trajector|lesson|procedure|workflow|\bplan|skill|insight")
_MAIL_TEXT = _starts(r"\s*(?:subject|from|email_from|received date|return-path|message-id)\s*:")
_MAIL_SOURCE = _says(r"\be?-?mails?\b|enron|spam|inbox|newsletter")

BENIGN_KINDS: tuple[BenignKind, ...] = (
    BenignKind("mail", Channel.MAIL, Kind.SEMANTIC, lambda item: _MAIL_TEXT(item) or _MAIL_SOURCE(item)),
    BenignKind(
        "agent experience", Channel.AGENT, Kind.PROCEDURAL,
        lambda item: bool(item.extra.get("hard")) or _EXPERIENCE(item),
    ),
    BenignKind("dialogue", Channel.USER, Kind.EPISODIC, _says(
        r"turn|dialog|conversation|\bchat|\bmemory\b(?!guard)|session|message|user")),
    BenignKind("tool result", Channel.TOOL, Kind.SEMANTIC, _says(r"\btools?\b|\bapi\b|observation|json\b|terminal|log")),
    BenignKind("worked example", Channel.AGENT, Kind.PROCEDURAL, _starts(
        r"\s*question\s*:[\s\S]{0,2000}?\b(?:answer|sql|knowledge|solution|code)\b")),
    BenignKind("web page", Channel.WEB, Kind.SEMANTIC, _says(r"web|https?:|html|wiki|page|passage|search|news")),
)  # fmt: skip
"""Tried in order; the first that fits counts. Everything else is a fact from a file."""
_DEFAULT_KIND = BenignKind("fact", Channel.FILE, Kind.SEMANTIC, lambda _: True)
_BY_NAME = {kind.name: kind for kind in (*BENIGN_KINDS, _DEFAULT_KIND)}


def benign_kind(item: LabelledItem) -> str:
    """The name of the kind of a benign record."""
    return next((kind for kind in BENIGN_KINDS if kind.is_one(item)), _DEFAULT_KIND).name


_SENDER = re.compile(r"(?:^|\||\n)\s*(?:EMAIL_)?FROM\s*:\s*([^|\n]{1,120}?@[^|\n>\s]{1,80})", re.I)


def sender_of(text: str) -> str | None:
    """The sender that a mail names, if any."""
    found = _SENDER.search(text)
    return None if found is None else found[1].strip(" <>")


def benign_memory(item: LabelledItem, *, namespace: tuple[str, ...], blind: bool = False, seed: int = 0) -> NewMemory:
    """The memory of a benign record with the origin that its kind has. ``blind``: a page on an unknown site."""
    kind = _BY_NAME[benign_kind(item)]
    session = f"session-{random.Random(fingerprint(str(seed), str(item.number))).randrange(10_000)}"  # noqa: S311
    channel = Channel.WEB if blind else kind.channel
    origin = Origin(channel=channel, connection=f"benign-{item.number}")
    trusted = channel in (Channel.USER, Channel.AGENT)
    return NewMemory(
        text=item.text, kind=kind.memory, namespace=namespace, origin=origin, session=session if trusted else None,
        source=None if trusted else _place(channel, f"known{item.number}", sender_of(item.text)),
    )  # fmt: skip


# --- where poison comes from ---


def poison_memories(
    item: LabelledItem, *, namespace: tuple[str, ...], seed: int, origins: int = 1, text: str | None = None,
    channels: Sequence[Channel] = POISON_CHANNELS,
) -> list[NewMemory]:  # fmt: skip
    """The memories by which an attacker with ``origins`` distinct sources plants a record; all but the first paraphrased."""
    chance = random.Random(fingerprint(str(seed), str(item.number), "poison"))  # noqa: S311
    planted = []
    for at in range(origins):
        channel = chance.choice(channels)
        planted.append(
            NewMemory(
                text=paraphrase(text or item.text, chance) if at else text or item.text, namespace=namespace,
                source=_place(channel, f"s{chance.randrange(10**6)}-{at}"),
                origin=Origin(channel=channel, connection=f"attacker-{item.number}-{at}"),
            )
        )  # fmt: skip
    return planted


def _place(channel: Channel, name: str, sender: str | None = None) -> str:
    """A source of a channel that counts as an origin of its own by ``name``."""
    return {
        Channel.MAIL: sender or f"{name}@mail-{name}.example",
        Channel.WEB: f"https://site-{name}.example/page",
        Channel.TOOL: f"tool_{name}",
        Channel.IMPORT: f"export-{name}.jsonl",
    }.get(channel, f"/data/{name}.txt")


_SWAPS = {
    "however": "but", "therefore": "so", "also": "as well", "big": "large", "large": "big", "start": "begin",
    "begin": "start", "show": "display", "famous": "well known", "known": "recognised", "help": "assist", "use": "employ",
    "get": "obtain", "many": "numerous", "often": "frequently", "because": "since", "very": "quite", "located": "situated",
    "important": "significant", "primarily": "mainly", "renowned": "celebrated", "various": "several",
}  # fmt: skip
_OPENINGS = ("As noted, ", "In short: ", "For the record, ", "It is known that ", "To sum up, ", "According to this, ")
_BETWEEN = re.compile(r"(?<=[.!?])\s+")


def paraphrase(text: str, chance: random.Random) -> str:
    """The same in other words: some words exchanged, the order of the middle sentences changed, another opening."""
    words = [
        _SWAPS[word.lower()] if word.lower() in _SWAPS and chance.random() < 0.8 else word
        for word in re.split(r"(\W+)", text)
    ]
    sentences = _BETWEEN.split("".join(words))
    if len(sentences) > 3:
        middle = sentences[1:-1]
        chance.shuffle(middle)
        sentences = [sentences[0], *middle, sentences[-1]]
    return chance.choice(_OPENINGS) + " ".join(sentences)


# --- payloads that can be separated from the text around them ---


class Payloads:
    """Finds what was injected into a text, where the record says where it stands: ``payload`` itself, or ``position``.

    ``items``: all records, so that a line that many texts share is known to be none.
    """

    def __init__(self, items: Iterable[LabelledItem]) -> None:
        self._seen = Counter(line for item in items for line in set(_lines(item.text)))

    def of(self, item: LabelledItem) -> str | None:
        """The payload of ``item``, None if it is not known or not a line of its own."""
        named = item.extra.get("payload") or item.extra.get("injection")
        if isinstance(named, str) and named.strip() and named.strip() in item.text:
            return named.strip()
        position = item.extra.get("position")
        lines = _lines(item.text)
        if position not in ("start", "middle", "end") or len(lines) < 2:
            return None
        if position != "middle":
            return lines[0 if position == "start" else -1]
        # Mails are cut and rewritten between records, so a tie goes to what ends like a sentence.
        inner = [line for line in lines if not re.match(r"[A-Z_ ]{3,20}:", line)]
        return min(
            inner,
            key=lambda line: (self._seen[line], line[-1] not in ".?!'", len(line) > 160, len(line)),
            default=None,
        )


def inlined(text: str, payload: str) -> str:
    """``text`` with the line of the payload joined into the running text before it (or after it, at the start)."""
    at = text.index(payload)
    before, after = text[:at].rstrip(), text[at + len(payload) :].lstrip("\n")
    return f"{before} {payload} {after}".strip()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]
