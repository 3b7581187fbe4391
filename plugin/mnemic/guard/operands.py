"""Where an action would go: the addresses, accounts and paths that it names.

An agent may do what a trusted memory says, and yet with an address that a stranger has slipped in. So what an action names
is looked up in the memories one by one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,12}://([^\s\"'<>)\]}|\\,;?#]{1,400})", re.I)
_HOST = re.compile(
    r"(?<![\w@./-])((?:[\w-]{1,63}\.){1,6}([a-z]{2,24}))(?![\w(-]|\.\w)(?::\d{2,5})?((?:/[\w.~%-]{1,80}){0,8})", re.I
)
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
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


@dataclass(frozen=True, slots=True)
class Operands:
    """``places`` are mail addresses, hosts with their paths, and IP addresses; ``things`` are accounts, long numbers, paths.

    In small letters, without separators where these do not count.
    """

    places: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()

    def all(self) -> frozenset[str]:
        """Both kinds."""
        return self.places | self.things

    def delicate(self) -> frozenset[str]:
        """What even reading is asked about: places, for what is asked of them tells something, and private paths."""
        return self.places | {one for one in self.things if _PRIVATE.match(one)}


def operands_in(text: str) -> Operands:
    """What ``text`` names, by its form alone. Linear; looks at the first 20,000 characters."""
    head = text[:_READ_CHARS]
    places = {match[0].rstrip(".") for match in _MAIL.finditer(head)} if "@" in head else set()
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
