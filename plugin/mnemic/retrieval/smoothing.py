"""What the turns around a turn say for it."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.arrays import distinct
from mnemic.domain.memory import Role
from mnemic.retrieval.turns import ASSISTANT, NONE, USER, Places, Turns

Scores = NDArray[np.float64]


class Links(NamedTuple):
    """From which place to which other a score passes, and how much of it for words and for meaning."""

    source: Places
    target: Places
    words: Scores
    meaning: Scores


# An answer makes sense with its question, whose words it does not repeat; what one person says in several turns stands for
# itself. Lab: smoothing only where the speaker changes keeps LoCoMo's gain (70.9 to 77.3 R@10) and spares a store of one
# person's notes 11 points; for what a user said a prompt is found by its reply, never a reply by its prompt (58.6 to 69.1).
# For what the assistant said it is the other way round, or each reply would stand behind its own prompt, and a prompt that
# only asks hides the answer from whoever asks the same: R@1 in three sets of long talks 54 to 69, 44 to 71 and 59 to 63,
# part of it by knowing more questions after what "you" said (`mnemic.retrieval.roles`).
_BESIDE = (0.4, 0.15)
_BEYOND = (0.2, 0.0)
_REPLY = (0.7, 0.25)
# People write one thing in several short messages, and answer what they are asked in words of their own. Among people who
# answer each other these gain 2 to 4 R@5 and R@10 in real chats; where turns alternate, as in LoCoMo, only the last has
# anything to do, and gains 0.2 R@1 there.
_SAME_PERSON = (0.2, 0.1)
_ASKED = (0.2, 0.0)


def links(turns: Turns, asking: NDArray[np.bool_] | None = None, answer_of: Role | None = None) -> Links | None:
    """Where scores pass among ``turns``: between people who take turns both ways, for roles from a reply to its prompt, or
    the other way where the reply is what is asked for.

    ``asking``: which turns ask and tell nothing, as far as that is known. ``answer_of``: whose turns hold the answer, None
    if that is open.
    """
    parts: list[tuple[Places, Places, tuple[float, float]]] = []
    followed = np.flatnonzero(turns.after != NONE)
    if not len(followed):
        return None
    following = turns.after[followed]
    spoken, heard = turns.voice[followed], turns.voice[following]
    persons = (spoken > 0) & (heard > 0) & (spoken != heard)
    first, second = followed[persons], following[persons]
    for source, target, back, on in (
        (first, second, turns.before, turns.after), (second, first, turns.after, turns.before)
    ):  # fmt: skip
        parts.append((source, target, _BESIDE))
        beyond = back[source]
        parts.append((beyond[beyond != NONE], target[beyond != NONE], _BEYOND))
        further = on[target]
        same = (further != NONE) & (turns.voice[further] == turns.voice[target])
        parts.append((source[same], further[same], _BEYOND))
    same = (spoken > 0) & (spoken == heard)
    if len(first) and same.any():
        one, other = followed[same], following[same]
        talks = distinct(turns.session[first])
        at = np.minimum(np.searchsorted(talks, turns.session[one]), len(talks) - 1)
        among = talks[at] == turns.session[one]
        parts.append((one[among], other[among], _SAME_PERSON))
        parts.append((other[among], one[among], _SAME_PERSON))
    if asking is not None:
        asked = asking[first]
        parts.append((first[asked], second[asked], _ASKED))
    answered = (spoken == USER) & (heard == ASSISTANT)
    prompts, replies = followed[answered], following[answered]
    onward = np.full(len(prompts), answer_of is Role.ASSISTANT)
    if answer_of is None and asking is not None:
        onward = asking[prompts]
    parts.append((replies[~onward], prompts[~onward], _REPLY))
    parts.append((prompts[onward], replies[onward], _ASKED))
    counts = [len(source) for source, _, _ in parts]
    words, meaning = np.array([weight for _, _, weight in parts]).T
    return Links(
        np.concatenate([source for source, _, _ in parts]),
        np.concatenate([target for _, target, _ in parts]),
        np.repeat(words, counts),
        np.repeat(meaning, counts),
    )


def passed(scores: Scores, links: Links | None, channel: Literal["words", "meaning"]) -> Scores:
    """What each place gets from the others."""
    if links is None:
        return np.zeros(len(scores))
    weights = links.words if channel == "words" else links.meaning
    found: Scores = np.bincount(links.target, scores.take(links.source) * weights, minlength=len(scores)).astype(
        np.float64, copy=False
    )
    return found
