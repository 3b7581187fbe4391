"""Directives about the reader itself: its answer, its instructions, its nature. English only.

Each rule is a question about one directive (`directives.Directive`), told by what the directive acts on and never by a
known attack's wording.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

from mnemic.domain.verdict import Finding, Span
from mnemic.guard.screening.clauses import Clause
from mnemic.guard.screening.directives import Directive
from mnemic.guard.screening.forms import OTHER_TRADES, Form
from mnemic.guard.screening.hidden import ordered
from mnemic.guard.screening.machines import addresses_machines
from mnemic.guard.screening.plain import Plain

_ANSWERS = r"(?:answers?|respon[sc]es?|repl(?:y|ies)|outputs?|completions?|conclusions?)"
_YOUR_ANSWER = re.compile(
    rf"\byour (?!\w+'s (?<!assistant's )(?<!agent's )(?<!model's ))(?:[\w'-]+ ){{0,2}}{_ANSWERS}\b"
    rf"|\b(?:in|into|to|with|of|from|throughout|at|using|for) (?:the|its|all|every|any|each) (?:final |whole |entire "
    rf"|next |own )?"
    rf"(?:answers?|responses?|outputs?|completions?)\b(?! (?:key|sheet|time|form|code|file|format|device|queue|rate))"
    rf"|\b(?:all|every|each|any|the|its) (?:your |future |further |following |subsequent |final |assistant'?s? "
    rf"|agent'?s? |model'?s? )?"
    rf"{_ANSWERS} (?:[a-z]+ ){{0,4}}(?:must|should|shall|ha(?:s|ve) to|need to|are to|is to)\b"
    rf"|\b(?:every|each|all|any) {_ANSWERS} (?:that )?(?:you|of yours)\b"
    r"|\b(?:whatever|anything|everything) you (?:say|write|answer|reply|output|tell|generate|produce)\b"
    r"|\bwhen(?:ever)? (?:you (?:are )?)?(?:summari[sz](?:e|ing)|answer(?:ing)? (?:the|this|any|a|questions?)"
    r"|generating|paraphrasing)\b"
    r"|\byour (?:\w+ )?(?:summary|summari[sz]ation|paraphrase|translation of this)\b"
    r"|\b(?:assistants?|agents?|models?|ai|llms?|chatbots?|bots?) (?:must |should |shall |has to |have to |is to "
    r"|always |now |will )?"
    r"(?:only |never |always )?(?:recommends?|mentions?|says?|repl(?:y|ies)|responds?|answers?|promotes?|praises?"
    r"|advertises?|claims?)\b"
)
# Sending an answer along is not shaping it: "send your reply to the office", "thank you for your answer".
_TRANSPORTS = frozenset(
    """send submit email mail post return hand bring upload await check see confirm thank read expect wait share discuss
    compare await receive get review consider follow take call contact keep let know hear look appreciate forward mark
    need attach save fax phone copy note remember collect register file""".split()
)
_SENT_ALONG = re.compile(
    r"\s+(?:us |me |you |back |in |off |over |to |for |forward |by ){0,2}(?:the |all )?your (?:\w+ )?" + _ANSWERS
)
_LOOKING = frozenset("look listen compare check refer read see go turn jump skip scroll wait react match".split())
_LAST_WORD = re.compile(r"[a-z]+(?=\s$)")
_TO_THE_USER = re.compile(
    r"^\s+(?:to )?(?:the |your |any )?(?:end )?(?:users?|reader|human|person (?:who|that) asks"
    r"|whoever asks)\b(?! (?:guide|manual|names?|ids?|list|group|accounts?))"
)
_TELLING = frozenset("tell inform notify say advise assure convince persuade warn remind show lie instruct ask".split())

_REPLYING = frozenset(
    "reply respond answer speak write talk translate encode say output communicate encrypt express phrase type".split()
)
_MANNER = re.compile(
    r"^\s+(?:(?:back|everything|all|it|only|entirely|exclusively|solely|always|strictly|purely) ){0,2}(?:in|using|as"
    r"|only|without|with|like|exclusively|"
    r"entirely|solely|backwards?|via|through)\b"
)
# What is left to whoever answers: one of two opposite answers, or what only they can know.
_LEFT_OPEN = re.compile(
    r"^\s+(?:back )?with (?:"
    r"(?:either |a |an )?(?:simple |short |quick |clear )?[\"'\u2018\u201c]?[\w-]{1,20}[\"'\u2019\u201d]?,? or "
    r"(?:with )?[\"'\u2018\u201c]?(?:no|not|nay|false|decline|reject|refuse|disagree|cancel)\b"
    r"|(?:your|the) (?:\w+ ){0,2}(?:availability|choices?|preferences?|decision|selection|votes?|opinions?|views?"
    r"|thoughts|ideas?|suggestions?|feedback|comments|questions)\b)"
)
# More than once, or in a manner besides: "always with yes or no", "with your view in Latin".
_NOT_SO_OPEN = re.compile(
    r"\b(?:all|always|any|every|each|only|never|whenever|from now|in|as|using|like|via|through|without|instead)\b"
)
_ANAPHORA = re.compile(
    r"\b(?:it|its|this|that|these|those|them|they|their|he|she|him|her|his|here|there|above|below|attached|enclosed"
    r"|mine)\b"
)
_PERSONAL = re.compile(r"\b(?:i|me|my|mine|we|us|our|ours)\b|\bi'|\bwe'")
_CONTENT = re.compile(r"[a-z0-9]{3,}")

_TRANSFORMS = frozenset(
    """render encode encrypt encipher decode scramble shift replace substitute swap shuffle jumble reverse rotate permute
    anagram misspell garble obfuscate transliterate translate convert transform rewrite rearrange group combine split
    join spell mix flip invert remove omit capitalise capitalize alternate interleave obscure format turn change use
    cipher hash randomise randomize mangle abbreviate insert separate mirror rephrase write mask disguise switch
    """.split()
)
_MESSAGE = re.compile(
    r"\byour (?:[\w'-]+ ){0,2}(?:message|text|words?|letters|sentences?|wording|writing)\b"
    r"|\b(?:letters?|words?|vowels?|consonants?|characters?|spaces|sentences|nouns|verbs) (?:of|in|from) (?:your"
    r"|the) (?:\w+ )?(?:message|text|answer|reply|response|output|words)\b"
    r"|\b(?:each|every|all|any) (?:\w+ )?(?:letters?|vowels?|consonants?|characters?|keywords)\b.{0,60}\b(?:with|by"
    r"|for|to|into|as)\b"
)

_INSTRUCTIONS = re.compile(
    r"\b(?:your|previous|prior|original|earlier|initial|the user's|user's|the above|hidden|developer|safety|current"
    r"|these new)"
    r" (?:[\w-]+ ){0,2}(?:instructions?|prompts?|guidelines|directives?|programming|rules|constraints|restrictions"
    r"|system message"
    r"|policy|policies|context window|training data|memory)\b"
    r"|\byour (?:new|actual|real|only|current|main|first|true|original|primary|ultimate|next|sole) (?:\w+ )?(?:tasks?"
    r"|goals?|objectives?|jobs?|missions?|purpose|role)\b"
    r"|\byour (?:tasks?|goals?|objective|mission) (?:is|are) (?:now )?to\b|\bsystem prompts?\b|\bhidden (?:rules"
    r"|instructions|prompt)\b"
    r"|\btasks? (?:that )?(?:you|i|the user) (?:gave|asked|have been|were|was|are|is)\b|\b(?:you|the (?:agent"
    r"|assistant)) (?:were|was|have been|has been|are|had been) (?:given|told|instructed|asked|assigned|programmed)\b"
    r"|\b(?:solve|complete|answer|fulfil|fulfill|finish|do|perform|continue with|resume|working on|work on"
    r"|stop) (?:the|your|my|this|that|any) (?:\w+ ){0,2}(?:task|query|request)s? (?:that|you|i|above|below|given"
    r"|before|first|after|of the user|from the user|by the user)?"
    r"|\bthe user(?:'s)? (?:original |current |initial |real )?(?:task|query|request|goal|question)s?\b|\b(?:new"
    r"|following|these) instructions (?:in|from|below|instead|carefully|exactly)\b"
    r"|\b(?:instructions|ones) (?:in|of|from) this (?:paragraph|message|mail|document|text|note)\b"
    r"|\b(?:long[- ]term|persistent) memory\b"
)
# The reader's instructions, not a product's: a manual or an invoice has instructions of its own.
_OTHERS_RULES = re.compile(
    r"\b(?:our|the (?:privacy|return|refund|store|airline)|cookie|privacy|store|return|shipping|washing|care|assembly"
    r"|installation|payment) (?:policy|policies|rules|instructions)\b"
)

# Advice to people is full of these: "follow basic food safety guidelines", "update your insurance policy".
_FOR_PEOPLE = re.compile(
    r"(?:current )?safety (?:[\w-]+ ){0,2}(?:instructions?|guidelines|rules|directives?|restrictions|policy|policies)$"
    r"|your (?!safety|security|content|privacy|system|usage|internal|hidden|current|previous|original|former|own|core|main)"
    r"[\w-]+ (?:[\w-]+ )?(?:policy|policies)$"
)
_IGNORING = frozenset(
    """ignore disregard forget override discard abandon bypass skip neglect dismiss overlook drop overrule circumvent
    erase suspend""".split()
)
_BREAKING = _IGNORING | frozenset(
    "violate break breach disable remove lift loosen relax switch turn stop reveal".split()
)
_TOLD_BEFORE = re.compile(
    r"^\s+(?:(?:all|any|every|each|everything|anything|the|your|those|these|of|about|completely|entirely|in"
    r"|what) ){0,4}"
    r"(?:(?:previous|prior|above|preceding|earlier|original|initial|existing|former|foregoing|current|other|system"
    r"|safety|past|old|given|hidden)"
    r"[\s,]+(?:and )?){0,3}(?:\w+ ){0,2}?(?:instructions?|prompts?|guidelines?|directives?|rules|commands?|orders"
    r"|tasks?|constraints|restrictions|context|programming"
    r"|directions|polic(?:y|ies)|safety checks?|checks|training|objectives?|goals?)\b"
    r"|^\s+(?:every|each|any) (?:\w+ ){0,2}?(?:rule|instruction|guideline|order|command|restriction|check)\b"
    r"|^\s+(?:all|everything|anything|what|whatever)(?: that| which)? (?:(?:is |was |comes |came |stands |written "
    r"|said )?(?:above|before|prior|previously|so far|until now|earlier)|you(?:'ve| have| were| had| are| learned"
    r"| know))"
    r"|^\s+(?:all |everything )?(?:the )?(?:above|previous|preceding)(?= (?:and|then|instead|text and)\b|[\s.,!:;]*$"
    r"|[,.!:;])"
)

# What stands on a thing are its maker's: "the instructions on the packet".
_OF_A_THING = re.compile(
    r"^\s+(?:all )?(?:the|these|those|any) (?!previous|prior|above|preceding|earlier|original|initial|existing|former"
    r"|foregoing|current|other|system|safety|past|old|given|hidden)(?:\w+ )?(?:instructions?|guidelines?|rules?|directions"
    r"|orders|restrictions|commands?) (?:(?:printed|written|shown|supplied|found) )?(?:on|with|for|at) "
    r"(?:the|your|its|his|her|their|an?) (?!system|user|prompt|developer|conversation|chat|message|previous|above"
    r"|assistant|model|ai|agent|owner|operator|admin|top|first|task"
    r"|compan|maker|creator|provider|people|humans?\b|answer|repl[iy]|respon|output|behavio|safe|secur|privacy|secre|tool|data)"
)

_ROLE = re.compile(
    r"\byou(?: are|'re|r role is| will be| will act as| must act as| act as)(?: now| still| currently)? (?:a|an|the"
    r"|my|our)?\s?((?:[\w-]+,? ){0,5}?)(?:(?:language )?models?|assistant|agent|ai|bot|chatbot|llm|gpt)\b"
    r"|\byou are now (?:an?|the|in|dan|free|unrestricted|operating|jailbroken)\b(?! (?:member|customer|subscriber"
    r"|part|position))"
    r"|\b(?:act|behave|respond|answer) as (?:if you (?:are|were) )?(?:an? |the )?((?:\w+ ){0,2})(?:ai|model|assistant"
    r"|agent|bot|llm|hacker|system)\b"
    r"|\bpretend (?:that )?(?:you(?:'re| are| were)|to be)\b|\b(?:developer|debug|admin|god|jailbreak"
    r"|dan) mode (?:is )?(?:on|enabled|activated|active|now)\b"
)
# Words that flow into a quotation without a colon mention it: 'begins with "You are ..."', 'the prompt "You are ..."'.
_QUOTING = re.compile(r"\w,? [\"\u201c\u2018]$")
_QUOTING_REACH = 4

_MARKUP = re.compile(
    r"<\|[a-z_]{3,24}\|>|\[/?inst\]|<</?sys>>|</?(?:system|instructions?|information|important|admin|tool_call"
    r"|function_calls?|tool_response"
    r"|system[-_ ](?:message|prompt|reminder)|s|assistant)>|(?:^|\n)\s{0,4}#{1,4}\s?(?:system|instructions?|assistant"
    r"|response)\s?:"
    r"|(?:^|\n)\s{0,4}\[?(?:system|developer)(?: (?:message|prompt|notice|instruction|override|note))?\]?\s?:"
)
_MARKUP_REACH = 400


def steers_answer(directive: Directive) -> bool:
    """What the directive acts on is the reader's answer."""
    found = _YOUR_ANSWER.search(directive.clause.low)
    if found is None:
        return directive.verb in _TELLING and _TO_THE_USER.match(directive.rest) is not None
    before = _LAST_WORD.search(directive.clause.low, 0, found.start())
    if "your" not in found[0] and before is not None and before[0] in _LOOKING:
        return False  # "look at the answer": somebody's that is there already
    return not (directive.verb in _TRANSPORTS and _SENT_ALONG.match(directive.rest))


