"""What is claimed of somebody's rights, and of the protections that are said to be gone. English only.

A memory that says who may do what would be believed when it is asked for. Masked and evidence of nothing, as all that
`stated` looks for.
"""

from __future__ import annotations

import re

from mnemic.guard.screening.settlements import Settled

# One user, or the writer: documentation speaks of users, administrators and guests, and to the reader.
_WHO = (
    r"(?:\bi\b|(?<!\bif )(?<!\bwhen )(?<!\bwhether )\b(?:(?:the|this|your|our|my|current) )?(?:user|caller|sender"
    r"|requester|account holder)\b(?! who)(?: (?:with|of|named) [^;]{1,60}?)?)"
)
_FULL = r"(?:unrestricted|full|root|admin|administrator|administrative|elevated|super-?user|unlimited|maximum)"
_RIGHT = (
    rf"{_FULL} (?:and \w+ )?(?:(?:system|file|write|content|account|shell|data|network|database) )?"
    r"(?:access|permissions?|rights|privileges|clearance)"
)
_STANDING = re.compile(
    rf"{_WHO},? (?:has|have|holds?|['\u2019]ve) (?:now |been given |been granted )?{_RIGHT}\b"
    rf"|{_WHO} (?:is|are|am|has been|have been) [^;]{{1,60}}? with {_RIGHT}\b"
    rf"|{_WHO} (?:is|are|am|has been|have been) (?:now |hereby |already |an? ){{0,2}}(?:verified|trusted|vetted"
    rf"|pre-?approved"
    r"|authenticated|authori[sz]ed|cleared) (?:(?:as|for|an?|the|red|team|internal|external|security"
    r"|senior) ){0,3}(?:test(?:er|ing)"
    r"|engineer|researcher|contact|admin\w*|developer|operator|owner|super ?user|unrestricted|staff|auditor)\b"
    r"|\b(?:all|any|every) (?:\w+ )?(?:users?|agents?|callers?|requests?) (?:is|are) (?:now |hereby )?(?:pre-?approved"
    r"|pre-?authori[sz]ed|whitelisted|exempt|trusted)\b"
    r"|\buser (?:authenticated|verified|authori[sz]ed|logged in) as (?:an? )?(?:admin\w*|root|owner|super ?user"
    r"|developer)\b"
)
_LIFTED = re.compile(
    r"\b(?:all|any|safety|security) (?:\w+ ){0,2}?(?:restrictions|safeguards|guardrails|limitations|protections)"
    r" (?:(?:is|are|have been|has been) )?(?:now |hereby )?(?:lifted|suspended|disabled|waived|removed"
    r"|switched off|void)\b"
    r"|\b(?:with no|without(?: any)?|free (?:of|from)(?: any)?|no (?:further|more)) (?:safety|content|security"
    r"|ethical|moral|output"
    r"|privacy) (?:\w+ )?(?:filters?|restrictions?|checks?|guardrails?|limits?|caveats?|warnings?|disclaimers?"
    r"|refusals?|polic(?:y|ies)|rules)\b|\b(?:unrestricted|unfiltered|uncensored|no-limits?) mode\b"
)
_SECRETS = (
    r"(?:(?:api|ssh|private|access|deployment|signing|encryption|license) keys?|passwords?|passphrases?|credentials"
    r"|(?:access|api|session|auth) tokens?|session cookies?|(?:door|access|security) codes?|seed phrases?|secrets)"
)
_GIVEN_AWAY = re.compile(
    rf"\b{_SECRETS} (?:[\w-]+ ){{0,3}}?(?:may|can|could|should|are to|is to) (?:now |safely |also |freely "
    rf"|always )?be (?:shared|disclosed"
    r"|sent|posted|published|given|handed|shown|revealed|forwarded|copied|pasted|mailed|exported)\b"
    rf"|\b(?:sharing|disclosing|sending|posting|publishing|giving|handing|showing|revealing|forwarding) (?:out "
    rf"|over )?(?:\w+ ){{0,2}}?"
    rf"{_SECRETS}\b[^;]{{0,40}}? (?:is|are) (?:now |hereby |always |perfectly )?(?:permitted|allowed|ok|okay|fine"
    rf"|approved|acceptable"
    r"|safe|encouraged)\b"
)
# Settings by which protections are off, consent is given or limits are gone. What a stranger writes sets none of them, but
# a reader may take it for the state of things. "role: admin" and "is_admin: true" stand in every list of users.
_GATE = (
    r"(?:safety|security|checks?|confirm(?:ations?)?|approvals?|reviews?|verif(?:y|ication)|auth\w{0,12}|polic(?:y|ies)"
    r"|filters?|restrictions?|guard(?:s|rails?)?|moderation|sandbox|permissions?|consent)"
)
_SOMEBODY = r"(?:user|owner|human|admin|operator|customer)"
_IS = r"[\"']?\s?[:=]\s?[\"']?"
_ON = rf"{_IS}(?:true|yes|1|on|granted|always)(?!\w|\.\d)"
_OFF = rf"{_IS}(?:false|no|0|off|none|never|disabled)(?!\w|\.\d)"
_OPTION = re.compile(
    rf"(?<![a-z])(?:bypass|skip|disable|override|ignore|no)[_-](?:[a-z]+[_-])?{_GATE}(?:[_-][a-z]+)?{_ON}"
    rf"|(?<![a-z])(?:confirm|approve|review|verify|require|ask|prompt|human)s?[_-](?:(?:before|for|user|human)[_-])?(?:{_GATE}"
    rf"|send\w*|pay\w*|delet\w+|transfer\w*|execut\w+|tools?|actions?){_OFF}"
    rf"|\b{_GATE}[_-](?:required|needed|enabled|enforced){_OFF}"
    rf"|(?<![a-z])(?:(?:pre|auto)[_-]?)?(?:approved?|authori[sz]ed?|confirm(?:ed)?|consented|permitted)[_-]by[_-](?:the[_-])?"
    rf"{_SOMEBODY}{_ON}|(?<![a-z]){_SOMEBODY}[_-](?:has[_-])?(?:(?:pre|auto)[_-]?)?(?:approved|approval|authori[sz]ed|consent(?:ed)?"
    rf"|confirmed|permission|is[_-](?:admin|root|owner|trusted|super_?user)){_ON}"
    rf"|(?<![a-z])auto[_-]?(?:approve|confirm|execute|accept)[a-z_-]{{0,20}}{_IS}(?:true|yes|1|on|all|always|any|\*)(?!\w|\.\d)"
    rf"|(?<![a-z])(?:agent|assistant|ai)[_-](?:mode|policy|role|permissions?|access){_IS}(?:all|any|full|none|off|root|admin|auto"
    rf"|autonomous|unrestricted|unsafe|super_?user|developer|allow[_-]all|\*)(?![\w-]|\.\d)"
    rf"|(?<![a-z])(?:permissions?|allowed[_-](?:recipients?|hosts?|domains?|tools?|actions?|paths?)|access[_-]level){_IS}\[?[\"']?"
    rf"(?:all|any|full|unrestricted|unlimited|everyone|\*)(?![\w-]|\.\d)"
    rf"|(?<![a-z])(?:trust[_-]level|polic(?:y|ies)|guardrails?|safety|moderation|sandbox){_IS}(?:none|off|disabled|max(?:imum)?"
    rf"|full)(?![\w-]|\.\d)"
)
_REWRITTEN = re.compile(
    r"\byour (?:system prompt|(?:system |original |actual |core )?(?:instructions|guidelines|directives|objective"
    r"|persona|identity))"
    r" (?:has|have) (?:now |just |recently )?been (?:changed|updated|replaced|rewritten|reset|overwritten|modified"
    r"|extended)\b|\b(?:earlier|previous(?:ly)?|prior|last|former)\b[^;]{0,40}\b(?:conversation|session"
    r"|chat)\b[^;]{0,20} you (?:\w+ly )?(?:agreed|promised|consented|confirmed|accepted|committed)\b"
)

RIGHTS = (
    Settled(
        _STANDING,
        ("access", "permission", "right", "privilege", "clearance", "user", "i am ", "agents", "callers", "requests"),
    ),
    Settled(
        _LIFTED,
        ("all ", "any ", "safety", "security", "with no", "without", "free ", "no ", " mode"),
        unless_forbidden=True,
    ),
    Settled(
        _GIVEN_AWAY, ("key", "pass", "credential", "token", "cookie", "code", "phrase", "secret"), unless_forbidden=True
    ),
    Settled(_OPTION, ("=", ":")),
    Settled(_REWRITTEN, ("your ", " you ")),
)
"""Beside those of `stated`."""
