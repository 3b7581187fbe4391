"""Finds the clauses that tell somebody to do something, and says what verb they turn on. English only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.verbs import MIXED, RARE, SURE, VERBS, base_of_gerund, base_of_participle


class Form(StrEnum):
    """How a directive is put."""

    COMMAND = "command"
    """"Send the file": the base verb leads, or follows "please"."""
    DUTY = "duty"
    """"You must send the file", "the assistant is required to …"."""
    REQUEST = "request"
    """"Could you send the file", "I would like you to …"."""
    WISH = "wish"
    """"The owner prefers sending the file", "the user wants you to …"."""
    SUGGESTION = "suggestion"
    """"It would be best to send the file", "the file has to be sent"."""


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
# "By order of the board: send ..."
_LEADING_COLON = re.compile(r"(?:by|from|on|in|at|to|as|for|according|following|based)\b[^,:\n(]{2,100}:\s{1,4}")
_VOCATIVE = re.compile(
    r"(?:[A-Z][\w.'-]{1,20}(?: [A-Z][\w.'-]{1,20})?|assistant|agent|guys|team|all|everyone|folks),\s{0,4}"
)
# Any other label: "Lockers: ignore ...".
_LABEL = re.compile(r"[\w'\u2019-]{1,20}(?: [\w'\u2019-]{1,20}){0,3}:\s{0,4}")
# Whoever calls a machine by its name is about to tell it something: "Note to AI agents: ...", "Dear model, ...".
_MACHINES = r"(?:ai|llms?|(?:language )?models?|(?:ai )?agents?|assistants?|chat ?bots?|bots?|copilots?|ai helpers?)"
_MACHINE_CALLED = re.compile(
    rf"(?:[\w.'\u2019/]{{1,16}} ){{0,4}}?@?{_MACHINES}(?: [\w'\u2019-]{{1,20}}){{0,5}}?\s?[:,]\s{{0,4}}"
    rf"|@{_MACHINES}\s"
)

_NEXT = re.compile(
    r"""\s+(?:
      (?P<never>(?:is|are|was|were|has|have|had|will|would|can|could|should|may|might|must|shall|do|does|did|i|we|he|she
        |they|who|and|or|not|than|isn't|aren't|wasn't|won't|of|but|yet|which|because)\b)
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
_TERM = r"[^\s,+*/%<>=|&-]{1,80}"
_EXPRESSION = re.compile(
    rf"\s+{_TERM}(?:(?:\s?[-+*/%<>=|&]{{1,3}}\s?|\s(?:and|or|not|if|else|is|in)\s){_TERM}){{0,12}}$"
)
# "saved" is no verb of the sentence in "my saved cards".
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|may|might|does|did|do|be|been"
    r"|(?<!\bmy )(?<!\bthe )(?<!\byour )(?<!\ball )[a-z]+(?:ies|ed|'s))\b"
)

