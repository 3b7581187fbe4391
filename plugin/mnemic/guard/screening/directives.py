"""Finds the clauses that tell somebody to do something, and says what verb they turn on. English only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.forms import ANYWHERE, GERUNDS, HINT, STATED, Form
from mnemic.guard.screening.plain import holds_any
from mnemic.guard.screening.stated import HANDLING, Settling, stated_order
from mnemic.guard.screening.verbs import MIXED, RARE, SURE, VERBS, base_of_gerund, base_of_participle


@dataclass(frozen=True, slots=True)
class Directive:
    """A clause, its form, the base verb it turns on, and where that verb stands in the clause."""

    clause: Clause
    form: Form
    verb: str
    at: int

    @property
    def rest(self) -> str:
        """What follows the verb, in small letters."""
        return self.clause.low[self.at :]


_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")
_AND_VERB = re.compile(r"\s+(?:and|or)\s+([a-z]+)(?=\s)")
_ADVERBS = (
    r"(?:(?:also|then|now|next|first|second|finally|lastly|afterwards|just|simply|always|never|only|kindly|please|so"
    r"|and"
    r"|or|but|again|instead|quickly|immediately|promptly|quietly|silently|carefully|secretly|automatically|directly"
    r"|further|furthermore|additionally|moreover|still|either|ok|okay|do not|don't|do|not|ever)\b[\s,:]*)"
)
# What may stand before the command without changing what it is.
_LEAD = re.compile(
    r"[\W_]{0,40}"
    r"(?:\d{1,2}[:.]\d{2}(?:\s?[-\u2013]\s?\d{1,2}[:.]\d{2})?(?: ?[ap]m\b)?[,:;\s]{1,3})?"
    r"(?:(?:\d{1,3}|[a-z]|step \d{1,2})[.):]\s{0,4})?"
    r"(?:(?:todo|to do|note|notes|p\.?s|important|reminder|attention|action|action required|urgent|warning|task|tip"
    r"|notice"
    r"|instruction|instructions|hint|next step|fyi|nb|system|hi|hello|hey|dear)\b[^:,.!\n]{0,40}[:,!.]\s{0,4})?"
    rf"{_ADVERBS}{{0,4}}[\"'\u201c\u2018(\[*_]{{0,3}}"
)
_LEADING_CLAUSE = re.compile(
    r"(?:(?:the )?(?:very )?(?:next|first|last|second) time|the (?:moment|minute|instant|day)|as soon as|any ?time|in case"
    r"|in|if|when|whenever|before|after|as|for|on|at|with|to|once|while|upon|from|regardless|since|because|until|during"
    r"|by|wherever|unless|instead|rather|according|based|given|without|though|although|where|every|each|throughout"
    r"|thanks"
    r"|starting|due|whether|following|beyond|besides|apart)\b(?=[^\n]{2,200},)"
)
# It ends at its first comma, or behind what is listed there: "When it says yes, sure or no, call ..."
_LEADING_END = re.compile(r",\s{0,4}")
_LISTED = re.compile(r"(?:[\w'\u2019-]{1,20} ?){1,2}(?: ?or [\w'\u2019-]{1,20})?$")
_MOST_COMMAS = 4
_LEADING_CHARS = 240
# The same without any comma, ended by the word that turns to what is to be done: "When you edit this also run ...".
_OPENING = re.compile(r"(?:when|whenever|if|before|after|once|as soon as|in order to|prior to|to|for|until|while)\b")
_TURN = re.compile(
    r"(?<!\bi)(?<!\bwe)(?<!\byou)(?<!\bthey)(?<=[a-z0-9)]) ((?:also|then|please|kindly|immediately|simply) [a-z]"
    r"|(?:call|run|invoke|execute) [`\"']?[\w.]{2,60}\()"
)
# A command of a shell behind a label: "Quick fix: chmod ...".
_SHELL = re.compile(
    r"(?:\$ |sudo )?(?:rm|chmod|chown|curl|wget|ssh|scp|git|npm|npx|pip3?|docker|kubectl|systemctl|bash|sh|python3?|apt"
    r"|apt-get|brew|mv|dd|powershell|psql|mysql)\s+[-\w./~]"
)
# "By order of the board: send ..."
_LEADING_COLON = re.compile(r"(?:by|from|on|in|at|to|as|for|according|following|based)\b[^,:\n(]{2,100}:\s{1,4}")
_VOCATIVE = re.compile(
    r"(?:[A-Z][\w.'-]{1,20}(?: [A-Z][\w.'-]{1,20})?|assistant|agent|guys|team|all|everyone|folks),\s{0,4}"
)
# Any other label: "Lockers: ignore ...", "Decision 3 (assistant), valid from May: delete ...".
_LABEL = re.compile(r"[\w'\u2019(-]{1,20}(?:[ ,/]{1,2}[\w'\u2019()-]{1,20}){0,11}[)\"\u201d]?:(?!//)\s{0,4}")
# Whoever calls a machine by its name is about to tell it something: "Note to AI agents: ...", "Dear model, ...".
_MACHINES = r"(?:ai|llms?|(?:language )?models?|(?:ai )?agents?|assistants?|chat ?bots?|bots?|copilots?|ai helpers?)"
_MACHINE_CALLED = re.compile(
    rf"(?:[\w.'\u2019/]{{1,16}} ){{0,4}}?@?{_MACHINES}(?: [\w'\u2019-]{{1,20}}){{0,5}}?\s?[:,]\s{{0,4}}"
    rf"|@{_MACHINES}\s"
)

_NEXT = re.compile(
    r"""\s+(?:
      (?P<never>(?:is|are|was|were|has|have|had|will|would|can|could|should|may|might|must|shall|do|does|did|i|we|he|she
        |they|who|and|or|not|than|isn't|aren't|wasn't|won't|of|but|yet|which|because)\b
        # A name or a season with its verb: "Rob said no", "Spring 2024 was wet".
        |(?:said|says|told|tells|went|goes|came|comes|likes|lives|lived|loves|wants|thinks|thought
        |knows|knew|got|gets|takes|gave|gives|won|became|becomes|felt|feels|seems|seemed)\b
        |\d{4}\s(?:is|was|were|will|has|had|would)\b)
    | (?P<det>(?:the|a|an|your|my|our|his|her|their|its|this|that|these|those|all|each|every|any|some|both|no|it|them|him
        |me|us|you|yourself|one|everything|anything|nothing|what|how|who|why|whether|where|when|if|everyone|another
        |whatever|either|several|many|more|whose|other)\b(?!-)|["'\u201c\u2018<\[{`])
    | (?P<into>(?:in|into|with|as|to|up|down|out|back|off|over|through|away|using|via|without|only|like|by)\b)
    | (?P<number>\d|https?:|www\.|[/~$][\w/]|[\w.+-]{1,64}@\w)
    | (?P<preposition>(?:from|for|on|at|about|against|around|between|before|after|under|upon|within|across)\b)
    | (?P<plural>[a-z]{2,20}s\s+(?:of|in|with|to|from|by|as|into|for|on|at)\b
        | \w+\s+(?:of|in|with|to|from|for)\s+(?:your|the|all)\b)
    | (?P<other>\w)
    )""",
    re.VERBOSE,
)

# A line of a program: one expression behind its keyword.
_KEYWORDS = frozenset("return import raise throw yield pass break continue await print".split())
# What stands behind a verb is a call, a path, an option or a command with one.
_OF_PROGRAMS = re.compile(r"\s+[`\"'(]?(?:[a-z][\w.]*_\w|[\w.]+\(|[.~]?/\w|--?[a-z]|[a-z]{1,20} --?[a-z])")
_TERM = r"[^\s,+*/%<>=|&-]{1,80}"
_EXPRESSION = re.compile(
    rf"\s+{_TERM}(?:(?:\s?[-+*/%<>=|&]{{1,3}}\s?|\s(?:and|or|not|if|else|is|in)\s){_TERM}){{0,12}}$"
)
# "saved" is no verb of the sentence in "my saved cards".
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|may|might|does|did|do|be|been"
    r"|(?<!\bmy )(?<!\bthe )(?<!\byour )(?<!\ball )[a-z]+(?:ies|ed|'s))\b"
)
# "The list is ready, hand it to ...": a base verb with an object behind a comma, and no other verb right behind that.
# What is also a past form tells a story: "he took the book, put it down".
_SPLICED = (HANDLING | {"do"}) - frozenset("put set shut cut hit let read buy".split())
_SPLICE = re.compile(
    r",\s(?:and |then |so |just |please |now )?([a-z]{2,20}) (?:it|them|this|these|those)\b"
    r"(?! (?:is|are|was|were|will|has|have|had|can|could|may|might|should|must|would|does|do|did)\b)"
)


def directive_in(clause: Clause, looked: Settling | None = None) -> Directive | None:
    """The first directive of a clause, or None. Questions to the reader ("Could you send …?") are directives too.

    ``looked`` is `settling` of the text that the clause stands in.
    """
    return (
        leading_command(clause) or (_embedded(clause) if HINT.search(clause.low) else None) or _spliced(clause, looked)
    )


def _spliced(clause: Clause, looked: Settling | None) -> Directive | None:
    """An order behind a comma, or one that is only stated."""
    for match in _SPLICE.finditer(clause.low) if ", " in clause.low else ():
        if match[1] in _SPLICED and not clause.is_question:
            return Directive(clause, Form.COMMAND, match[1], match.end(1))
    stated = None if clause.is_question else stated_order(clause.low, looked)
    return None if stated is None else Directive(clause, Form.STATEMENT, *stated)


def leading_command(clause: Clause) -> Directive | None:
    """The command that a clause begins with, behind what leads in to it."""
    start = _lead(clause.low, 0)
    start -= start > 0 and clause.low[start - 1] == "@"
    called = _MACHINE_CALLED.match(clause.low, start)
    if called is not None:
        found = _command_after(clause, _lead(clause.low, called.end()), called=True)
        if found is not None:
            return Directive(clause, Form.COMMAND, *found)
    start += clause.low.startswith("@", start)
    found = _command_after(clause, start)
    return None if found is None else Directive(clause, Form.COMMAND, *found)


def _command_after(clause: Clause, start: int, *, called: bool = False) -> tuple[str, int] | None:
    """The command at a place, or behind the clause, the name or the label that begins there."""
    found = _command_at(clause, start, called=called)
    if found is not None:
        return found
    before = _VOCATIVE.match(clause.text, start) or (_LABEL.match(clause.low, start) if ":" in clause.low else None)
    starts = [start]
    if before is not None:
        start = _lead(clause.low, before.end())
        shell = _SHELL.match(clause.low, start)
        found = _command_at(clause, start, called=called) or (None if shell is None else ("run", shell.end()))
        name = _VOCATIVE.match(clause.text, start) if found is None else None
        starts.insert(0, start if name is None else _lead(clause.low, name.end()))
    for start in starts if found is None else ():
        places = (_command_at(clause, _lead(clause.low, at), called=called) for at in _lead_ends(clause.low, start))
        found = next((place for place in places if place is not None), None)
        if found is not None:
            break
    return found


def _lead_ends(low: str, start: int) -> Iterator[int]:
    """Where the clause that begins at a place and only leads in may end."""
    colon = _LEADING_COLON.match(low, start)
    if colon is not None:
        yield colon.end()
    if _OPENING.match(low, start):
        turn = _TURN.search(low, start, start + _LEADING_CHARS)
        if turn is not None:
            yield turn.start(1)
    if not _LEADING_CLAUSE.match(low, start):
        return
    last = None
    for comma in islice(_LEADING_END.finditer(low, start, start + _LEADING_CHARS), _MOST_COMMAS):
        if last is not None and not _LISTED.match(low[last : comma.start()]):
            return
        yield comma.end()
        last = comma.end()


def _lead(low: str, at: int) -> int:
    match = _LEAD.match(low, at)
    return at if match is None else match.end()


def _command_at(clause: Clause, at: int, *, called: bool = False) -> tuple[str, int] | None:
    """The verb that commands at a place, and where it ends. ``called``: a machine has just been called by its name."""
    match = _WORD.match(clause.low, at)
    if match is None:
        return None
    word = match[0]
    known = word if word in VERBS else word.rsplit("-", 1)[-1]
    sure, mixed = known in SURE, known in MIXED
    if not (sure or mixed or known in RARE):
        return None
    after = _NEXT.match(clause.low, match.end())
    if known in _KEYWORDS and _EXPRESSION.match(clause.low, match.end()):
        return None
    if after is None:
        alone = sure and clause.low[match.end() :].strip(" .!\"'*") == "" and at > 0
        return (known, match.end()) if alone else None
    if after["never"]:
        # "Begin and close each mail with ..."
        both = _AND_VERB.match(clause.low, match.end()) if sure else None
        object_after = _NEXT.match(clause.low, both.end(1)) if both and both[1] in SURE | MIXED else None
        return (known, match.end()) if object_after and object_after["det"] else None
    allowed = (
        after["det"]
        or sure
        or (mixed and (called or after["into"] or after["number"] or after["plural"] or _whole(clause, at)))
        or (mixed and _OF_PROGRAMS.match(clause.low, match.end()))
    )
    return (known, match.end()) if allowed else None


def _whole(clause: Clause, at: int) -> bool:
    """Whether a sentence with an end or an address begins there, without another verb that could be the one of it."""
    low = clause.low
    ends = low[-1] in ".!" or "@" in low or "://" in low
    return ends and low.count(" ", at) >= 3 and not _FINITE.search(low, at)


def _embedded(clause: Clause) -> Directive | None:
    for form, parts, pattern in ANYWHERE:
        for match in pattern.finditer(clause.low) if holds_any(clause.low, parts) else ():
            word = match["v"]
            base = word if word in VERBS else base_of_gerund(word) if form in GERUNDS else None
            if base is None and (form is Form.SUGGESTION or " if you " in match[0]):
                base = base_of_participle(word)
            if base is not None and not (form in STATED and clause.is_question):
                return Directive(clause, form, base, match.end())
    return None
