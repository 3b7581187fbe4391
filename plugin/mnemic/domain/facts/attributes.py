"""Which attributes have one value at a time, and what their values look like.

Precision comes before reach: a statement that is not read is stored beside the others, as it was before there were facts;
one that is read wrongly takes the place of something true. So an attribute is listed with the shape that its values have,
and "the deadline is tight" is no deadline. Relations that hold with many at once (likes, knows, uses, has, friend, hobby)
are nowhere in these tables.
"""

from __future__ import annotations

import re
from enum import StrEnum

from mnemic.domain.facts.values import MONTHS, WEEKDAYS
from mnemic.domain.numbers import NUMBER_WORDS


class Shape(StrEnum):
    """What the values of an attribute look like."""

    NUMBER = "number"
    MOMENT = "moment"
    NAME = "name"
    PLACE = "place"
    TOKEN = "token"  # noqa: S105
    STATE = "state"
    WORDS = "words"


def _heads(shape: Shape, words: str) -> dict[str, Shape]:
    return dict.fromkeys(words.split(), shape)


# By the last word of the attribute. One at a time, because each is a measure, a date or a setting of its subject, or an
# office that one person holds.
HEADS: dict[str, Shape] = {
    # A thing has one measure of a kind.
    **_heads(
        Shape.NUMBER,
        "age amount budget capacity cost count delay duration fee fps frequency headcount height interval length limit max "
        "maximum min minimum number percentage period port price quota rate rent salary score size speed temperature "
        "threshold timeout total ttl weight width",
    ),
    # It is due, or happens, at one time.
    **_heads(Shape.MOMENT, "anniversary birthday date day deadline due eta expiry month time year"),
    # One holds the office, or it has one name.
    **_heads(
        Shape.NAME,
        "assignee boss capital ceo cto currency employer fiance husband landlord language lead leader maintainer "
        "manager mayor name nationality nickname owner president spouse supervisor surname timezone username wife",
    ),
    # It is in one place.
    **_heads(Shape.PLACE, "address birthplace city country destination headquarters hometown home location residence venue"),
    # A setting holds one value.
    **_heads(
        Shape.TOKEN,
        "bucket channel code codename database domain email endpoint extension host hostname id identifier ip key password "
        "path phone pin region registry repo repository tag tier token url uuid version zip",
    ),
    **_heads(Shape.STATE, "branch color colour job level mode phase plan priority stage state status theme"),
}  # fmt: skip

# What makes any singular attribute the only one of its kind.
SINGLING = frozenset("current favorite favourite preferred default primary maiden".split())
# Whatever follows, there may be several: words of kinship, of belongings, of tastes.
MANY = frozenset(
    """acquaintance aunt bike book brother car cat child class client colleague cousin customer daughter dog example fact
    friend game goal habit hobby idea interest issue kid language memory neighbor neighbour nephew niece note opinion pet
    place point problem project reason sibling sister skill son song story task thing thought toy trip uncle""".split()
)
# Named without a subject they belong to whatever was talked about: nothing to compare.
BARE = frozenset(
    """address age amount author category code color colour cost count country current date day description duration email
    fee height id job key length level limit location mode month name note number owner password path phase phone plan
    present price priority quantity rate role score size stage state status summary tag theme time title token topic total
    type url value venue version weight width year zip""".split()
)
# Of an event "the … is on/at …" tells when; which of them is meant, its article and modifiers tell.
EVENTS = frozenset(
    """appointment ceremony demo exam flight interview kickoff launch meeting party presentation release retro
    retrospective standup sync wedding workshop""".split()
)

