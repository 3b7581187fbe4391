"""Requests that have nothing to do with the text they stand in. English only.

Being off the topic is a gate and no detector: only clauses that already look like a self-contained request pass it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property

from mnemic.domain.text import STOP_WORDS
from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.directives import Directive
from mnemic.guard.screening.forms import Form
from mnemic.guard.screening.hidden import ordered
from mnemic.guard.screening.plain import Plain
from mnemic.guard.screening.verbs import CHANGING
from mnemic.protocols import Vectors

Embed = Callable[[Sequence[str]], Vectors]

# What a request of its own asks to be made …
_PRODUCING = frozenset(
    """write explain translate recommend list suggest provide describe summarise summarize draft compose generate create
    outline give tell teach show define calculate compute solve convert classify determine analyse analyze identify name
    compare discuss break help design develop plan make find rank propose brainstorm paraphrase rewrite rephrase spell
    elaborate detail illustrate predict estimate evaluate assess count sketch code program simulate work offer prepare
    share present enumerate debug categorise categorize label rate interpret clarify recite narrate invent produce
    imagine correct proofread edit conjugate derive prove factor simplify diagnose advise report research investigate
    """.split()
)
_EVERYDAY = frozenset(
    "visit click open download reply subscribe unsubscribe update change contact follow read see view".split()
)
_OPERAND = re.compile(
    r"[\w.+-]+@[\w-]+\.[\w.]+|\b[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){3,7}|https?://|\bwww\.|\b[\w-]+\.(?:com|net|org|io|xyz"
    r"|info|ru|cn|example)\b"
    r"|\b[\w-]+\.(?:txt|pdf|docx?|xlsx?|csv|json|ya?ml|py|sh|exe|zip|md|html?|png|jpe?g|sql|db|log|env|ini|cfg|pem"
    r"|key)\b"
    r"|(?:^|\s)[/~][\w.-]+/[\w./-]+|\b(?:id|nr|no|number|account)[ :#=]{1,2}\w*\d\w*"
    r"|[\"'\u201c\u2018`][^\"'\u201c\u201d\u2018\u2019`]{2,120}[\"'\u201d\u2019`]"
    r"|\+\d[\d ]{7,}"
)
_SERVICE = re.compile(
    r"\b(?:unsubscribe|opt[- ]out|support|feedback|help ?desk|customer (?:service|care)|questions?|preferences"
    r"|view (?:this|in)|privacy)\b"
)

_QUOTED = re.compile(
    r"[\"\u201c][^\"\u201d]{0,300}[\"\u201d]|(?<!\w)['\u2018][^\u2019\n]{2,300}?['\u2019](?!\w)|(?:sentence|text"
    r"|comment|phrase|review|paragraph|words?|code)\s?:.{0,400}"
)
_CALENDAR = re.compile(
    r"\bthis (?:week|weekend|month|year|morning|evening|season|sentence|comment|text|phrase|review|question)\b"
)
_ANAPHORA = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|their|he|she|him|her|his|here|above|below|attached|enclosed|such"
    r"|same|both|i|we|us|our|my|mine)\b|\bi'|\bwe'"
)
_ADDRESSED = re.compile(
    r"\b(?:you|your|yours|it|that|these|those|them|they|their|he|she|him|her|his|here|there|above|below|attached|we"
    r"|us|our)\b|\bthis\b(?! \w+ly)"
)
_ASKING = re.compile(
    r"[\W\d]{0,6}(?:(?:so|please|in|at|by|for|on|to|from|of|under|during) )?(?:what|which|who|whom|whose|when|where"
    r"|why|how|is|are|was|were|do|does|did"
    r"|can|could|will|would|should|has|have|had)(?:'s|'re|s)?\b"
)
_LABELLED = re.compile(r"(?:question|query|q|asked|ask)\s?[:.\"']{1,2}\s*$|^(?:question|query|q)\s?[:.]")
_YOU = re.compile(r"\b(?:you|your|yours)\b")
_CAN_YOU = re.compile(r"^(?:can|could|would|will) you\b")
_CLOSING = ".!?:'\"\u2019\u201d)"
_CONTENT = re.compile(r"[a-z][a-z'-]{2,}|\d{2,}")
_EMPTY = STOP_WORDS | frozenset("what's who's how's where's please also can't don't".split())
_ENDING = re.compile(r"(?:'s|ing|ed|es|s)$")
_FIRST_PERSON = re.compile(r"\bI\b")
_LINKED = re.compile(r"^(?:and|but|so|or|then|also)\b")

_MOST_CANDIDATES = 24
_MOST_EMBEDDED = 96


class Topic:
    """What a text is about, sentence by sentence."""

    def __init__(self, clauses: Sequence[Clause], embed: Embed | None) -> None:
        self._clauses = clauses
        self._embed = embed

    def apart(self, clause: Clause, *, similarity: float, overlap: float) -> bool:
        """Whether a clause has nothing to do with the others.

        At most ``overlap`` of its content words (0..1) stand elsewhere in the text and, where there are vectors, its
        cosine to every other clause is below ``similarity``. False if there is no other clause.
        """
        words = self._words[clause.start]
        others = sum(1 for other in self._words.values() if other) - bool(words)
        if others < 1 or not words:
            return False
        shared = sum(self._counts[word] > 1 for word in words) / len(words)
        if shared > overlap:
            return False
        return self._embed is None or self._nearest(clause) < similarity

    @cached_property
    def _words(self) -> dict[int, frozenset[str]]:
        return {one.start: content_words(one.low) for one in self._clauses}

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(word for words in self._words.values() for word in words)

    @cached_property
    def _vectors(self) -> tuple[dict[int, int], Vectors]:
        assert self._embed is not None
        chosen = [one for one in self._clauses if self._words[one.start]][:_MOST_EMBEDDED]
        # Function words carry no topic: they are left out, a coarse form of weighting by frequency (SIF, Arora 2017).
        texts = [" ".join(word for word in _CONTENT.findall(one.low) if word not in STOP_WORDS) for one in chosen]
        return {one.start: row for row, one in enumerate(chosen)}, self._embed(texts)

    def _nearest(self, clause: Clause) -> float:
        rows, vectors = self._vectors
        row = rows.get(clause.start)
        if row is None or len(vectors) < 2:
            return 0.0
        similar = vectors @ vectors[row]
        similar[row] = -1.0
        return float(similar.max())


def content_words(low: str) -> frozenset[str]:
    """The words that carry the topic, without their commonest endings."""
    return frozenset(_ENDING.sub("", word) or word for word in _CONTENT.findall(low) if word not in _EMPTY)


def howto(clauses: Sequence[Clause], directives: Sequence[Directive]) -> bool:
    """Whether the text is a recipe, a plan or a to-do list: three directives or more, in 40 % of its clauses."""
    sentences = sum(1 for one in clauses if len(one.low) > 12)
    return len(directives) >= 3 and len(directives) >= 0.4 * sentences


def offtopic_content(plain: Plain, directives: Sequence[Directive], topic: Topic) -> Finding | None:
    """A request to write, explain or translate something that the rest of the text never speaks of."""
    hits: list[Span] = []
    for one in directives[:_MOST_CANDIDATES]:
        if one.verb not in _PRODUCING or one.form in (Form.DUTY, Form.SUGGESTION):
            continue
        if one.form is Form.REQUEST and _speaks_personally(plain, one.clause):
            continue  # people ask people; only an impersonal text has nobody who could be asking
        bare = _CALENDAR.sub("", _QUOTED.sub("", one.clause.low))
        bare = _CAN_YOU.sub("", bare) if one.form is Form.REQUEST else bare
        asks_me = one.rest.lstrip().startswith("me ")
        if _ANAPHORA.search(bare) and not _ANAPHORA.search(one.rest):
            bare = one.rest  # "the owner would like you to …": what matters is what is asked for
        if _ANAPHORA.search(bare) or _YOU.search(bare if not asks_me else bare.replace(" me ", " ")):
            continue
        text = one.clause.text
        if not (text[0].isupper() or text[0] in "\"'") or text[-1] not in _CLOSING:
            continue
        if len(content_words(one.clause.low)) >= 3 and topic.apart(one.clause, similarity=0.3, overlap=0.2):
            hits.append(plain.span(one.clause.start, one.clause.end))
    if not hits:
        return None
    return Finding(rule="offtopic-content", reason="asks for content that the text is not about", spans=ordered(hits))


def offtopic_action(plain: Plain, directives: Sequence[Directive], topic: Topic) -> Finding | None:
    """A request to change something, with its object spelled out, in a text about something else."""
    hits = [
        plain.span(one.clause.start, one.clause.end)
        for one in directives[:_MOST_CANDIDATES]
        if one.verb in CHANGING
        and one.verb not in _EVERYDAY
        and _OPERAND.search(one.rest)
        and not _SERVICE.search(one.clause.low)
        and topic.apart(one.clause, similarity=0.5, overlap=0.5)
    ]
    if not hits:
        return None
    return Finding(rule="offtopic-action", reason="asks for an action that the text is not about", spans=ordered(hits))


def stray_questions(clauses: Sequence[Clause], topic: Topic) -> list[Clause]:
    """Self-contained questions to nobody in particular, off the topic: whoever answers every question would answer."""
    asked = [one for one in clauses if one.is_question and _ASKING.match(one.low)]
    return [
        one
        for one in asked[:_MOST_CANDIDATES]
        if not (_LINKED.match(one.low) or _ADDRESSED.search(_CALENDAR.sub("", _QUOTED.sub("", one.low))))
        and content_words(one.low)
        and topic.apart(one, similarity=0.35, overlap=0.25)
    ]


def _speaks_personally(plain: Plain, clause: Clause) -> bool:
    """Whether somebody says "I" outside the clause."""
    return bool(_FIRST_PERSON.search(plain.text, 0, clause.start) or _FIRST_PERSON.search(plain.text, clause.end))


def offtopic_question(plain: Plain, clauses: Sequence[Clause], stray: Sequence[Clause]) -> Finding | None:
    """The text's only question is such a one, and nobody speaks in the first person."""
    if len(stray) != 1 or sum(one.is_question for one in clauses) != 1:
        return None
    question = stray[0]
    if (
        _speaks_personally(plain, question)
        or _LABELLED.search(plain.low[max(0, question.start - 20) : question.start])
        or _LABELLED.match(question.low)
    ):
        return None
    span = plain.span(question.start, question.end)
    return Finding(rule="offtopic-question", reason="asks a question that the text is not about", spans=(span,))