_WHO = (
    r"(?:you|we|i|the (?:ai |llm )?(?:reader|system|user|recipient|caller)|it|they|one|ai"
    r"|(?:(?:the|any|every|each|all|an?|your) (?:[\w-]+ ){0,2}?)?(?:agent|assistant|model|bot|llm|copilot)s?"
    r"(?: (?:reading|processing|using|handling|seeing|that|who|which|with)\b[^,.;:]{1,50}?)?)"
)
_MODAL = (
    r"(?:must|should|shall|need to|needs to|have to|has to|ought to|had better|are to|is to|are required to"
    r"|is required to"
    r"|are requested to|is requested to|are asked to|are instructed to|is instructed to|are obliged to|are expected to"
    r"|are advised to|are encouraged to|are kindly asked to|can go ahead and|may want to|might want to|will want to)"
)
_BETWEEN = (
    r"(?:(?:not|also|then|now|please|kindly|always|never|first|immediately|only|just|next|simply|be sure to)\s+){0,2}"
)
_OWNER = (
    r"(?:(?:the|my|our|your|this|its|his|her) (?:\w+ ){0,2}?(?:owner|user|customer|client|boss|manager|sender|team"
    r"|management|company|admin"
    r"|administrator|account holder|reader|recipient|developer|operator|director|ceo|department|office|policy"
    r"|support)s?"
    r"|management|everyone)"
)
# Each names the verb it turns on in the group `v`; the words before it tell the form.
_ANYWHERE: tuple[tuple[Form, re.Pattern[str]], ...] = (
    (Form.COMMAND, re.compile(rf"\b(?:please|kindly|pls|plz)\s+{_BETWEEN}(?:do not |don't )?(?P<v>[a-z]+)\b")),
    (Form.DUTY, re.compile(rf"\b{_WHO}\s+{_BETWEEN}{_MODAL}\s+{_BETWEEN}(?P<v>[a-z]+)\b")),
    (Form.REQUEST, re.compile(rf"\b(?:can|could|would|will)\s+you\s+{_BETWEEN}(?P<v>[a-z]+)\b")),
    (
        Form.REQUEST,
        re.compile(
            r"\b(?:wants?|needs?|would like|'d like|asks?|asking|expects?|urges?|requires?|instructs?|advises?|requests?"
            r"|invites?|begs?|likes?)\s+"
            rf"(?:you|the (?:agent|assistant|model|ai|bot))\s+to\s+{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.REQUEST,
        re.compile(
            r"\b(?:let|have|ask|tell|get|instruct) (?:your|the|any|an|all|my|our) (?:[\w-]+ )?"
            rf"(?:agents?|assistants?|models?|bots?|ai) {_BETWEEN}(?:to )?(?P<v>[a-z]+)\b"
        ),
    ),
    (Form.REQUEST, re.compile(rf"\bso kind (?:as to|and|to) {_BETWEEN}(?P<v>[a-z]+)\b")),
    (Form.REQUEST, re.compile(r"\b(?:would|do) you mind\s+(?P<v>[a-z]+ing)\b")),
    (
        Form.REQUEST,
        re.compile(
            r"\b(?:appreciate it|appreciated|grateful|great|good|nice|helpful|best|glad|happy|kind|wonderful|thankful"
            r"|ideal)"
            rf"(?: of you)? if you (?:could |can |would |might )?{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(r"\b(?:make|be|making) (?:sure|certain) (?:to |that |you |the |and |all |every )?(?P<v>[a-z]+)\b"),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            rf"\b(?:remember|don't forget|do not forget|be sure|feel free|try|go ahead and|proceed to|let's|lets"
            rf"|let us)"
            rf" (?:to )?{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            r"\b(?:best|better|good|wise|advisable|helpful|great|necessary|required|important|essential|mandatory"
            r"|imperative"
            r"|crucial|vital|critical|appropriate|recommended|safest|easiest|useful|ideal|prudent|urgent)"
            rf"(?: for you| for the \w+)? to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            r"\b(?:next|first|last|final|remaining|only|correct|right|required|proper|new|main|real|your|best"
            r"|following) "
            r"(?:\w+ )?(?:step|task|action|goal|job|thing|objective|duty|mission|move|assignment|way)s?"
            rf"(?: [a-z]+){{0,4}} (?:is|are|would be|will be) (?:now )?to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.WISH,
        re.compile(
            rf"\b(?:{_OWNER}|[a-z]+) (?:also |really |usually |always )?(?:prefers?|suggests?|recommends?|advises?"
            rf"|proposes?|requires?"
            r"|insists? on|asks? for|requests?|demands?|appreciates?|wants|favou?rs?|would like|would prefer"
            r"|asked for|requested|wanted)"
            r" (?P<v>[a-z]+ing)\b(?! (?:to|is|was))"
        ),
    ),
    (
        Form.WISH,
        re.compile(
            rf"\b{_OWNER} (?:also |really |now )?(?:wants?|wishes|asks?|has asked|asked|expects?|requires?|needs?"
            rf"|instructs?|would like|orders?|tells?)"
            rf" (?:for )?(?:you|the (?:agent|assistant|ai|model)) to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            rf"\b{_OWNER} (?:wants?|wishes|prefers?|asks?|requests?|expects?|would like|would love"
            rf"|would prefer) (?:to |that )(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            rf"\b{_OWNER} (?:wants?|wishes|prefers?|asks?|requests?|requires?|expects?|needs?|demands?|insists?"
            rf"|would like|has asked|requested)"
            r" (?:that |for )?(?:the|a|an|all|your|his|her|their|our|every|each)(?: [a-z]+){1,4}? (?:to be |be |is "
            r"|are |gets? )?(?P<v>[a-z]+(?:ed|en|t))\b"
        ),
    ),
    (Form.SUGGESTION, re.compile(rf"\b(?:until|unless) you (?:have )?{_BETWEEN}(?P<v>[a-z]+)\b")),
    (
        Form.SUGGESTION,
        re.compile(
            r"\b(?:must|should|shall|has to|have to|needs? to|is to|are to|ought to|is required to|are required to)"
            r" (?:also |then |now |always |never |not |immediately |first |only )?(?:be "
            r"|get )(?:\w+ly )?(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        re.compile(
            r"\b(?:answers?|responses?|repl(?:y|ies)|outputs?|assistants?|agents?|models?|readers?|it is (?:required"
            r"|necessary"
            r"|important|recommended|essential|mandatory)(?: that)?(?: the)?(?: \w+)?)"
            r"(?: [a-z]+){0,4} (?:must|should|shall|has to|have to|needs? to|are required to|is required to|is to"
            r"|are to)"
            r" (?:also |then |now |always |never |not |immediately |first |only )?(?P<v>[a-z]+)\b"
        ),
    ),
)
_STATED = frozenset({Form.DUTY, Form.WISH, Form.SUGGESTION})
_GERUNDS = frozenset({Form.REQUEST, Form.WISH})
# Cheap: a clause without one of these words has none of the forms above.
_HINT = re.compile(
    r"please|kindly|pls|plz|\b(?:you|sure|certain|must|should|shall|to|let's|lets|prefers?|suggests?|recommends?"
    r"|advises?|proposes?|requires?|demands?|insists?|favou?rs?|appreciates?|likes|wants|needs|asked|requested"
    r"|requests|be)\b"
)


def directive_in(clause: Clause) -> Directive | None:
    """The first directive of a clause, or None. Questions to the reader ("Could you send …?") are directives too."""
    return leading_command(clause) or (_embedded(clause) if _HINT.search(clause.low) else None)


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
    before = _VOCATIVE.match(clause.text, start) or _LABEL.match(clause.low, start)
    if before is not None:
        start = _lead(clause.low, before.end())
        found = _command_at(clause, start, called=called)
        name = _VOCATIVE.match(clause.text, start) if found is None else None
        start = start if name is None else _lead(clause.low, name.end())
    if found is None:
        places = (_command_at(clause, _lead(clause.low, at), called=called) for at in _lead_ends(clause.low, start))
        found = next((place for place in places if place is not None), None)
    return found


def _lead_ends(low: str, start: int) -> Iterator[int]:
    """Where the clause that begins at a place and only leads in may end."""
    colon = _LEADING_COLON.match(low, start)
    if colon is not None:
        yield colon.end()
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
    )
    return (known, match.end()) if allowed else None


def _whole(clause: Clause, at: int) -> bool:
    """Whether a sentence with an end or an address begins there, without another verb that could be the one of it."""
    low = clause.low
    ends = low[-1] in ".!" or "@" in low or "://" in low
    return ends and low.count(" ", at) >= 3 and not _FINITE.search(low, at)


def _embedded(clause: Clause) -> Directive | None:
    for form, pattern in _ANYWHERE:
        for match in pattern.finditer(clause.low):
            groups = match.groupdict()
            word = groups.get("v") or groups.get("to") or ""
            base = word if word in VERBS else base_of_gerund(word) if form in _GERUNDS else None
            if base is None and (form is Form.SUGGESTION or " if you " in match[0]):
                base = base_of_participle(word)
            if base is not None and not (form in _STATED and clause.is_question):
                return Directive(clause, form, base, match.end())
    return None
