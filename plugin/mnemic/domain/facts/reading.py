"""Reading the one fact that a short statement states. English and key-value notation, no model, high precision.

Whatever is unsure, asked, negated, planned, quoted, or says more than one thing is not read: None is always a safe answer.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mnemic.domain.facts.attributes import (
    BARE,
    EVENTS,
    fits,
    head_of,
    is_identifier,
    is_measured,
    is_moment,
    looks,
    shape_of,
)
from mnemic.domain.facts.fact import Fact
from mnemic.domain.facts.relations import RELATIONS, may_tell
from mnemic.domain.facts.slots import slot_words
from mnemic.domain.text import normalise

READ_CHARS = 300
"""A longer text says more than one thing."""
_MAX_VALUE_WORDS = 8
_MAX_NAME_WORDS = 6

_LEAD = re.compile(
    r"(?P<dictated>(?:please )?remember(?: that)?[:,]?|note(?: that)?[:,])\s+"
    r"|(?:fyi|update|correction|actually|for the record|fact|reminder)[:,]\s+|[-*•]\s+",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[.!;…]\s|[?…\n]|\.\.\.|\s[-\u2013\u2014]\s|\s\(")
_UNSURE = re.compile(
    r"\b(?:maybe|perhaps|might|may(?! \d)|could|would|should|must|can|cannot|probably|possibly|likely|thinks?|thought"
    r"|thinking|believe[sd]?|guess|seems?|seemed|apparently|if|unless|whether|hopefully|hopes?|hoping|planning|planned"
    r"|plans to|wants?|intends?|going to|about to|will|shall|rumou?r\w*|allegedly|reportedly|supposed\w*"
    r"|sometimes|usually|often|mostly|mainly|always|either|or|suppose|wonders?|assum\w+|imagin\w+|pretend\w*|suggest\w*|propos\w+"
    r"|consider\w*|temporarily|says?|said|saying|tells?|told|claim\w*|according|heard|hear|asks?|asked|used|formerly|previously|once|was|were|had|been"
    r"|never|not|hardly|barely|nor|neither|without|except|unlike|than|also|another|too|both|among|besides|one of|e\.g|i\.e"
    r"|for example|hypothetical\w*|joke|about|around|roughly|approximately|almost|nearly|least|most|up to|over|under|some"
    r"|yet|still|already|just|only|even|but|because|which|who|that|whose|where|when|while|although|though|so|then|since"
    r"|until|till|during|before|after|ago|last|next|yesterday|today|tonight|tomorrow|soon|later|week(?:s|end)? (?:ago|off)"
    r"|this|these|those|it|he|she|they|we|you|his|her|their|its|your|me|him|them|us|hers|i)\b|n't\b|'(?:ll|d|ve|re)\b",
)  # fmt: skip
# A line of these alone has nothing of `_SEVERAL`: a faster look.
_PLAIN_LINE = re.compile(r"[\w ,:='/]*+\Z")
# In capitals and quotes the same words are names.
_ENDING = re.compile(
    r",?\s+(?:now|currently|at the moment|at present|these days|nowadays|as of (?:now|today)|instead|from now on)\Z",
    re.IGNORECASE,
)
_LAST_WORDS = frozenset("now currently moment present days nowadays today instead on".split())
_ASSIGNMENT = re.compile(r"(?P<key>[A-Za-z_][\w.\-/\[\] ]{0,79}?)\s*(?<![=!<>:+*])=(?!=)\s*(?P<value>\S.*)\Z")
_LABELLED = re.compile(r"(?P<key>[A-Za-z_][\w.\-/' ]{0,79}?)\s*:\s+(?P<value>\S.*)\Z")
_NOT_KEYS = frozenset(
    """action advice agent answer assistant attention bug caution comment conclusion context decision definition
    detail details error event example fact feedback fix goal help hint human idea important info insight issue
    lesson memory message note observation option output p.s plan principle problem prompt ps question quote
    reason recommendation reflection reminder request response result rule solution speaker step strategy subject
    suggestion summary system task thought tip title todo tool topic update user warning""".split()
)
_DENIED = re.compile(r"\bno longer\b ?")
_CONTRAST = re.compile(
    r"(?P<np>.+?) (?P<be>is) (?:no longer|not) (?P<previous>[^,]+?),? but (?:rather )?(?P<value>.+)\Z"
)
_INSTEAD = re.compile(
    r"(?P<np>.+?) (?P<be>is) (?:now )?(?P<value>[^,]+?)(?:, not| instead of| rather than) (?P<previous>.+)\Z"
)
_CHANGED = re.compile(
    r"(?P<np>.+?) (?:(?:has|have|is|was|has been|got) (?:now |just |recently )?)?"
    r"(?:been )?(?:changed|updated|switched|raised|increased|lowered|reduced|decreased|renamed|reset|set|moved|bumped"
    r"|rescheduled|postponed|brought forward|pushed back)(?: from (?P<previous>.+?))? to (?P<value>.+)\Z"
)
_COPULA = re.compile(r"(?P<np>.+?) is (?:(?:now|currently|presently) )?(?P<value>.+)\Z")
_OF = re.compile(r"(?:the )?(?P<attribute>[\w-]+(?: [\w-]+){0,3}) (?:of|for) (?P<subject>.+)\Z", re.IGNORECASE)
_OWNED = re.compile(r"(?P<subject>.+?(?:'s|s')) (?P<attribute>[\w-]+(?: [\w-]+){0,4})\Z")
_DETERMINER = re.compile(r"\A(?:the|our) (?=\w)", re.IGNORECASE)
_CODE = re.compile(r"[;{(\[,]\Z|\w[(\[]|\A[\[{(]|=>|\bself\.")
_CODE_KEY = re.compile(r"\A(?:const|let|var|self|this|return|def|static|final|public|private|int|str|string)\b")
_PRONOUN = re.compile(
    r"\b(?:this|that|these|those|it|he|she|they|we|you|his|her|hers|their|theirs|its|your|yours|there|here|what|who|which|"
    r"how|everything|something|nothing|anything|everyone|someone|one|other|another|each|every|all|some|any|no|and|with|to|"
    r"by|from|as|at|on|is|are)\b",
    re.IGNORECASE,
)
_BAD_VALUE = re.compile(
    r"(?:to|being|getting|very|really|quite|pretty|so|rather|such|like|similar|no|none|from|with|by|for|as|up|down|off|out"
    r"|based|due|what|how|why|all|more|less|much|many|several|in (?:the|a|an|need|love|fact|order)|of)\b|a lot\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(r",? and (?:the|an?|my|our|is|has|lives?|works?|likes?|loves?|I)\b|,\s+[a-z]", re.IGNORECASE)


def read_fact(text: str, *, speaker: str | None = None) -> Fact | None:
    """The fact that ``text`` states, when it states exactly one of an attribute with one value at a time; else None.

    ``speaker`` is whose words they are: who "I" and "my" mean. Linear in the text, which is at most `READ_CHARS` long.
    """
    if len(text) > READ_CHARS:
        return None
    line = text.strip().replace("\u2019", "'")
    dictated = False
    while (lead := _LEAD.match(line)) is not None:
        dictated = dictated or lead["dictated"] is not None
        line = line[lead.end() :]
    line = line.rstrip(" .!")
    if not line or (not _PLAIN_LINE.match(line) and _SEVERAL.search(line)):
        return None
    line = normalise(line)
    if "=" in line and (match := _ASSIGNMENT.match(line)) is not None:
        return _assigned(match["key"], match["value"])
    if ":" in line and (match := _LABELLED.match(line)) is not None:
        return _labelled(match["key"], match["value"])
    if " " not in line:
        return None
    if line.rpartition(" ")[2].casefold() in _LAST_WORDS:
        line = _ENDING.sub("", line)
    return _stated(line, speaker, dictated=dictated)


def _assigned(key: str, value: str) -> Fact | None:
    """``key = value``, as in a file of settings."""
    words = slot_words(key).split()
    if not 1 <= len(words) <= _MAX_NAME_WORDS or "=" in value or len(value.split()) > _MAX_VALUE_WORDS:
        return None
    if _CODE_KEY.match(key) or _CODE.search(value):
        return None
    if (len(words) == 1 and (words[0] in BARE or len(words[0]) < 3)) or _PRONOUN.search(key) or _UNSURE.search(value):
        return None
    return Fact(subject="", attribute=key.strip(), value=value)


def _labelled(key: str, value: str) -> Fact | None:
    """``key: value``. A name before a colon is more often somebody who speaks, or a heading."""
    words = slot_words(key).split()
    if not 1 <= len(words) <= _MAX_NAME_WORDS or {words[-1], words[0]} & _NOT_KEYS or _PRONOUN.search(key):
        return None
    if not _is_value(value) or _CODE.search(value):
        return None
    split = _slot(key, None)
    if split is None:
        return None
    subject, attribute = split
    if shape_of(attribute) is not None:
        return _made(subject, attribute, value)
    notation = is_identifier(key) and " " not in key
    if not notation and not is_measured(value):
        named = any(word[:1].isupper() for word in key.split())
        if named or len(words) < 2 or len(value.split()) > 3:
            return None
    if len(words) == 1 and not notation:
        return None
    return Fact(subject=subject, attribute=attribute, value=value)


def _stated(line: str, speaker: str | None, *, dictated: bool) -> Fact | None:
    """A sentence."""
    line = _first_person(line)
    for pattern, telling in ((_CONTRAST, " but "), (_INSTEAD, ", not "), (_INSTEAD, " than "), (_INSTEAD, " instead ")):
        if telling in line and (match := pattern.match(line)) is not None:
            fact = _asserted(match["np"], match["value"], speaker)
            return None if fact is None else replace(fact, previous=match["previous"])
    if " to " in line and (match := _CHANGED.match(line)) is not None and not _UNSURE.search(match["np"]):
        previous = match["previous"]
        fact = _event(match["np"], match["value"]) or _asserted(match["np"], match["value"], speaker)
        if fact is not None:
            return replace(fact, previous=previous)
    denied = "no longer" in line and _DENIED.search(line) is not None
    if denied:
        line = _DENIED.sub("", line, count=1)
    fact = _related(line, speaker)
    if fact is None and " is " in line and (match := _COPULA.match(line)) is not None:
        np, value = match["np"], match["value"]
        fact = _event(np, value) or _asserted(np, value, speaker)
        if fact is None and dictated:
            fact = _dictated(np, value)
    return fact if fact is None or not denied else replace(fact, positive=False)


def _first_person(line: str) -> str:
    return re.sub(r"\AI'm\b", "I am", line)


def _asserted(np: str, value: str, speaker: str | None) -> Fact | None:
    """``np`` is ``value``."""
    split = _slot(np, speaker)
    return _made(*split, value) if split is not None and _is_value(value) else None


def _made(subject: str, attribute: str, value: str) -> Fact | None:
    """A fact, when the attribute takes one value and this looks like one."""
    if not subject:
        words = attribute.split()
        if len(words) < 2 or shape_of(attribute) is None:
            return None
    return Fact(subject=subject, attribute=attribute, value=value) if fits(value, attribute) else None


def _slot(np: str, speaker: str | None) -> tuple[str, str] | None:
    """Subject and attribute of a noun phrase; None when it has none that could be told from others."""
    if len(np.split()) > 2 * _MAX_NAME_WORDS:
        return None
    if re.match(r"my\b", np, re.IGNORECASE):
        if speaker is None:
            return None
        np = f"{speaker}'s {np[3:]}"
    bare = _DETERMINER.sub("", np, count=1)
    if "," in np or _UNSURE.search(bare[:1].lower() + bare[1:]) or _PRONOUN.search(bare):
        return None
    if (match := _OWNED.match(bare)) is not None:
        subject, attribute = match["subject"], match["attribute"]
        subject = re.sub(r"'s\Z|(?<=s)'\Z", "", subject)
    elif (match := _OF.match(bare)) is not None:
        subject, attribute = match["subject"], match["attribute"]
    else:
        subject, attribute = "", bare
    if len(attribute.split()) > _MAX_NAME_WORDS or len(subject.split()) > _MAX_NAME_WORDS:
        return None
    if not re.fullmatch(r"[\w.\-/' ]+", f"{subject} {attribute}") or not slot_words(attribute):
        return None
    if attribute.casefold() in ("current", "present"):
        return None
    return _DETERMINER.sub("", subject, count=1), attribute


def _event(np: str, value: str) -> Fact | None:
    """The meeting is on Tuesday."""
    bare = _DETERMINER.sub("", np, count=1)
    if bare == np and "'" not in np:
        return None
    if head_of(bare.replace("stand-up", "standup")) not in EVENTS or _PRONOUN.search(bare) or not is_moment(value):
        return None
    clock = re.search(r"\d{1,2}:\d{2}|\b(?:am|pm|noon|midnight)\b|[ap]\.m\.", value, re.IGNORECASE) is not None
    day = re.search(r"[a-z]{3}", re.sub(r"noon|midnight", "", value, flags=re.IGNORECASE), re.IGNORECASE) is not None
    if clock and day:
        return None  # of two values one may change alone
    return Fact(subject=bare, attribute="time" if clock else "day", value=value)


def _related(line: str, speaker: str | None) -> Fact | None:
    """Ana lives in Lisbon."""
    if not may_tell(line):
        return None
    for relation in RELATIONS:
        match = relation.pattern.match(line)
        if match is None:
            continue
        subject = _subject(match["subject"], speaker, things=relation.of_things)
        value = match["value"]
        if subject is not None and _is_value(value, plain=True) and looks(value, relation.shape, relation.attribute):
            return Fact(subject=subject, attribute=relation.attribute, value=value)
    return None


def _subject(np: str, speaker: str | None, *, things: bool) -> str | None:
    """Who or what a relation is about, when it is named."""
    if np == "I":
        return speaker
    bare = _DETERMINER.sub("", np, count=1)
    if bare.casefold() == "user":
        return bare
    if _PRONOUN.search(bare) or "," in bare or _UNSURE.search(bare) or len(bare.split()) > 4:
        return None
    if all(word[:1].isupper() for word in bare.split()):
        return bare
    return bare if things and bare != np else None


def _dictated(np: str, value: str) -> Fact | None:
    """Whoever dictates "Remember: colour scheme is dark" gives a key a value; a person, or "the ...", is described."""
    words = np.split()
    if not 1 <= len(words) <= 4 or not _is_value(value) or len(value.split()) > 4 or _PRONOUN.search(np):
        return None
    if words[0].casefold() in ("a", "an", "the", "my", "our", "i") or not all(
        re.fullmatch(r"[\w-]+", word) for word in words
    ):
        return None
    if all(word[:1].isupper() for word in words) or re.match(r"(?:an?|the|in|on|at)\b", value, re.IGNORECASE):
        return None
    return Fact(subject="", attribute=np, value=value)


def _is_value(value: str, *, plain: bool = False) -> bool:
    """A value and no clause, hedge or comparison; with ``plain`` a preposition may stand before it."""
    if not value or len(value.split()) > _MAX_VALUE_WORDS or _CLAUSE.search(value):
        return False
    if is_identifier(value):
        return True
    if value[0] in '`"' and value[-1] == value[0]:
        return '"' not in value[1:-1]
    return not (_UNSURE.search(value) or '"' in value or (not plain and _BAD_VALUE.match(value)))