def answer_manner(directive: Directive) -> bool:
    """ "Reply in …", "answer only with …": short, and about nothing but the manner."""
    rest = directive.rest
    if directive.verb not in _REPLYING or not _MANNER.match(rest) or _leaves_open(directive):
        return False
    return len(_CONTENT.findall(rest)) <= 8 and not (_ANAPHORA.search(rest) or _PERSONAL.search(rest))


def _leaves_open(directive: Directive) -> bool:
    """Whether it asks for an answer, as mails do, and does not say which or how."""
    return _LEFT_OPEN.match(directive.rest) is not None and not _NOT_SO_OPEN.search(directive.clause.low)


def transforms_message(directive: Directive) -> bool:
    """Change, encode or scramble the letters or words of the message."""
    return directive.verb in _TRANSFORMS and _MESSAGE.search(directive.clause.low) is not None


def steers_instructions(directive: Directive) -> bool:
    """The directive speaks of the reader's instructions, task, prompt, or to it as a model."""
    low = directive.clause.low
    if _OTHERS_RULES.search(low):
        return False
    if addresses_machines(low):
        return True
    found = _INSTRUCTIONS.finditer(low)
    return any(not (_FOR_PEOPLE.match(one[0]) and directive.verb not in _BREAKING) for one in found)


def override(directive: Directive) -> bool:
    """Forget, ignore or bypass what was said before."""
    rest = directive.rest
    return directive.verb in _IGNORING and _TOLD_BEFORE.match(rest) is not None and not _OF_A_THING.match(rest)


