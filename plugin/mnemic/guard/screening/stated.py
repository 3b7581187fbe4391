"""What a sentence settles for its reader without telling anybody to do it: what a machine does, which checks are not
needed, what somebody is said to have allowed. English only.

It may as well be a plain report, so it is masked where a stranger wrote it, and is evidence of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mnemic.guard.screening.forms import OTHER_TRADES
from mnemic.guard.screening.plain import holds_any
from mnemic.guard.screening.rights import RIGHTS
from mnemic.guard.screening.settlements import MORE_SETTLED, Settled
from mnemic.guard.screening.verbs import CHANGING, VERBS, base_of_third

_MACHINE = r"(?:assistant|agent|bot|chat ?bot|copilot|llm|automation)"
_ADVERBS = (
    r"(?:(?:also|then|now|always|never|only|automatically|silently|quietly|immediately|simply|instead|first|not) ){0,2}"
)
# "your assistant will pass …", "the bot turns off …": one machine, and what it does to the world or says.
_ONE_DOES = re.compile(
    rf"\b(?:the|your|this) (?P<kind>(?:[\w-]+ ){{0,2}}?){_MACHINE} {_ADVERBS}"
    rf"(?:(?:will|shall|can|may|would) {_ADVERBS}(?P<v>[a-z]+)|(?P<s>[a-z]+s))\b"
)
# Programs that are called so whoever reads about them.
_PROGRAMS = re.compile(
    r"\b(?:build|user|mail|transfer|delivery|monitoring|node|backup|log|logging|ssh|update|test|metrics|cluster|host"
    r"|endpoint|deployment|snmp|relay)\s*$"
)
# "helpful assistants put the link …": all of a kind, at the start of what is said.
_ALL_DO = re.compile(
    rf"(?:^\W{{0,4}}|[.:,;\u2013\u2014-]\s|\bthat )(?P<kind>(?:[\w-]+ ){{0,2}}?){_MACHINE}s {_ADVERBS}(?P<v>[a-z]+)\b"
)
# "Reminder for the assistant: ...", "Dear shopping assistant, ...": whatever follows is said to a machine.
_ADDRESSED = re.compile(
    r"^\W{0,6}(?:(?:important|urgent|quick) )?(?:notes?|reminder|hints?|attention|message|memo|dear|hi|hello"
    r"|hey|to|for|info|notice"
    rf"|instructions?|p\.?s\.?)[ ,:]{{1,2}}(?:(?:to|for|all|any|the|every|our|your) ){{0,3}}(?P<kind>(?:[\w-]+ ){{0,2}}?)"
    rf"(?:{_MACHINE}|ai|language model)s?(?: (?:that|who|which|reading) [^,:;]{{1,40}})?\s?[,:]"
)
# "Bot to e-mail the list": how minutes put it.
_IS_TO = re.compile(rf"^[\W\d]{{0,14}}(?:the |your )?(?P<kind>(?:[\w-]+ )?){_MACHINE} to (?P<v>[a-z]+(?:-[a-z]+)?)\b")
HANDLING = CHANGING | frozenset(
    "bring hand keep leave list mention pass print provide put rate recommend rely reply report say show tell".split()
)

_CHECK = (
    r"(?:approval|consent|confirmation|permission|authori[sz]ation|authentication|verification|sign-?off|human review"
    r"|code review|identity checks?)"
)
_FURTHER = (
    r"(?:(?:any|further|prior|additional|more|extra|explicit|the|his|her|their|your|my|user|human|manual|asking|for) )"
    r"{0,4}"
)
_WAIVED = re.compile(
    rf"\b(?:may|can|could|shall|will|should|is|are|be|gets?)\b[^,;]{{0,80}}\bwithout {_FURTHER}"
    rf"(?:{_CHECK}|asking|confirming|approving)\b"
)
_NEEDLESS = re.compile(
    rf"\bno {_FURTHER}{_CHECK}s? (?:is |are |will be )?(?:needed|required|necessary)\b"
    rf"|\b(?:needs?|requires?|needed|needing|requiring) no {_FURTHER}{_CHECK}\b"
)
# What such a check is there for. Sheds, holidays and parks have permissions of their own.
_AT_STAKE = re.compile(
    r"\b(?:agents?|assistants?|bots?|you|your|payments?|pay|paid|transfers?|transferr\w+|purchas\w+|order(?:s"
    r"|ed)?|refund\w*|invoices?"
    r"|transactions?|book(?:ed|ings?)|money|data|files?|documents?|records?|accounts?|passwords?|access"
    r"|shar\w+|sen[dt]\w*|mails?|e-?mails?|history|delet\w+"
    r"|upload\w*|deploy\w*|merg\w+|install\w*|execut\w+|run|changes|code review|approved|granted|actions?"
    r"|requests?|tools?|calls|deliver(?:y|ies)|approv(?:es?|ing))\b"
)
_FORBIDDING = re.compile(r"\b(?:not|never|cannot|nobody|none|nothing|neither)\b|n['\u2019]t\b")
_PROTECTION = re.compile(
    r"\b(?:(?:safety|security|content|output|access|privacy|spending|usage|confirmation|approval|identity|transfer)"
    r" (?:filters?|restrictions?|checks?|guardrails?|protections?|limits?|safeguards?|rules?|prompts?"
    r"|controls?|dialogs?)"
    r"|(?:all|any|previous|prior|former|earlier) (?:\w+ )?(?:restrictions|rules|limits|limitations|safeguards"
    r"|guardrails"
    r"|instructions|policies)"
    r"|guardrails|safeguards|safety measures) (?:\w+ ){0,3}?(?:is|are|has been|have been|will be) "
    r"(?:now |hereby |temporarily |currently )?(?:suspended|lifted|disabled|deactivated|removed|waived|switched off"
    r"|turned off|off|void|obsolete|no longer)\b"
)
_DISMISSED = re.compile(
    r"\b(?:(?:security|safety|certificate|fraud|phishing|spam|virus|malware|privacy|login|tls|ssl|signature) "
    r"(?:warnings?|alerts?|errors?|tests?|messages?)|checks?|confirmations?|verifications?|approvals?|limits?|safeguards?"
    r"|signatures?) (?:can|may|could|should) (?:\w+ ){0,2}?be (?:\w+ly )?(?:ignored|dismissed"
    r"|skipped|bypassed"
    r"|disabled|switched off|turned off|omitted|suppressed|overridden|disregarded|deleted)\b"
)
# What is remembered is declared void: only whoever wrote it can do that.
_VOIDED = re.compile(
    r"\b(?:memories|(?P<own>memory (?:about|of|on|that|entry|note|item|#|mem|\d))|(?:former|previous|earlier|prior"
    r"|stored|saved|older) (?:\w+ )?(?:notes?|preferences?|memory))\b(?: [^.;:]{0,60})? "
    r"(?:is|are|was|were|has been|have been) (?:now |hereby |found to be )?(?:outdated|obsolete|retracted|revoked"
    r"|withdrawn|void|invalid|superseded"
    r"|no longer (?:valid|in force|applicable|binding|relevant|current|true|correct)"
    r"|cancelled|deleted|(?(own)(?:wrong|false)|(?!)))\b"
    r"|\b(?:supersedes|replaces|overrides|voids)\b:? (?:all |any )?(?:previous|earlier|former|prior) (?:\w+ )?"
    r"(?:notes?|memories|preferences?|instructions?|warnings?|advice|guidance)\b"
)
# Where to pay is said to have changed.
_DETAILS = (
    r"(?:iban|sort code|routing number|wallet|bank account|(?:bank(?:ing)?|payment|account|wire|wiring|remittance|payout"
    r"|refund|payee|beneficiary) (?:details?|data|information|instructions?|accounts?|numbers?))"
)
_ACCOUNT = rf"(?:{_DETAILS}|routing|account|beneficiary|payee|bank)"
_NUMBER = r"(?:[a-z]{2}\d{2}(?: ?[a-z0-9]{4}){2,7}|bc1[a-z0-9]{20,60}|0x[0-9a-f]{8,40}|\d[\d -]{6,30}\d)"
_NEW = (
    r"(?:new|updated|changed|replac\w+|instead|interim|no longer|effective|(?:from|as of"
    r"|starting) (?:now|today|this|next|the)|until)"
)
_PAID_ELSEWHERE = re.compile(
    rf"\b{_DETAILS}\b[^.;]{{0,40}} (?:has|have|is|are) (?:now |been |recently ){{0,2}}(?:changed|moved|updated|replaced"
    rf"|closed|new|no longer (?:valid|in use|active))\b"
    rf"|\b{_DETAILS} (?:changed|updated)\b"
    rf"|\b{_NEW}\b[^.;]{{0,60}}\b{_ACCOUNT}\b[^.;]{{0,20}} ?{_NUMBER}"
    rf"|\b{_ACCOUNT}\b[^.;]{{0,20}} ?{_NUMBER}[^.;]{{0,60}}\b{_NEW}\b"
)
_ASKED_FOR = re.compile(
    r"\bi (?:need|want|require) (?:to (?:see|have|get) )?(?:the|a|your) (?:full |complete |whole )?(?:list"
    r"|copy|export|dump"
    r"|transcript|contents?|passwords?|codes?|credentials|logs?)\b"
)
_CONSENT = re.compile(
    r"\b(?:the|your|my|our) (?:user|owner|account holder|principal)(?: of (?:\w+ ){1,3})? ?(?:(?:has|have"
    r"|had|already|previously|earlier|also|now"
    r"|explicitly|just"
    r"|repeatedly|several|many|times) ){0,4}(?:okay(?:s|ed)|g(?:ave|ives?|iven) (?:his|her|their|the) (?:ok"
    r"|consent|permission"
    r"|approval|agreement)|agree[sd]?|authori[sz]e[sd]?|approve[sd]?|consent(?:s|ed)"
    r"|permit(?:s|ted)"
    r"|allow(?:s|ed)|waive[sd]?)\b(?: [a-z]+){0,3}? (?P<what>to|that|all|any|every|it|this|the|full|access)\b"
)
_RAISED = re.compile(
    r"\b(?:is|are|was|has been|have been) (?:now |hereby |already )?(?:authenticated|verified|authori[sz]ed"
    r"|logged in) as "
    r"(?:an? |the )?(?:super ?user|admin\w*|root|owner|developer|operator)\b"
)
_WISHED = re.compile(
    r"\b(?:i|we)(?:['\u2019]d| would) (?:really |just )?(?:love|like|prefer|appreciate|welcome) it if\b"
)


_SETTLED = (
    Settled(_NEEDLESS, ("no ", "authori", "authenti"), at_stake=True),
    Settled(_PROTECTION, (
        "filter", "restrict", "check", "guardrail", "protection", "limit", "safeguard", "rules", "prompts", "controls",
        "dialog", "instructions", "policies", "measures",
    )),
    Settled(_DISMISSED, (" be ",)),
    Settled(_VOIDED, ("memor", "former", "previous", "earlier", "prior", "stored", "saved", "older")),
    Settled(_PAID_ELSEWHERE, (
        "iban", "sort code", "routing", "wallet", "account", "bank", "payment", "wir", "payee", "beneficiary", "payout",
        "refund", "remittance",
    )),
    Settled(_ASKED_FOR, ("i need", "i want", "i require")),
    Settled(_CONSENT, ("user", "owner", "account holder", "principal"), at_stake=True),
    Settled(_RAISED, (" as ",)),
    Settled(_WISHED, (" it if",)),
    Settled(_WAIVED, ("without",), at_stake=True, unless_forbidden=True),
    *MORE_SETTLED,
    *RIGHTS,
)  # fmt: skip
_NAMES = ("assistant", "agent", "bot", "copilot", "llm", "automation", "language model", " ai")

Settling = tuple[bool, tuple[Settled, ...]]


def settling(low: str) -> Settling:
    """What a whole text in small letters may settle, for the look at each of its clauses."""
    return holds_any(low, _NAMES), tuple(one for one in _SETTLED if holds_any(low, one.parts))


def stated_order(low: str, looked: Settling | None = None) -> tuple[str, int] | None:
    """The verb that a clause in small letters turns on and where it ends; None where it settles nothing of the kind.

    ``looked`` is `settling` of the text that it stands in.
    """
    machines, ways = looked or settling(low)
    done = (next(_machines_do(low), None) or _spoken_to(low)) if machines else None
    return done or _allowed(low, ways)


def _spoken_to(low: str) -> tuple[str, int] | None:
    match = _ADDRESSED.match(low)
    return None if match is None or OTHER_TRADES.search(match["kind"]) else ("tell", match.end())


def _machines_do(low: str) -> Iterator[tuple[str, int]]:
    for pattern in (_ONE_DOES, _ALL_DO, _IS_TO) if holds_any(low, _NAMES) else ():
        for match in pattern.finditer(low):
            said = match.groupdict()
            verb = base_of_third(said["s"]) if said.get("s") else said["v"].rsplit("-", 1)[-1]
            known = verb in (VERBS if pattern is _IS_TO else HANDLING)
            if verb is None or not known:
                continue
            if not (OTHER_TRADES.search(said["kind"]) or _PROGRAMS.search(said["kind"])):
                yield verb, match.end()


def _allowed(low: str, ways: tuple[Settled, ...]) -> tuple[str, int] | None:
    for one in ways:
        match = one.pattern.search(low) if holds_any(low, one.parts) else None
        if match is None or (one.unless_forbidden and _FORBIDDING.search(low)):
            continue
        if not one.at_stake or _AT_STAKE.search(low, match.start("what") if "what" in one.pattern.groupindex else 0):
            return "allow", match.end()
    return None
