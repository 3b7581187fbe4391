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
# The name of an option that turns a protection off.
_OPTION = re.compile(
    r"\b(?:bypass|skip|disable|override|ignore)_(?:[a-z]+_)?(?:safety|security|checks?|confirmations?|approvals?"
    r"|verification|auth\w*"
    r"|polic(?:y|ies)|filters?|restrictions?)(?:_[a-z]+)?[\"']?\s?[:=]\s?[\"']?(?:true|yes|1|on)\b"
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
    Settled(_OPTION, ("bypass_", "skip_", "disable_", "override_", "ignore_")),
    Settled(_REWRITTEN, ("your ", " you ")),
)
"""Beside those of `stated`."""