_RULES: dict[str, tuple[Callable[[Directive], bool], str]] = {
    "steers-answer": (steers_answer, "a directive about the reader's answer"),
    "answer-manner": (answer_manner, "a directive about the manner of the answer"),
    "transforms-message": (transforms_message, "a directive to transform the words of the answer"),
    "steers-instructions": (steers_instructions, "a directive about the reader's instructions or task"),
    "override": (override, "a directive to ignore what was said before"),
}
ABOUT_ONE_DIRECTIVE = frozenset(_RULES)


def speaks_of_reader(directive: Directive) -> bool:
    """Whether it acts on the reader's instructions or answer, as words in disguise do when there is something to hide."""
    if directive.form is Form.STATEMENT:
        return False
    return override(directive) or steers_instructions(directive) or steers_answer(directive)


def judge_directives(plain: Plain, directives: Sequence[Directive], wanted: frozenset[str]) -> list[Finding]:
    """One finding for each rule of ``wanted`` that some directive meets, with the clauses that do."""
    found: list[Finding] = []
    for name, (rule, reason) in _RULES.items():
        if name in wanted:
            hits = [plain.span(one.clause.start, one.clause.end) for one in directives if rule(one)]
            if hits:
                found.append(Finding(rule=name, reason=reason, spans=ordered(hits)))
    return found


