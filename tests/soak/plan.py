"""What the workers do to a memory, and what must be there after each step: the oracle of the suite."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

NAMESPACE = ("soak",)
SESSION = "soak-session"
# Only erased texts hold it: no file may, once they are erased.
SECRET = "quillvane"


@dataclass(frozen=True, slots=True)
class Step:
    """One call. ``texts`` are what it writes, ``target`` the text of the memory that it is about."""

    does: str
    texts: tuple[str, ...] = ()
    target: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What an opened memory shows: the status of every text, what a session holds, tasks, items."""

    texts: dict[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()
    folded: bool = False
    tasks: frozenset[str] = frozenset()
    items: dict[str, str] = field(default_factory=dict)
    erased: bool = False

    def after(self, step: Step) -> State:
        texts = dict(self.texts)
        match step.does:
            case "remember" | "remember_many" | "import":
                return replace(self, texts=texts | dict.fromkeys(step.texts, "active"))
            case "supersede":
                return replace(self, texts=texts | {step.target: "superseded", step.texts[0]: "active"})
            case "archive":
                return replace(self, texts=texts | {step.target: "archived"})
            case "restore":
                return replace(self, texts=texts | {step.target: "active"})
            case "erase":
                del texts[step.target]
                return replace(self, texts=texts, erased=True)
            case "say":
                return replace(self, messages=self.messages + step.texts)
            case "fold":
                return replace(self, folded=True)
            case "outcome":
                return replace(self, tasks=self.tasks | {step.target})
            case "item":
                return replace(
                    self, items=self.items | {step.target: step.texts[0]}, texts=texts | {step.texts[0]: "active"}
                )
            case "reopen" | "recall":
                return self
        raise AssertionError(step)


def states(steps: list[Step]) -> list[State]:
    """What must be there before the first step, and after each."""
    found = [State()]
    for step in steps:
        found.append(found[-1].after(step))
    return found


def make_plan(seed: int = 1) -> list[Step]:
    """Every kind of write, some more than once, with two openings of the memory in between."""
    chance = random.Random(seed)
    used: set[str] = set()

    def text(words: int = 9) -> str:
        while (made := _sentence(chance, words)) in used:
            pass
        used.add(made)
        return made

    first, doomed, kept, late = text(), f"{text()} {SECRET}", text(), text()
    return [
        Step("remember", (first,)),
        Step("remember", (doomed,)),
        Step("remember_many", tuple(text() for _ in range(6))),
        Step("say", (text(), text(), f"{text(30)}")),
        Step("supersede", (text(),), first),
        Step("remember", (". ".join(text(14) for _ in range(9)),)),
        Step("remember", (kept,)),
        Step("archive", (), kept),
        Step("outcome", (), f"task {seed} {text(4)}"),
        Step("fold"),
        Step("erase", (), doomed),
        Step("item", (text(),), "key one"),
        Step("reopen"),
        Step("import", tuple(text() for _ in range(3))),
        Step("restore", (), kept),
        Step("remember", (late,)),
        Step("supersede", (text(),), late),
        Step("remember_many", tuple(text() for _ in range(3))),
        Step("recall"),
    ]  # fmt: skip


def export_of(texts: tuple[str, ...]) -> list[str]:
    """The lines of an export that holds ``texts``."""
    lines: list[dict[str, Any]] = [{"format": "mnemic-export", "type": "header", "version": 1}]
    for text in texts:
        moment = "2024-05-01T08:00:00+00:00"
        chance = random.Random(text)
        id = "m1" + "".join(chance.choices("0123456789abcdefghjkmnpqrstvwxyz", k=14))
        lines.append(
            {
                "confirmations": 0, "id": id, "kind": "semantic", "namespace": list(NAMESPACE),
                "origin": {"channel": "agent"}, "recorded_at": moment, "status": "active", "text": text,
                "type": "memory", "valid_from": moment,
            }
        )  # fmt: skip
    return [json.dumps(line, sort_keys=True) for line in lines]


_WORDS = (
    "anchor apron basket beacon bellows blanket bottle bridge brush bucket button cabin candle canvas carpet castle chapel "
    "chimney cloak compass copper cradle curtain dagger desk dome drum feather ferry flask flute fountain funnel garden "
    "glacier glove granite hammer harbour harp helmet hinge honey island ivory jacket jar kettle kite ladder lantern "
    "leather lemon linen locket loom lumber magnet mantle marble mast meadow mirror mitten mortar needle nickel oar orchard "
    "organ oven paddle parcel pebble pepper pillow pitcher plough pocket porch quarry quilt raft ribbon river rope saddle "
    "salt satchel saucer scarf shovel shutter sickle silver sleigh spindle spoon stable statue stove tablet tapestry teapot "
    "thimble timber torch tower trellis trumpet tunnel turnip umbrella urn valley vase velvet violin wagon walnut whistle "
    "window wreath yarn zither"
).split()


def _sentence(chance: random.Random, words: int) -> str:
    """Words that no rule of the guard or of facts is about, in a sentence that no other is like."""
    made = [chance.choice(_WORDS) for _ in range(words)]
    return f"The {made[0]} of room {chance.randint(100, 99_999)} lies beside " + " and ".join(made[1:])
