"""What an experience that somebody submits must look like, whoever wrote it.

The rules that ReMe leaves to a model's judgement, as far as they can be decided: length, something to do, general, no
copy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mnemic.domain.experience.values import Token, ValueKind, tokens_of
from mnemic.domain.experience.wording import generalise
from mnemic.domain.language import is_foreign
from mnemic.domain.text import FIRST_WIDE, STOP_WORDS, WIDE, jaccard, words_of

SITUATION_CHARS = (8, 400)
CONTENT_CHARS = (20, 2_000)
MOST_KEYWORDS = 20
MOST_KEYWORD_CHARS = 60
_COPY_JACCARD = 0.9
_LEAST_WORDS = 2
_LONG_NUMBER = 5

# Verbs of advice and of work with tools. An experience without any of them, and without a tool, says nothing to do.
_VERBS = frozenset(
    """accept access achieve act adapt add address adjust aggregate align allow analyse analyze answer append apply
    approve ask assign assume attempt authenticate automate avoid balance batch begin book break bring build buy
    calculate call cancel capture cast change check choose clean clear click close collect combine commit
    compare compile compute confirm connect consider construct consult contact continue convert cool copy
    correct count create debug decide define delegate delete deploy derive design detect determine direct
    disable discard display divide document download draft drop edit employ enable encode end enforce ensure
    enter enumerate escape establish estimate evaluate examine exclude execute exhaust expect explain explore
    export extract fail favor favour fetch file fill filter finalise finalize find finish fix flag focus follow
    force format gather generate get give go group guide halt handle heat hold identify ignore implement import
    improve include increase indicate inform initialise initialize insert inspect install interpret invoke
    isolate iterate join keep leave leverage limit list load locate log look loop maintain make manage map mark
    match maximise maximize measure merge minimise minimize modify monitor move name navigate normalise
    normalize note notify obtain offer omit open optimise optimize order organise organize pair parse pass pause
    pay perform pick place plan poll post pour prefer prepare present preserve press prevent print prioritise
    prioritize process produce prompt protect provide pull push put query raise read rearrange recheck record
    recover redirect reduce refer refine refresh reject rely remember remove rename reorder repeat rephrase
    replace reply report request require reserve reset resolve respect restart restore restrict retrieve retry
    return reuse revert review revise rewrite route run save scan schedule search select send separate sequence
    serve set share show simplify skip sort specify split start state stop store structure submit subtract
    summarise summarize support switch take tell terminate test track transfer transform translate treat trigger
    try turn update upload use utilise utilize validate verify view visit wait warn watch wipe work wrap write""".split()
)
_PARTICULAR = frozenset({ValueKind.EMAIL, ValueKind.URL, ValueKind.DATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing to mend: a short ``code``, what is wrong with which value, and what to do."""

    code: str
    message: str
    hint: str


def check_form(
    *,
    when_to_use: str,
    content: str,
    keywords: Sequence[str] = (),
    confidence: float | None = None,
    query: str = "",
    tools: Sequence[str] = (),
) -> tuple[Problem, ...]:
    """Everything that is wrong with an experience, empty when nothing is.

    ``query`` is the task that it was learned from, ``tools`` the tools that are known; either may be empty.
    """
    return (
        *_check_length("when_to_use", when_to_use, SITUATION_CHARS),
        *_check_length("content", content, CONTENT_CHARS),
        *_check_action(content, when_to_use, tools),
        *_check_copies(when_to_use, content, query),
        *_check_general(when_to_use),
        *_check_keywords(keywords),
        *_check_confidence(confidence),
    )


def _check_length(name: str, text: str, bounds: tuple[int, int]) -> tuple[Problem, ...]:
    least, most = bounds
    text = text.strip()
    size = len(text)
    said = size + (WIDE - 1) * sum(letter >= FIRST_WIDE for letter in text)
    if least <= said and size <= most:
        return ()
    what, hint = ("short", "Say more.") if said < least else ("long", "Leave out what another task would not need.")
    return (
        Problem(
            code=f"{name}-too-{what}",
            message=f"{name} has {size:,} characters; {least} to {most:,} are allowed.",
            hint=hint,
        ),
    )


