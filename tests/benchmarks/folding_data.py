"""Recorded episodes as items of a working memory, for `tests.benchmarks.folding`."""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mnemic.domain.folding import FoldingItem, ItemKind

TAU_FILE = "taubench_airline_dev.jsonl.gz"
WORLDS_FILE = "trajectories_dev.jsonl.gz"
INTERFERENCE_FILE = "pi_dict_46x400.json.gz"

_WORD = re.compile(r"\w+")
_PREPOSITIONS = frozenset("to from in on into onto with at".split())
_PARTICLES = frozenset("up around down off out".split())


def words(text: str) -> str:
    """The words of a text in lower case, between single spaces: what a token sequence is compared by."""
    return " ".join(_WORD.findall(text.lower()))


@dataclass
class Act:
    """One call of the model: the items before it are its history; what it used of them."""

    position: int
    arguments: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@dataclass
class Episode:
    """A recorded episode. ``head`` is always in the prompt (rules, task) and counts nowhere."""

    name: str
    head: str
    items: list[FoldingItem] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    rises: list[int] = field(default_factory=list)
    """Numbers of the steps, from 0, after which the environment's score had risen."""


def tau_bench(folder: Path) -> list[Episode]:
    """tau-bench airline: a chat with tool calls. Every message of the assistant is one call of the model."""
    with gzip.open(folder / TAU_FILE, "rt", encoding="utf-8") as file:
        return [_chat(json.loads(line)) for line in file]


def _chat(record: dict[str, Any]) -> Episode:
    messages = record["traj"]
    head = "\n".join(message["content"] for message in messages if message["role"] == "system")
    episode = Episode(f"{record['task_id']}-{record['trial']}", head)
    for message in messages:
        text = message["content"] or ""
        if message["role"] == "user":
            episode.items.append(FoldingItem(kind=ItemKind.USER, text=text))
        elif message["role"] == "tool":
            episode.items.append(FoldingItem(kind=ItemKind.OBSERVATION, text=text, name=message["name"]))
        elif message["role"] == "assistant":
            act = Act(len(episode.items))
            episode.acts.append(act)
            if text:
                act.said = sorted({word for word in words(text).split() if len(word) > 1 and re.search(r"[\d_]", word)})
                episode.items.append(FoldingItem(kind=ItemKind.SAY, text=text))
            for call in message.get("tool_calls") or []:
                name, arguments = call["function"]["name"], call["function"]["arguments"]
                episode.items.append(FoldingItem(kind=ItemKind.CALL, text=arguments, name=name))
                if name == "calculate":
                    act.arguments += [words(number) for number in re.findall(r"\d+(?:\.\d+)?", arguments)]
                else:
                    act.arguments += [words(leaf) for leaf in leaves(json.loads(arguments))]
    return episode


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def text_worlds(folder: Path) -> tuple[list[Episode], list[Episode]]:
    """ScienceWorld (oracle paths) and ALFWorld (a model's own): each step is a thought, a command and what it brought."""
    science: list[Episode] = []
    alf: list[Episode] = []
    with gzip.open(folder / WORLDS_FILE, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            (science if record["id"].startswith("sciworld") else alf).append(_world(record))
    return science, alf


def _world(record: dict[str, Any]) -> Episode:
    episode = Episode(record["id"], record["task"])
    score = 0.0
    for number, step in enumerate(record["steps"]):
        episode.acts.append(Act(len(episode.items), arguments=_objects(step["action"])))
        verb = step["action"].split(" ")[0]
        if step["thought"]:
            episode.items.append(FoldingItem(kind=ItemKind.THOUGHT, text=step["thought"]))
        episode.items.append(FoldingItem(kind=ItemKind.CALL, text=step["action"], name=verb))
        episode.items.append(FoldingItem(kind=ItemKind.OBSERVATION, text=step["observation"], name=verb))
        if step.get("score", 0.0) > score:
            episode.rises.append(number)
        score = step.get("score", score)
    return episode


def _objects(action: str) -> list[str]:
    phrases: list[list[str]] = [[]]
    for at, word in enumerate(words(action).split()):
        if at == 0 or (at == 1 and word in _PARTICLES):
            continue
        if word in _PREPOSITIONS:
            phrases.append([])
        else:
            phrases[-1].append(word)
    return [" ".join(phrase) for phrase in phrases if phrase]


def interference(folder: Path, *, updates: int, seed: int, per_message: int = 23) -> list[list[tuple[str, str]]]:
    """Messages of key and value pairs: every key of the dictionary is written ``updates`` times, in random order."""
    with gzip.open(folder / INTERFERENCE_FILE, "rt", encoding="utf-8") as file:
        dictionary: dict[str, list[str]] = json.load(file)
    chance = random.Random(seed)
    stream = [(key, value) for key, values in dictionary.items() for value in chance.sample(values, updates)]
    chance.shuffle(stream)
    return [stream[at : at + per_message] for at in range(0, len(stream), per_message)]
