"""Where an action would go: the addresses, accounts and paths that it names.

An agent may do what a trusted memory says, and yet with an address that a stranger has slipped in. So what an action names
is looked up in the memories one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# A name of a machine alone is an address as well: eve@mailhost. Behind a quoted name only the host can be told.
_MAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}|[A-Za-z][\w-]{1,62}(?![\w.-]))")
_MAIL_HOST = re.compile(r"(?<=[^\w.+\s-])@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
# Signs that stand for the dot in the name of a host.
_DOT = re.compile("(?<=[A-Za-z0-9])[\u3002\uff0e\uff61](?=[A-Za-z0-9])")
_NO_SCHEME = re.compile(r"(?<![\w:/.])//((?:[\w-]{1,63}\.){1,6}[a-z]{2,24}(?:/[\w.~%-]{1,80}){0,8})", re.I)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,12}://([^\s\"'<>)\]}|\\,;?#]{1,400})", re.I)
_HOST = re.compile(
    r"(?<![\w@./-])((?:[\w-]{1,63}\.){1,6}([a-z]{2,24}))(?![\w(-]|\.\w)(?::\d{2,5})?((?:/[\w.~%-]{1,80}){0,8})", re.I
)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(
    r"(?<![\w:.])(?=[0-9a-f:]*\d)(?:(?=[0-9a-f:]{0,32}::)[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}|(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4})"
    r"(?![\w:])", re.I,
)  # fmt: skip
_PATH = re.compile(r"(?<![\w/.:])(?:~|\.{1,2})?(?:/[\w.@$%+-]{1,80}){1,12}")
# Eight digits or more, however they are grouped: phone numbers, cards, accounts. An IBAN begins with its country.
_NUMBER = re.compile(
    r"(?<![\w.])(?:[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{2,4}){3,8}|\+?\d(?:[ ./()-]{0,2}\d){7,30})(?![\w.]\w)"
)
_KEYLIKE = re.compile(r"(?<![\w/.-])(?=[A-Za-z]*\d)[A-Za-z0-9]{26,90}(?![\w/])")
_PRIVATE = re.compile(r"~|/etc/|/proc/|/root/|/home/[^/]+/\.|\.{0,2}/\.")
_SEPARATORS = re.compile(r"[ ./()-]")
# What looks like a host and is the name of a file, or of a thing in a program.
_FILE_ENDINGS = frozenset(
    """py md txt pdf json csv yml yaml toml js ts tsx jsx html htm css xml log sql sh bat cfg ini png jpg jpeg gif svg webp
    zip tar gz doc docx xls xlsx ppt pptx db env lock rs go java cpp hpp rb php ipynb parquet bak tmp conf pem key crt mp3
    mp4 eml ics exe dll so""".split()
)
_READ_CHARS = 20_000
# A name that an action is done to: the value of such an argument, a short text in a call, who follows such a word.
_DESTINATION = re.compile(
    r"\b(?:to|for|recipients?|cc|bcc|host|channel|username|user|account|payee|address|destination|target|(?:[a-z]{1,20}_)?id"
    r"|[a-z]{1,20}_(?:to|user|account|address))\s?[=:]\s?[\"'\[]{0,2}([@#]?[\w-]{2,60})"
    r"|[(,\[=:]\s?[\"']([@#]?[\w-]{2,60})[\"']"
    r"|\b(?:[Tt]o|[Ww]ith|[Gg]ive|[Gg]rant|[Pp]ay|[Ii]nvite|[Aa]dd|[Nn]otify|[Ee]?[Mm]ail|[Mm]essage|[Pp]romote)\s"
    r"(?:the\s|user\s|account\s)?([@#][\w-]{2,40}|[A-Z][\w-]{1,40}(?:\s[A-Z][\w-]{1,40})?|\d{3,12})"
)


@dataclass(frozen=True, slots=True)
class Operands:
    """``places`` are mail addresses, hosts with their paths, and IP addresses; ``things`` are accounts, long numbers, paths.

    In small letters, without separators where these do not count.
    """

    places: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()

    def __or__(self, other: Operands) -> Operands:
        return Operands(self.places | other.places, self.things | other.things)

    def all(self) -> frozenset[str]:
        """Both kinds."""
        return self.places | self.things

    def delicate(self) -> frozenset[str]:
        """What even reading is asked about: places, for what is asked of them tells something, and private paths."""
        return self.places | {one for one in self.things if _PRIVATE.match(one)}


def operands_in(text: str) -> Operands:
    """What ``text`` names, by its form alone. Linear; looks at the first 20,000 characters."""
    head = text[:_READ_CHARS]
    if not head.isascii():
        head = _DOT.sub(".", head)
    places: set[str] = set()
    if "@" in head:
        places |= {match[0].rstrip(".") for found in (_MAIL, _MAIL_HOST) for match in found.finditer(head)}
    if "//" in head:
        places |= {match[1] for match in _NO_SCHEME.finditer(head)}
    if ":" in head:
        places |= {match[0] for match in _IPV6.finditer(head)}
    if "://" in head:
        places |= {match[1].rstrip(".:/") for match in _URL.finditer(head)}
    if "." in head:
        places |= {match[0] for match in _IPV4.finditer(head)}
        # A real end of a name has a letter in small or all in capitals: "end.Then" is two sentences.
        places |= {
            (match[1] + match[3]).rstrip("./")
            for match in _HOST.finditer(head)
            if match[2].lower() not in _FILE_ENDINGS and not match[2].istitle()
        }
    things = {_SEPARATORS.sub("", match[0]) for match in _NUMBER.finditer(head)}
    things |= {match[0] for match in _KEYLIKE.finditer(head)}
    if "/" in head:
        things |= {
            match[0].rstrip("./") for match in _PATH.finditer(head) if match[0].count("/") > 1 or match[0][0] in "~."
        }
    return Operands(frozenset(map(str.casefold, places)), frozenset(map(str.casefold, things)))


def destinations_in(text: str) -> tuple[str, ...]:
    """The names of people, channels and things that an action is done to, which no form tells from other words. Linear."""
    return tuple(
        dict.fromkeys(next(filter(None, match.groups())) for match in _DESTINATION.finditer(text[:_READ_CHARS]))
    )
