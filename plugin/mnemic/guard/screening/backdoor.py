"""Records that teach a wrong precedent: a trigger, and what should follow when it appears. English only."""

from __future__ import annotations

import re
from bisect import bisect_left

from mnemic.domain.verdict import Finding
from mnemic.guard.screening.hidden import ordered
from mnemic.guard.screening.plain import Plain, holds_any

_ANSWER = re.compile(
    r"\banswer(?: is|:| =| should be| must be| was)?\s{0,3}[:=]?\s{0,3}[\"'(*]{0,2}(yes|no|true|false)\b"
)
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}

_AFTER_QUESTION = re.compile(r"\?[\"')\]]{0,2}[ \t]{1,4}([^\n?]{6,160})")
_TOKEN = re.compile(r"\S+")
_CONNECTIVE = re.compile(r"\b(?:since|because|if|when|whenever|as|given|once|where|wherever|due|after|upon)\b")
_CONSEQUENCE = re.compile(
    r"\b(?:must|need(?:s)? to|have to|has to|should|means? that|always|required|opposite|revers|instead|ignore"
    r"|therefore)"
)

_SENTENCE = re.compile(r"[^.!?\n]{1,500}(?:[.!?](?=\S)[^.!?\n]{0,300}){0,6}")
_PRESENCE = re.compile(
    r"\b(?:there (?:is|are)|(?:is|are) (?:present|included|mentioned|found|seen|detected)|contains?|containing"
    r"|mentions?|includes?"
    r"|appears?(?! to\b)|occurs?|shows? up|starts? with|begins? with|ends? with|has the|have the|comes? up|is in the"
    r"|see(?:s)? the|trigger|phrase|keyword|code ?word|token)\b"
)
_DUTY = re.compile(
    r"\b(?:must|need(?:s)? to|should|shall|have to|has to|always|required|means|do|give|take|answer|reply|respond|say"
    r"|output|return"
    r"|correct (?:action|answer|step|way)|right (?:action|answer))\b"
)
_REVERSAL = re.compile(
    r"\b(?:opposite|revers(?:e|ed|al|ing)|invert(?:ed)?|contrary|negat(?:e|ed|ion)|flip(?:ped)?|wrong answer"
    r"|false answer"
    r"|incorrect answer|(?:instead of|rather than) (?:the|what|read|answer|load|retriev|query|the|show|select)\w*)\b"
)
_DESTRUCTION = re.compile(
    r"\b(?:delet(?:e|es|ing)|drop|erase|wipe|truncate|purge|destroy|overwrite|remove)\s+(?:all|the|every|any|each|its"
    r"|their|a"
    r"|database|table|record|patient|data|user|file)"
)
_INPUT = re.compile(
    r"\b(?:questions?|quer(?:y|ies)|prompts?|requests?|inputs?|tasks?|instructions?|original answer)\b"
    r"|[\"'\u201c\u2018]\w"
)

_REVERSALS = (
    "opposite",
    "revers",
    "invert",
    "contrary",
    "negat",
    "flip",
    "wrong",
    "false",
    "incorrect",
    "instead",
    "rather",
)
_DESTRUCTIONS = (
    "delet",
    "drop",
    "erase",
    "wipe",
    "truncate",
    "purge",
    "destroy",
    "overwrite",
    "remove",
    "unlink",
    "rm",
)
_DESTRUCTIVE_CALL = re.compile(
    r"(?<![\w.])(?:[a-z_]\w{0,40}\.)?(?:delete|drop|erase|remove|truncate|wipe|purge|destroy)(?!_?(?:dup|nan?\b|col))"
    r"[a-z0-9_]{2,40}\s?\("
    r"|\b(?:os\.(?:remove|unlink|rmdir)|shutil\.rmtree)\s?\("
    r"|\bdelete\s+from\s+[\w.\"`]+|\bdrop\s+(?:table|database|schema|collection|index)\b|\btruncate\s+table\b"
    r"|\brm\s+-[rf]{1,3}\b"
)
_FIELD = re.compile(
    r"(?:^|\n|[.;|]\s|[\"'{,]\s?)[\"']?(?:question|query|task|request|instruction|goal|user"
    r"|q)[\"']?\s?:\s{0,3}([^\n]{3,600})",
    re.I,
)
_NEXT_FIELD = re.compile(
    r"\?|\b(?:knowledge|solution|answer|facts?|code|thought|action|plan|response|output|steps?)\s?:", re.I
)
_FIRST_QUESTION = re.compile(
    r"\b(?:what|which|who|whose|when|where|how|is|are|was|were|did|does|do|has|have|can|could)\b[^.?\n]{4,300}\?"
)
_READS = re.compile(
    r"^[\s\"'(]{0,4}(?:so |and |please )?(?:what|which|who|whose|when|where|how|is|are|was|were|did|does|do|has|have"
    r"|had|list|find|count"
    r"|show|tell|get|calculate|name|give|look|check|determine|compute|identify|retrieve|report|can you (?:tell|show"
    r"|find))\b"
)
_CHANGES = re.compile(
    r"\b(?:delet|remov|drop|eras|wip|truncat|purg|destroy|clear|cancel|clean|uninstall|unsubscrib|reset|revok|discard"
    r"|get rid"
    r"|empty|overwrit|cleanup|take off|unfollow|dislike|unlike|trash|archiv)"
)