def _check_action(content: str, when_to_use: str, tools: Sequence[str]) -> tuple[Problem, ...]:
    # The verbs are English: in another language nobody here can tell.
    if is_foreign(content) or is_foreign(f"{content} {when_to_use}"):
        return ()
    lower = content.lower()
    if any(tool.lower() in lower for tool in tools if tool.strip()):
        return ()
    tokens = list(tokens_of(content[: CONTENT_CHARS[1]], quotations=False))
    if any(token.kind is ValueKind.IDENTIFIER or is_action_verb(token.text) for token in tokens):
        return ()
    return (
        Problem(
            code="no-action",
            message="content names nothing to do: no verb of action and no tool.",
            hint="Say what to do, such as: Call search_flights before booking.",
        ),
    )


def is_action_verb(word: str) -> bool:
    """Whether a word is a form of a verb that tells somebody to do something."""
    lower = word.lower()
    if lower in _VERBS:
        return True
    for ending, instead in (
        ("ing", ""),
        ("ing", "e"),
        ("ied", "y"),
        ("ies", "y"),
        ("ed", ""),
        ("ed", "e"),
        ("es", ""),
        ("s", ""),
    ):
        if lower.endswith(ending):
            stem = lower[: -len(ending)] + instead
            if stem in _VERBS or (len(stem) > 3 and stem[-1] == stem[-2] and stem[:-1] in _VERBS):
                return True
    return False


def _check_copies(when_to_use: str, content: str, query: str) -> tuple[Problem, ...]:
    found = []
    words = {"when_to_use": frozenset(words_of(when_to_use)), "content": frozenset(words_of(content))}
    asked = frozenset(words_of(query))
    for name, of in words.items():
        if asked and jaccard(of, asked) >= _COPY_JACCARD:
            found.append(
                Problem(
                    code=f"{name}-copies-query",
                    message=f"{name} repeats the task.",
                    hint="Say what would help with the next task of this kind.",
                )
            )
    if jaccard(words["when_to_use"], words["content"]) >= _COPY_JACCARD:
        found.append(
            Problem(
                code="content-copies-situation",
                message="content repeats when_to_use.",
                hint="when_to_use is the situation, content what to do in it.",
            )
        )
    return tuple(found)


def _check_general(when_to_use: str) -> tuple[Problem, ...]:
    head = when_to_use[: SITUATION_CHARS[1]]
    tokens = list(tokens_of(head))
    particular = next((token for token in tokens if _is_particular(token)), None)
    if particular is not None:
        return (
            Problem(
                code="one-entity",
                message=f"when_to_use is about one thing alone: {particular.text!r}.",
                hint=f"Name its kind, such as: {generalise(head)}",
            ),
        )
    # The name of a tool or a quoted message describes a situation; the name of a person or a place does not.
    told = (ValueKind.IDENTIFIER, ValueKind.QUOTED, None)
    plain = {token.text.lower() for token in tokens if token.kind in told} - STOP_WORDS
    if head.strip() and len(plain) < _LEAST_WORDS and any(token.kind is not None for token in tokens):
        return (
            Problem(
                code="one-entity",
                message="when_to_use holds little more than a name.",
                hint="Describe the situation: the kind of task and what is given.",
            ),
        )
    return ()


def _is_particular(token: Token) -> bool:
    if token.kind in _PARTICULAR:
        return True
    digits = sum(map(str.isdigit, token.text))
    if token.kind is ValueKind.NUMBER:
        return digits >= _LONG_NUMBER
    # "UDCI_123" names one thing; "step2", "utf8" and "v2" do not.
    return token.kind in (ValueKind.IDENTIFIER, ValueKind.CODE) and digits >= 3


def _check_keywords(keywords: Sequence[str]) -> tuple[Problem, ...]:
    found = []
    if len(keywords) > MOST_KEYWORDS:
        found.append(
            Problem(
                code="too-many-keywords",
                message=f"There are {len(keywords)} keywords; {MOST_KEYWORDS} are allowed.",
                hint="Keep those by which one would look for it.",
            )
        )
    bad = next((word for word in keywords if not 0 < len(word.strip()) <= MOST_KEYWORD_CHARS), None)
    if bad is not None:
        found.append(
            Problem(
                code="bad-keyword",
                message=f"A keyword has {len(bad.strip())} characters: {bad[:20]!r}.",
                hint=f"A keyword has 1 to {MOST_KEYWORD_CHARS} characters.",
            )
        )
    return tuple(found)


def _check_confidence(confidence: float | None) -> tuple[Problem, ...]:
    if confidence is None or (math.isfinite(confidence) and 0 <= confidence <= 1):
        return ()
    return (
        Problem(
            code="confidence-out-of-range",
            message=f"The confidence is {confidence}.",
            hint="Give a number from 0 to 1, or none.",
        ),
    )
