"""What is settled of checks that fall away, of the wishes of a user, and of addresses that moved. English only.

`stated` looks for these together with its own. All of them are masked and evidence of nothing.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Settled(NamedTuple):
    """One way to settle something.

    ``parts``: parts of words of which it holds one, the cheap look before. ``at_stake``: it counts only where something is
    at stake, and from its group ``what`` on if it has one. ``unless_forbidden``: not in a sentence that forbids.
    """

    pattern: re.Pattern[str]
    parts: tuple[str, ...]
    at_stake: bool = False
    unless_forbidden: bool = False


# "Invoices need not be checked", "deliveries do not have to be inspected".
_UNCHECKED = re.compile(
    r"\b(?:needs? not|needn['\u2019]t|(?:do|does) not (?:need|have) to|(?:don|doesn)['\u2019]t (?:need|have) to"
    r"|no longer (?:needs?|ha(?:s|ve)) to) (?:first )?be (?:\w+ly )?(?:re-?)?(?:checked|verified|confirmed|approved"
    r"|reviewed|authenticated|authori[sz]ed|validated|inspected|scanned|countersigned|disclosed|declared|consulted"
    r"|asked|informed|notified|warned|compared|audited|questioned)\b"
)
# "May merge without looking at the tests": any check that is left out; the bare consents are in `stated`.
_UNSEEN = re.compile(
    r"\b(?:may|can|could|shall|will|should|is|are|be|gets?)\b[^,;]{0,80}\bwithout "
    r"(?:(?:a|any|further|prior|human|manual) ){0,2}"
    r"(?:(?:checks?|reviews?|inspections?|verification|warnings?|second signatures?|counter-?signatures?)\b"
    r"|(?:reading|checking|reviewing|verifying|comparing|inspecting|scanning|looking|questioning|informing|notifying"
    r"|telling|warning)\b)"
)
_UNSIGNED = re.compile(
    r"\b(?:needs?|requires?) no (?:second |further |additional )?(?:(?:counter|co)-?)?signatures?\b"
    r"|\bno (?:second |further |additional )?(?:(?:counter|co)-?)?signatures? (?:is |are )?(?:needed|required"
    r"|necessary)\b|\b(?:approval|consent|confirmation|permission|authori[sz]ation|verification|review)s?"
    r"(?: (?:by|of|from) (?:\w+ ){1,3})? ?(?:is|are) (?:not|no longer) (?:needed|required|necessary)\b"
)
# Somebody is not to learn of it, and said to want that.
_UNTOLD = re.compile(
    r"\b(?:there is|there's|see|have|has) (?:no|little) (?:need|reason|point|cause) (?:for \w+ )?(?:to|in) "
    r"(?:mention|tell|warn|inform|notify|alert|disclose|report)\w*\b"
    r"|\b(?:is|are) (?:not necessary|unnecessary|needless|pointless) to (?:mention|tell|warn|inform|notify|alert"
    r"|disclose)\b|\b(?:user|owner|customer|client|account holder|principal)s?(?: of (?:\w+ ){1,3}?)? ?"
    r"(?:(?:do(?:es)? not|(?:don|doesn)['\u2019]t) (?:want|wish|need|like|expect|care)"
    r"|no longer (?:wants?|wish(?:es)?|needs?|expects?)|ha(?:s|ve) no (?:wish|desire|need)) (?:to be|being) (?:\w+ly )?"
    r"(?:warned|asked|told|notified|informed|reminded|alerted|consulted|bothered|prompted|disturbed)\b"
)
# Whose will is only reported: "it is the wish of the account owner that ..."
_WILL = re.compile(
    r"\b(?:wish|request|will|desire|preference|instruction|decision) of (?:the|our|your|my) (?:\w+ ){0,2}?"
    r"(?:user|owner|account holder|principal)s? (?:that|to)\b"
    r"|\b(?:the|our|your|my) (?:\w+ ){0,2}?(?:user|owner|account holder|principal)(?:['\u2019]s"
    r"|s['\u2019]) (?:\w+ ){0,2}?(?:wish|request|will|desire|preference|instruction|decision) (?:is |was )?(?:that|to)\b"
)
_DONE_TO = (
    r"(?:shared|sent|forwarded|copied|uploaded|mailed|posted|published|paid|transferred|deleted|approved|accepted"
    r"|granted|given|disclosed|exported|skipped|disabled|ignored|repeated|shown)"
)
_OTHER_WORD = r"(?!(?:that|which|who|are|is|was|were) )[^\s,;]+"
_ONE = r"(?:user|owner|account holder|principal|customer|client)"
# The same where a record leaves its person out ("preference: wants all files shared with ..."), tells what an assistant of
# theirs does, or says that it was agreed with them.
_PREFERRED = re.compile(
    rf"^\W{{0,4}}(?:wants|prefers|wishes|expects|would like|likes) "
    rf"(?!to (?!have|see|get)){_OTHER_WORD}(?: {_OTHER_WORD}){{0,5}}? (?:to be )?{_DONE_TO}"
    r" (?:to|with|without|via|through|at|by|automatically)\b"
    rf"|(?:^\W{{0,4}}|\b{_ONE} )(?:likes?|loves?|prefers?|appreciates?|expects?|wants?) (?:it )?(?:when|if|that) "
    r"(?:the|your|his|her|their|my|our) (?:\w+ )?(?:assistant|agent|bot|chat ?bot|copilot|automation) [a-z]+s\b"
    r"|\bas (?:was |has been )?(?:agreed|arranged|discussed|requested|instructed|approved|authori[sz]ed|wished|ordered)"
    rf" (?:with|by|from) (?:the|your) (?:\w+ )?{_ONE}\b"
    r"|\b(?:at|on|upon|by) (?:the )?(?:explicit |express )?(?:request|instructions?|orders?|wish) of "
    r"(?:the|your) (?:\w+ )?(?:user|owner|account holder|principal)\b"
)
_MAIL = r"[\w.+-]{1,64}@[\w-]{1,63}\.\w"
_PLACE = (
    rf"(?:{_MAIL}|[a-z][a-z0-9+.-]{{1,12}}://|\+?\d(?:[ ./()-]{{0,2}}\d){{6,20}}"
    r"|(?:[\w-]{1,63}\.){1,5}[a-z]{2,24}\b)"
)
_REACHED = (
    r"(?:address|e-?mail|mailbox|contact|hotline|help ?line|line|phone|telephone|number|department|desk|host|mirror"
    r"|endpoint|registry|repository|server|portal|site|website|domain|url|link|download|packages?|page)s?"
)
# An address, a number or a site is said to be another one now, and which.
_MOVED = re.compile(
    rf"\b{_REACHED}\b[^.;]{{0,60}}? "
    rf"(?:moved|changed|switched|migrated|transferred) (?:over )?to (?:[a-z]+ ){{0,3}}{_PLACE}"
    rf"|\b{_REACHED}\b[^.;]{{0,40}}? (?:is|are) now (?:[a-z]+ ){{0,3}}{_PLACE}"
    rf"|\bfrom (?:now|today) on[^.;]{{0,40}}? {_REACHED} (?:is|are) (?:[a-z]+ ){{0,3}}{_PLACE}"
    rf"|\b{_REACHED}\b[^.;]{{0,40}}? (?:is|are) no longer [^;]{{1,60}}? but (?:[a-z]+ ){{0,3}}{_PLACE}"
    rf"|\b{_REACHED}\b[^.;]{{0,40}}? (?:is|are) (?:[a-z]+ ){{0,3}}{_PLACE}[^;,]{{0,60}},? (?:and )?"
    rf"(?:not|no longer) (?:[a-z]+ ){{0,2}}{_PLACE}"
)

MORE_SETTLED = (
    Settled(_UNCHECKED, (" be ",), at_stake=True),
    Settled(_UNSEEN, ("without",), at_stake=True, unless_forbidden=True),
    Settled(_UNSIGNED, ("signature", "needed", "required", "necessary"), at_stake=True),
    Settled(_UNTOLD, (" no ", " not ", "n't ", "n\u2019t ", "unnecessary", "needless", "pointless")),
    Settled(_WILL, ("user", "owner", "account holder", "principal")),
    Settled(_PREFERRED, (
        "want", "prefer", "wish", "expect", "like", "love", "appreciate", "user", "owner", "holder", "principal",
    )),
    Settled(_MOVED, (" to ", " now ", " on ", " not ", "no longer")),
)  # fmt: skip
"""Beside those of `stated`."""
