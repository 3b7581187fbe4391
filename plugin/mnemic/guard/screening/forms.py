"""The forms in which a sentence tells somebody to do something, besides the plain command. English only."""

from __future__ import annotations

import re
from enum import StrEnum


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
    STATEMENT = "statement"
    """"Your assistant will send the file", "no approval is needed": masked, and evidence of nothing."""


_WHO = (
    r"(?:you|we|i|the (?:ai |llm )?(?:reader|system|user|recipient|caller)|it|they|one|ai"
    r"|(?:ai|llm) (?:readers?|reviewers?|summari[sz]ers?|visitors?|helpers?|bots?|crawlers?)"
    r"|who(?:ever|soever) [^,.;:]{2,50}?"
    r"|(?:(?:the|any|every|each|all|an?|your) (?:[\w-]+ ){0,2}?)?(?:agent|assistant|model|bot|llm|copilot|automation)s?"
    r"(?: (?:reading|processing|using|handling|seeing|that|who|which|with)\b[^,.;:]{1,50}?)?)"
)
_MODAL = (
    r"(?:must|should|shall|need to|needs to|have to|has to|ought to|had better|are to|is to|are required to"
    r"|is required to"
    r"|are requested to|is requested to|are asked to|are instructed to|is instructed to|are obliged to|are expected to"
    r"|are advised to|are encouraged to|are kindly asked to"
    r"|(?:is|are) (?:kindly |hereby |therefore |now |also )?(?:required|requested|asked|instructed|obliged|expected|bound"
    r"|supposed|told|ordered|urged|meant) to"
    r"|can go ahead and|may want to|might want to|will want to)"
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
# People: what stands before "agent", "assistant" or "model" then.
OTHER_TRADES = re.compile(
    r"\b(?:travel|estate|real|insurance|sales|customs|shop|personal|executive|administrative|research|teaching|dental"
    r"|medical|legal"
    r"|booking|ticket|press|support|service|registered|literary|talent|secret|fashion|photo|role|top|laboratory|lab"
    r"|office|store|free"
    r"|federal|police|change|permanent|customer|of)\s*$"
)
_ANY = ("",)
_MACHINE_PARTS = ("agent", "assistant", "model", "bot", "ai")
_OWNER_PARTS = (
    "owner", "user", "customer", "client", "boss", "manage", "sender", "team", "company", "admin", "holder", "reader",
    "recipient", "develop", "operator", "director", "ceo", "department", "office", "policy", "support", "everyone",
)  # fmt: skip
# Each with parts of words of which it holds one, the cheap look before. It names the verb that it turns on in the group `v`.
ANYWHERE: tuple[tuple[Form, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        Form.COMMAND,
        ("please", "kindly", "pls", "plz"),
        re.compile(rf"\b(?:please|kindly|pls|plz)\s+{_BETWEEN}(?:do not |don't )?(?P<v>[a-z]+)\b"),
    ),
    (Form.DUTY, _ANY, re.compile(rf"\b{_WHO}\s+{_BETWEEN}{_MODAL}\s+{_BETWEEN}(?P<v>[a-z]+)\b")),
    (
        Form.DUTY,
        ("need to", "have to"),
        re.compile(rf"\byou (?:no longer|do not|don't) (?:need|have) to {_BETWEEN}(?P<v>[a-z]+)\b"),
    ),
    (Form.REQUEST, ("you ",), re.compile(rf"\b(?:can|could|would|will)\s+you\s+{_BETWEEN}(?P<v>[a-z]+)\b")),
    (
        Form.REQUEST,
        (" to ",),
        re.compile(
            r"\b(?:wants?|needs?|would like|'d like|asks?|asking|expects?|urges?|requires?|instructs?|advises?|requests?"
            r"|invites?|begs?|likes?|wanted|told|asked|instructed|ordered|reminded|urged|begged|allowed|authori[sz]ed)\s+"
            rf"(?:you|(?:the|your) (?:agent|assistant|model|ai|bot))\s+(?:\w+ ){{0,3}}?to\s+{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.REQUEST,
        _MACHINE_PARTS,
        re.compile(
            r"(?<!that )(?<!which )(?<!who )\b(?:let|have|ask|tell|get|instruct) (?:your|the|any|an|all|my|our) (?:[\w-]+ )?"
            rf"(?:agents?|assistants?|models?|bots?|ai) {_BETWEEN}(?:to )?(?P<v>[a-z]+)\b"
        ),
    ),
    (Form.REQUEST, ("so kind",), re.compile(rf"\bso kind (?:as to|and|to) {_BETWEEN}(?P<v>[a-z]+)\b")),
    (Form.REQUEST, ("mind",), re.compile(r"\b(?:would|do) you mind\s+(?P<v>[a-z]+ing)\b")),
    (
        Form.REQUEST,
        (" if ",),
        re.compile(
            r"\b(?:appreciate it|love it|like it|welcome it|appreciated|grateful|great|good|nice|helpful|best|glad|happ(?:y"
            r"|ier|iest)|kind|wonderful|thankful|pleased|delighted|obliged|ideal)"
            r"(?: of you)? if (?:you|(?:your |the |an? |all |any )?(?:ai |llm )?"
            r"(?:agents?|assistants?|models?|bots?|readers?))"
            rf" (?:could |can |would |might )?{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        ("sure", "certain"),
        re.compile(r"\b(?:make|be|making) (?:sure|certain) (?:to |that |you |the |and |all |every )?(?P<v>[a-z]+)\b"),
    ),
    (
        Form.SUGGESTION,
        ("remember", "forget", "sure", "free", "try", "ahead", "proceed", "let"),
        re.compile(
            rf"\b(?:remember|don't forget|do not forget|be sure|feel free|try|go ahead and|proceed to|let's|lets"
            rf"|let us)"
            rf" (?:to )?{_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        (" to ",),
        re.compile(
            r"\b(?:best|better|good|wise|advisable|helpful|great|necessary|required|important|essential|mandatory"
            r"|imperative"
            r"|crucial|vital|critical|appropriate|recommended|safest|easiest|useful|ideal|prudent|urgent)"
            rf"(?: for you| for the \w+)? to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        (" to ",),
        re.compile(
            r"\b(?:next|first|last|final|remaining|only|correct|right|required|proper|new|main|real|your|best"
            r"|following) "
            r"(?:\w+ )?(?:step|task|action|goal|job|thing|objective|duty|mission|move|assignment|way)s?"
            rf"(?: [a-z]+){{0,4}} (?:is|are|would be|will be) (?:now )?to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.WISH,
        ("ing",),
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
        (" to ",),
        re.compile(
            rf"\b{_OWNER} (?:also |really |now )?(?:wants?|wishes|asks?|has asked|asked|expects?|requires?|needs?"
            rf"|instructs?|would like|orders?|tells?)"
            rf" (?:for )?(?:you|the (?:agent|assistant|ai|model)) to {_BETWEEN}(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        _OWNER_PARTS,
        re.compile(
            rf"\b{_OWNER} (?:wants?|wishes|prefers?|asks?|has asked|requests?|expects?|would like|would love"
            rf"|would prefer) (?:to |that )(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        _OWNER_PARTS,
        re.compile(
            rf"\b{_OWNER} (?:wants?|wishes|prefers?|likes?|asks?|requests?|requires?|expects?|needs?|demands?|insists?"
            rf"|would like|has asked|requested)"
            r" (?:that |for )?(?:the|a|an|all|your|his|her|their|our|every|each)(?: [a-z]+){1,4}? (?:to be |be |is "
            r"|are |gets? )?(?P<v>[a-z]+(?:ed|en|t))\b"
        ),
    ),
    (
        Form.SUGGESTION,
        _OWNER_PARTS,
        re.compile(
            rf"\b{_OWNER} (?:also |really |now )?(?:wants?|wishes|prefers?|likes?|asks?|requests?|requires?|expects?"
            r"|needs?|demands?|insists?|would like|would prefer|(?:has |have )?(?:asked|requested|wished))"
            r" (?:on |for |that )?(?!to |not |that )[^\s,;]+(?: [^\s,;]+){0,5}? (?:to )?be (?:\w+ly )?(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        (" to have ", " to see ", " to get "),
        re.compile(
            rf"\b{_OWNER} (?:also |really |now )?(?:wants?|wishes|prefers?|likes?|would like|would prefer"
            r"|expects?) to (?:have|see|get) [^\s,;]+(?: [^\s,;]+){0,4}? (?P<v>[a-z]+(?:ed|en|t))\b"
        ),
    ),
    (
        Form.SUGGESTION,
        ("until you", "unless you"),
        re.compile(rf"\b(?:until|unless) you (?:have )?{_BETWEEN}(?P<v>[a-z]+)\b"),
    ),
    (
        Form.SUGGESTION,
        _ANY,
        re.compile(
            r"\b(?:must|should|shall|has to|have to|needs? to|is to|are to|ought to|is required to|are required to)"
            r" (?:also |then |now |always |never |not |immediately |first |only )?(?:be "
            r"|get )(?:\w+ly )?(?P<v>[a-z]+)\b"
        ),
    ),
    (
        Form.SUGGESTION,
        _ANY,
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
STATED = frozenset({Form.DUTY, Form.WISH, Form.SUGGESTION})
GERUNDS = frozenset({Form.REQUEST, Form.WISH})
# Cheap: a clause without one of these words has none of the forms above.
HINT = re.compile(
    r"please|kindly|pls|plz|\b(?:you|sure|certain|must|should|shall|to|let's|lets|prefers?|suggests?|recommends?"
    r"|advises?|proposes?|requires?|demands?|insists?|favou?rs?|appreciates?|likes|wants|needs|asked|requested"
    r"|requests|be)\b"
)
