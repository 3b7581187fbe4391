"""How experiences are worded: tasks without the things that they are about, situations, keywords, lists of steps.

Nothing is said here that the trajectories do not show; counts are fields of an experience and never part of its text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from mnemic.domain.experience.actions import OBJECT, without_numbers
from mnemic.domain.experience.trajectory import Step, Trajectory, scalars_of
from mnemic.domain.experience.values import ValueKind, tokens_of
from mnemic.domain.text import STOP_WORDS, normalise, words_of

MOST_CONTENT_CHARS = 2_000
MOST_SITUATION_CHARS = 400
_TASK_CHARS = 160
_MOST_TOOLS = 8
_MOST_KEYWORDS = 8
_MOST_VALUES = 64

_ASKED = re.compile(
    r"\b(?:(?:your|the)(?: \w+)? (?:task|goal|objective) is|you(?:'re| are) asked)(?: to)?\s?:?\s{0,3}", re.IGNORECASE
)
# "Your task: …", "You are an agent …": by what else a task is put to whoever is to do it.
_TO_ITS_DOER = re.compile(
    r"\byour(?P<which> \w+)?(?= (?:task|goal|objective)\b)|\b(?P<doer>you(?:'re| are))(?= (?:an?|the|asked|given|to)\b)",
    re.IGNORECASE,
)
_GREETING = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day))\b[^.!?,\n]{0,24}[.!?,\n]\s{0,4}", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")
_LETTERED = re.compile(r"[^\W\d_]{3,}")


def task_line(task: str) -> str:
    """What is asked for in at most about 160 characters: what follows "your task is", else the first sentences.

    A greeting is left out.
    """
    asked = reported(_ASKED.split(task, maxsplit=1)[-1])
    text = _GREETING.sub("", asked.strip(), count=1).strip() or asked.strip()
    line = ""
    for sentence in _SENTENCE_END.split(text):
        if line and len(line) + len(sentence) >= _TASK_CHARS:
            break
        line = f"{line} {sentence.strip()}".strip()
    return clip(normalise(line), _TASK_CHARS)


def reported(task: str) -> str:
    """A task as one tells of it: who reads of it later is not told to do it."""
    return _TO_ITS_DOER.sub(lambda match: "the agent is" if match["doer"] else f"the{match['which'] or ''}", task)


def generalise(text: str, steps: Iterable[Step] = ()) -> str:
    """The text with the things that it is about named by their kind: ``cancel M05KNL`` is ``cancel <reservation_id>``.

    First what calls took as arguments is named by the argument, then values are named by what they look like.
    """
    named = _named_values(steps)
    if named:
        pattern = "|".join(re.escape(value) for value in sorted(named, key=len, reverse=True))
        text = re.sub(
            rf"(?<!\w)(?:{pattern})(?!\w)", lambda match: f"<{named[match.group().lower()]}>", text, flags=re.IGNORECASE
        )
    parts: list[str] = []
    last = 0
    for token in tokens_of(text):
        inside = text[max(0, token.start - 1) : token.start] == "<" and text[token.end : token.end + 1] == ">"
        if token.kind is None or token.listed or inside:
            continue
        kind = "value" if token.kind is ValueKind.QUOTED else token.kind.value
        parts += [text[last : token.start], f"<{kind}>"]
        last = token.end
    joined = "".join((*parts, text[last:]))
    return re.sub(r"(<\w+>)(?:[ ,]{0,2}\1)+", r"\1", joined)


def situation(task: str, tools: Sequence[str], given: Sequence[str]) -> str:
    """ω, "when to use": the generalised task, the tools, and the kinds of things that were given."""
    parts = [f"When the task is like: {task.rstrip('.!? ')}."]
    if tools:
        parts.append(f"Tools: {', '.join(tools[:_MOST_TOOLS])}.")
    if given:
        parts.append(f"Given: {', '.join(given[:_MOST_TOOLS])}.")
    return clip(" ".join(parts), MOST_SITUATION_CHARS)


def keywords_by_group(texts: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The words that tell each group from the others, best first, at most eight (TF-IDF)."""
    counts = {
        group: Counter(
            word for text in of for word in set(words_of(text)) if _LETTERED.fullmatch(word) and word not in STOP_WORDS
        )
        for group, of in texts.items()
    }
    spread = Counter(word for words in counts.values() for word in words)
    scale = math.log(1 + len(counts))
    return {
        group: tuple(
            sorted(words, key=lambda word: (-words[word] * (1 + scale - math.log(spread[word])), word))[:_MOST_KEYWORDS]
        )
        for group, words in counts.items()
    }


def clip(text: str, most_chars: int) -> str:
    """The text, cut behind a word where it is too long."""
    if len(text) <= most_chars:
        return text
    return text[: most_chars - 1].rsplit(" ", 1)[0].rstrip(" ,;:<") + "…"


def shown_action(step: Step) -> str:
    """A command in words without the numbers of its things: ``Take potato from countertop``."""
    if step.tool == "enter":
        return f'Answer "{normalise(step.action)}"'
    words = without_numbers(normalise(step.action))
    return words[:1].upper() + words[1:]


def shown_tool(name: str) -> str:
    """A tool's name as a sentence quotes it."""
    return f'"{name}"' if " " in name else name


def listed(names: Sequence[str], joined: str = "and") -> str:
    """``a, b and c``."""
    return f" {joined} ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def cite(trajectory: Trajectory, index: int | None = None) -> str:
    """The id of a trajectory, or of its step at ``index``, which is counted from 1 in the id."""
    return trajectory.id if index is None else f"{trajectory.id}#{index + 1}"


def _named_values(steps: Iterable[Step]) -> dict[str, str]:
    """Lower-case values of arguments, with the name of the argument that took them first."""
    named: dict[str, str] = {}
    for step in steps:
        for name, value in step.arguments.items():
            for scalar in scalars_of(value):
                shown = without_numbers(scalar.strip()) if step.in_words else scalar.strip()
                if 3 <= len(shown) <= 60 and len(named) < _MOST_VALUES and shown.lower() not in STOP_WORDS:
                    label = name if not step.in_words or name == OBJECT else "place"
                    named.setdefault(shown.lower(), label)
    return named