_NUMBER = re.compile(r"\d|\b(?:" + "|".join(NUMBER_WORDS) + r"|hundred|thousand|million)\b", re.IGNORECASE)
# A word and a run of digits are one piece each: could they be cut anywhere, the search would go through all ways to do so.
_MOMENT = re.compile(
    r"(?:(?:on|at|in|the)\s+)*(?:(?:" + "|".join(name[:3] for name in (*MONTHS, *WEEKDAYS))
    + r")[a-z]*+|\d[\d:./-]*+(?:st|nd|rd|th|h)?|of|am|pm|[ap]\.m\.|noon|midnight|utc|cet|gmt|est|pst|z|at|on|,|\s)+\Z",
    re.IGNORECASE,
)  # fmt: skip
_TOKEN = re.compile(r"[`\"'“]?[^\s`\"'”]+[`\"'”]?\Z")
_PHONE = re.compile(r"\+?[\d ()./-]{5,20}\Z")
_MEASURED = re.compile(r"[$€£]?\s?-?\d[\d.,:]*\s?(?:%|[A-Za-zµ$€£]{1,12})?\Z")
_CAPITALISED = re.compile(
    r"(?:(?:the|a|an|in|at|on|near)\s+)*[A-Z\d][\w'.&-]*"
    r"(?:,?\s(?:(?:of|the|de|da|do|and|la|le|van|von|di)\s)*[A-Z\d][\w'.&-]*)*\Z"
)
_ADJECTIVE = re.compile(
    r"\b(?:\w{3,}(?:ful|able|ible|ous|less|ing|ish|est)|amazing|bad|best|better|big|broken|busy|cheap|clear|close|cold|cool"
    r"|correct|different|done|easy|enough|expensive|fair|far|fast|fine|flexible|fun|gone|good|great|hard|high|hot|huge"
    r"|important|insane|key|large|late|long|low|nice|odd|ok|okay|old|open|perfect|poor|ready|real|right|same|secret|set"
    r"|short|simple|slow|small|soon|special|strange|strong|tall|tight|tiny|tough|true|unclear|unknown|unusual|weak|weird"
    r"|worse|worst|wrong|young|\w{4,}ed)\Z",
    re.IGNORECASE,
)


def head_of(attribute: str) -> str:
    """The word of an attribute that says what kind of thing it is: its last one, in small letters."""
    words = attribute.casefold().replace("_", " ").replace(".", " ").replace("-", " ").split()
    return words[-1] if words else ""


def shape_of(attribute: str) -> Shape | None:
    """What the values of ``attribute`` look like; None when it may have several at once, or is not known."""
    head = head_of(attribute)
    words = set(attribute.casefold().replace("-", " ").split())
    if words & SINGLING and not _plural(head):
        known = HEADS.get(head)
        return known if known in (Shape.NUMBER, Shape.TOKEN, Shape.PLACE) and "number" not in words else Shape.WORDS
    return HEADS.get(head)


def fits(value: str, attribute: str) -> bool:
    """Whether ``value`` is what a value of ``attribute`` looks like."""
    shape = shape_of(attribute)
    if shape is None:
        # Of an attribute that we do not know, only what can hardly be said of it besides another value.
        return head_of(attribute) not in MANY and not _plural(head_of(attribute)) and is_measured(value)
    return looks(value, shape, attribute)


def looks(value: str, shape: Shape, attribute: str = "") -> bool:
    """Whether ``value`` has this shape."""
    words = value.split()
    if shape is Shape.NUMBER:
        return _NUMBER.search(value) is not None and len(words) <= 4
    if shape is Shape.MOMENT:
        return _MOMENT.match(value) is not None and any(char.isalnum() for char in value)
    if shape is Shape.PLACE:
        return _CAPITALISED.match(value) is not None
    if shape is Shape.NAME:
        return _CAPITALISED.match(value) is not None or is_identifier(value)
    if shape is Shape.TOKEN:
        if head_of(attribute) in ("email", "url", "endpoint"):
            return is_identifier(value)
        return (_TOKEN.match(value) or _PHONE.match(value)) is not None and not _is_adjective(value)
    if shape is Shape.STATE:
        state = head_of(attribute) in ("state", "status", "mode", "phase", "stage")
        return len(words) <= 4 and (state or not _is_adjective(value))
    return len(words) <= 6 and not _is_adjective(value)


def is_measured(value: str) -> bool:
    """A number with its unit, a moment, or an identifier."""
    return (_MEASURED.match(value) or _MOMENT.match(value)) is not None or is_identifier(value)


def is_identifier(value: str) -> bool:
    """One word with a digit, a separator or a capital inside: a path, an address, a name of something in a computer."""
    core = value.strip("`\"'“”")
    if not core or any(char.isspace() for char in core):
        return False
    mixed = any(char.isdigit() for char in core) or any(char in "/@_:.\\" for char in core[1:-1])
    return mixed or any(char.isupper() for char in core[1:]) or value != core


def is_moment(value: str) -> bool:
    """A day, a date or a clock time."""
    return looks(value, Shape.MOMENT)


def _is_adjective(value: str) -> bool:
    """ "The deadline is tight" describes and gives no value. Only words in small letters: names end in anything."""
    return value == value.lower() and _ADJECTIVE.search(value) is not None


def _plural(head: str) -> bool:
    return head.endswith("s") and not head.endswith(("ss", "us", "is", "ics")) and head not in HEADS
