"""Whose words a question to an agent's memory is after."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import Role
from mnemic.retrieval.turns import ASSISTANT, NOBODY, USER, Places

_FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|we|our|ours|us)\b", re.IGNORECASE)
_VERBS = "say|tell|recommend|suggest|mention|give|provide|list|explain|advise|write|share"
_SAID = "said|told|recommended|suggested|mentioned|gave|provided|listed|explained|advised|wrote|written|shared|given"
_ASSISTANT_SAID = re.compile(
    rf"\byou\s+(?:\w+\s+)?(?:{_SAID})\b|\b(?:did|could|can)\s+you\s+(?:\w+\s+)?(?:{_VERBS})\b", re.IGNORECASE
)


def role_asked(question: str) -> Role | None:
    """The assistant for what "you" said or recommended, the user for other questions in the first person, else None."""
    if _ASSISTANT_SAID.search(question):
        return Role.ASSISTANT
    return Role.USER if _FIRST_PERSON.search(question) else None


def may_answer(asked: Role, voice: Places) -> NDArray[np.bool_]:
    """Which of these voices (`mnemic.retrieval.turns.Turns.voice`) a question that asks for ``asked`` is after.

    For the user's own words also what nobody in particular said, such as a fact or a procedure, where the user has
    spoken: it may well be what the user said once. Messages alone would stand ahead of it, whatever they are about, which
    costs 6 and 4 MRR where chats, facts about their user and procedures are kept together (two halves of 47 questions).
    Where the user has not spoken there is nothing to weigh, and scores stay as for other questions, so that silence means
    the same.
    """
    said: NDArray[np.bool_] = voice == (ASSISTANT if asked is Role.ASSISTANT else USER)
    return said | (voice == NOBODY) if asked is Role.USER and said.any() else said