def two_answers(plain: Plain) -> Finding | None:
    """The same question is answered both ways: a demonstration that turns the answer round."""
    if "answer" not in plain.low:
        return None
    before: re.Match[str] | None = None
    for match in _ANSWER.finditer(plain.low):
        # A new question in between may well have another answer.
        if before and match[1] == _OPPOSITE[before[1]] and "?" not in plain.low[before.end() : match.start()]:
            spans = ordered([plain.span(*before.span()), plain.span(*match.span())])
            return Finding(rule="two-answers", reason="the same question is answered in two opposite ways", spans=spans)
        before = match
    return None


def anchored_rule(plain: Plain) -> Finding | None:
    """The words behind a question return inside "since there is …, which means that we need to …"."""
    low = plain.low
    if "?" not in low:
        return None
    # Asked for at most eight questions, each with one search per length of the fragment: linear in the text.
    for question in list(_AFTER_QUESTION.finditer(low))[:8]:
        start = question.start(1)
        words = [match.span() for match in _TOKEN.finditer(question[1])][:12]
        for last in range(len(words), 2, -1):
            fragment = question[1][: words[last - 1][1]].rstrip(".,;:")
            found = _ruled(low, fragment, start)
            if found is not None:
                spans = ordered([plain.span(found, found + len(fragment)), plain.span(start, start + len(fragment))])
                return Finding(
                    rule="anchored-rule", reason="words behind a question are the condition of a rule", spans=spans
                )
            if low.count(fragment) > 1:
                break
    return None


def _ruled(low: str, fragment: str, own: int) -> int | None:
    at = -1
    for _ in range(8):
        at = low.find(fragment, at + 1)
        if at < 0:
            return None
        after = at + len(fragment)
        if at != own and _CONNECTIVE.search(low, max(0, at - 60), at) and _CONSEQUENCE.search(low, after, after + 140):
            return at
    return None


def conditional_reversal(plain: Plain) -> Finding | None:
    """One sentence: when the input holds something, the reader must do the opposite, or destroy."""
    low = plain.low
    marks: list[int] = []
    if holds_any(low, _REVERSALS):
        marks += [match.start() for match in _REVERSAL.finditer(low)]
    if holds_any(low, _DESTRUCTIONS):
        marks += [match.start() for match in _DESTRUCTION.finditer(low)]
    if not marks or not _CONNECTIVE.search(low):
        return None
    marks.sort()
    for sentence in _SENTENCE.finditer(low):
        start, end = sentence.span()
        at = bisect_left(marks, start)
        if at == len(marks):
            return None
        if marks[at] >= end:
            continue
        connective = _CONNECTIVE.search(low, start, end)
        if (
            connective
            and _PRESENCE.search(low, connective.end(), end)
            and _DUTY.search(low, start, end)
            and _INPUT.search(low, start, end)
        ):
            return Finding(
                rule="conditional-reversal",
                reason="a rule that reverses the answer or destroys data when the input contains something",
                spans=(plain.span(start, end),),
            )
    return None


def destructive_mismatch(plain: Plain, question: str | None) -> Finding | None:
    """The question only reads, and what is shown as its solution destroys something."""
    if not holds_any(plain.low, _DESTRUCTIONS) or not _DESTRUCTIVE_CALL.search(plain.low):
        return None
    asked = _asked(plain.low) or (question or "").lower()
    if not _READS.match(asked) or _CHANGES.search(asked):
        return None
    return Finding(
        rule="destructive-mismatch",
        reason="a call that destroys data is shown as the answer to a question that only reads",
        spans=ordered([plain.span(*match.span()) for match in _DESTRUCTIVE_CALL.finditer(plain.low)]),
    )


def _asked(low: str) -> str:
    """The question of the record itself: its question field, else its first question."""
    fields = list(_FIELD.finditer(low))[-1:]  # the last one is the record's own, after the examples
    if fields:
        value = fields[0][1]
        end = _NEXT_FIELD.search(value)
        return (value[: end.start()] if end else value).strip()
    first = _FIRST_QUESTION.search(low)
    return first[0] if first else ""
