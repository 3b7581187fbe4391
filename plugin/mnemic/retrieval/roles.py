"""Whose words a question to an agent's memory is after."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.memory import Role
from mnemic.domain.text import words_of
from mnemic.retrieval.turns import ASSISTANT, NOBODY, USER, Places

_FIRST_PERSON = re.compile(r"\b(?:i|my|me|mine|we|our|ours|us)\b", re.IGNORECASE)
_SAID = (
    "said|told|recommended|suggested|mentioned|gave|provided|listed|explained|advised|wrote|written|shared|given|named|made"
    "|described|proposed|compared|drafted|calculated|estimated|showed|shown|taught|warned|answered|came up with|put together"
)
_ANSWERS = "advice|answers?|explanations?|instructions|opinion|words|recommendations?|repl(?:y|ies)|suggestions?"
_ASSISTANT_SAID = re.compile(
    rf"\byou(?:['\u2019](?:ve|d))?\s+(?:\w+\s+)?(?:{_SAID})\b|\bdid\s+you\s+(?!know\b)\w+"
    rf"|\baccording\s+to\s+you\b|\b(?:according\s+to|by|from|in)\s+your\s+(?:\w+\s+)?(?:{_ANSWERS})\b",
    re.IGNORECASE,
)
# Asked for now: what suits the user is what the user has said.
_ASKED_FOR = re.compile(r"\b(?:can|could|will|would)\s+you\s+(?:\w+\s+)?(?:recommend|suggest|advise)\b", re.IGNORECASE)
_OUR_TALK = re.compile(
    r"\bour\s+(?:\w+\s+){0,2}(?:chat|conversation|discussion|session|talk)s?\b"
    r"|\bwe(?:['\u2019](?:ve|d))?\s+(?:\w+\s+)?(?:discussed|(?:talked|spoke|chatted)\s+about|went\s+over|came\s+up\s+with)\b",
    re.IGNORECASE,
)
_ABOUT_THE_USER = re.compile(
    r"\b(?:my|mine)\b|\bdid\s+(?:i|we)\b|\bi(?:\s+\w+)?\s+(?:said|told|mentioned|asked|wrote|shared|described)\b",
    re.IGNORECASE,
)
# Whoever asks so is spoken to, and not spoken of.
_NOT_OF_THE_USER = re.compile(
    r"\b(?:remind|tell|give|show|help|let|teach)\s+(?:me|us)\b|\bhow\s+(?:do|can|could|should|would)\s+(?:i|we)\b",
    re.IGNORECASE,
)

# In other languages: what "you" told "me", and the first person. The pronouns are no words of English, but for "me". Most
# questions have none of these words, and then no pattern is tried.
_TOLD_DE = "gesagt|empfohlen|vorgeschlagen|genannt|erklärt|erzählt|geraten|gegeben|geschrieben"
_TOLD_FR = "(?:dit|recommandé|proposé|conseillé|suggéré|expliqué|donné)e?s?"
_TOLD_IT = "(?:dett|consigliat|suggerit|spiegat|propost|dat)[oaie]"
_TOLD_NL = "gezegd|aanbevolen|aangeraden|voorgesteld|uitgelegd|gegeven"
_YOU_TOLD_ES = frozenset("dijiste recomendaste sugeriste aconsejaste explicaste mencionaste propusiste diste".split())
_YOU = frozenset("du tu vous as avez hai você je".split())
_OTHERS_SAID = re.compile(
    rf"\b(?:hast|hattest)\s+du\b.*\b(?:{_TOLD_DE})\b|\b(?:as[- ]tu|avez[- ]vous|m['\u2019](?:as|avez))\b.*\b(?:{_TOLD_FR})\b"
    rf"|\b(?:mi|m['\u2019])\s*hai\b.*\b(?:{_TOLD_IT})\b|\bheb\s+je\b.*\b(?:{_TOLD_NL})\b"
    r"|\bvocê\b.*\b(?:disse|recomendou|sugeriu|explicou|mencionou|deu)\b",
    re.IGNORECASE,
)
_SAID_IN_CHARACTERS = re.compile(
    "你(?:之前|上次|刚才)?(?:[跟给对向]我)?(?:说|建议|推荐|告诉|提到|列)"
    "|(?:言い|言って|教えて|勧めて|薦めて|提案して|説明して)(?:くれ)?(?:ました|た)"
)
_OTHERS_FIRST_PERSON = frozenset(
    """ich mir mich mein meine meinem meinen meiner meines wir uns unser unsere unserem unseren unserer je moi mes nous notre
    nos mí mis nosotros nuestra nuestras nuestro nuestros mio miei mie noi nostra nostre nostri nostro meu meus minha
    minhas nosso nossos nossa nossas ik mij mijn wij ons onze""".split()
)
_FIRST_PERSON_IN_CHARACTERS = re.compile("[我私俺僕]|うちの")


def role_asked(question: str) -> Role | None:
    """The assistant for what "you" said or recommended, or what was said in "our conversation" or "we discussed"; the user
    for other questions in the first person, else None.

    "Can you recommend a film?" asks for something new, "Can you remind me of the film?" and "How can I see the film?" of
    nobody in particular.
    """
    words = frozenset(words_of(question))
    if _ASSISTANT_SAID.search(question) or _others_said(question, words):
        return Role.ASSISTANT
    if _ASKED_FOR.search(question):
        return None
    if _OUR_TALK.search(question) and not _ABOUT_THE_USER.search(question):
        return Role.ASSISTANT
    if not words.isdisjoint(_OTHERS_FIRST_PERSON) or _FIRST_PERSON.search(_NOT_OF_THE_USER.sub(" ", question)):
        return Role.USER
    return Role.USER if not question.isascii() and _FIRST_PERSON_IN_CHARACTERS.search(question) else None


def answer_of(question: str, asked: Role | None) -> Role | None:
    """In which role the answer was said, None if that is open: ``asked``, as `role_asked` gives it, but what to recommend
    now follows from what the user said.
    """
    return Role.USER if asked is None and _ASKED_FOR.search(question) else asked


def _others_said(question: str, words: frozenset[str]) -> bool:
    if not words.isdisjoint(_YOU_TOLD_ES) or (not words.isdisjoint(_YOU) and _OTHERS_SAID.search(question)):
        return True
    return not question.isascii() and _SAID_IN_CHARACTERS.search(question) is not None


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
