"""The newest of what answers a question about how things are now.

Whoever asks for the *current* job is served badly by the three before it, which answer just as well: old values crowd out
the new one, the more of them there are (proactive interference; PI-LLM). Where a fact says what it is a fact about, the
older one is superseded (`mnemic.domain.facts`). This is for all that is told in passing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mnemic.retrieval.smoothing import Scores
from mnemic.retrieval.turns import NONE, Places

# What scores less than so much of the best is about something else, however new it is.
_RIVALS_FROM = 0.5
_HALVED = 0.5


def recency(
    moments: Places, session: Places, content: Scores, *, now: int, strangers: NDArray[np.bool_]
) -> Scores:  # fmt: skip
    """How new each is among those that answer nearly as well as the best: 1 for the newest, 1/2 for the next, and so on.

    ``moments`` and ``now`` are in microseconds; what is of a time after ``now`` is not new but to come. What is said in one
    session is equally new. What ``strangers`` said is new only where nobody else said anything to it, so that a last word
    does not make them believed.
    """
    found = np.zeros(len(content))
    rivals = (content > 0) & (content >= _RIVALS_FROM * content.max(initial=0.0)) & (moments <= now)
    if (rivals & ~strangers).any():
        rivals &= ~strangers
    places = np.flatnonzero(rivals)
    if len(places):
        _, age = np.unique(-_last_of_session(moments[places], session[places]), return_inverse=True)
        found[places] = _HALVED**age
    return found


def _last_of_session(moments: Places, session: Places) -> Places:
    names, place = np.unique(session, return_inverse=True)
    last = np.full(len(names), moments.min())
    np.maximum.at(last, place, moments)
    return np.where(session == NONE, moments, last[place])