def roles_told(
    plain: Plain, clauses: Sequence[Clause], orders: Sequence[Directive]
) -> tuple[Finding | None, list[Span]]:
    """The text tells its reader what it is; and where a sentence that is no order only quotes such words."""
    if "you" not in plain.low and "mode" not in plain.low and " as " not in plain.low and "pretend" not in plain.low:
        return None, []
    spans: list[Span] = []
    quoted: list[Span] = []
    starts = [one.start for one in clauses]
    commanding = {one.clause.start for one in orders}
    for match in _ROLE.finditer(plain.low):
        kind = match[1] or match[2]
        person = match[1] is not None and plain.low.startswith(" who ", match.end())
        if not (person or (kind and OTHER_TRADES.search(kind))):
            around = clauses[max(0, bisect_right(starts, match.start()) - 1)]
            said = _QUOTING.search(plain.text, max(0, match.start() - _QUOTING_REACH), match.start())
            mentioned = said is not None and around.start <= said.start() and around.start not in commanding
            place = plain.span(min(around.start, match.start()), max(around.end, match.end()))
            (quoted if mentioned else spans).append(place)
    if not spans:
        return None, quoted
    reason = "tells the reader that it is a model, assistant or agent"
    return Finding(rule="role-claim", reason=reason, spans=ordered(spans)), quoted


def chat_markup(plain: Plain, directives: Sequence[Directive]) -> Finding | None:
    """Control tags of a chat protocol, shortly before a directive."""
    spans = []
    ends = [one.clause.end for one in directives]
    for match in _MARKUP.finditer(plain.low):
        following = bisect_right(ends, match.start())
        if following < len(directives) and directives[following].clause.start <= match.end() + _MARKUP_REACH:
            spans.append(plain.span(*match.span()))
    if not spans:
        return None
    return Finding(
        rule="chat-markup", reason="control tags of a chat protocol before a directive", spans=ordered(spans)
    )
