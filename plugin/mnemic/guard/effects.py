"""What a text would do to the world, by verbs (`effect_words`).

Reading is no effect. A verb counts in a sentence, in the name of a call (``DeleteDB``, ``requests.delete``), in a shell
command, in SQL and as an HTTP method. Whether memories may authorise it is told by `authority`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mnemic.guard.effect_words import (
    BASE_FORMS,
    CALL_FORMS,
    COMMANDS,
    FORMS,
    IN_SQL,
    SUBCOMMANDS,
    TOOLS,
    VERBS,
    only_reads,
)
from mnemic.guard.screening.plain import plain

READ_CHARS = 16_000
"""How many characters of a text are looked at: what follows is not an action that anyone would follow."""

STEERING = frozenset({"ignore", "always", "never"})
"""Names that `find_effects` gives for words that steer an agent. They change nothing in the world and need no
support.
"""

_PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("delete", re.compile(r"\bget rid of\b", re.I)),
    ("disable", re.compile(
        r"\b(?:turn|switch|shut)(?:s|ed|ing)?[ ](?:it[ ]|them[ ]|the[ ]\w{1,20}[ ])?(?:off|down)\b", re.I)),
    ("grant", re.compile(r"\b(?:give|gives|gave|giving)[ ](?:\w{1,30}[ ]){0,4}(?:access|permissions?|rights)\b", re.I)),
    ("execute", re.compile(
        r"\brun(?:s|ning)?[ ](?:the[ ]|this[ ]|a[ ]|following[ ]){0,2}(?:script|command|code|binary)\b", re.I)),
    ("execute", re.compile(
        r"\|[ ]{0,4}(?:sudo[ ])?(?:(?:ba|z|k|da|fi)?sh|python[\d.]{0,5}|perl|ruby|node|php|pwsh|powershell|xargs)\b")),
    ("send", re.compile(r"\|[ ]{0,4}(?:nc|ncat|netcat|telnet|ssh|mail|sendmail)\b")),
    ("overwrite", re.compile(r"(?:^|[\s\d&])>{1,2}[ ]?(?=[~$/][\w.~/])")),
    ("overwrite", re.compile(r"\b(?:PUT)[ ](?=/|https?:)")),
    ("change", re.compile(r"\bPATCH[ ](?=/|https?:)")),
    ("send", re.compile(r"\bPOST[ ](?=/|https?:)")),
    ("ignore", re.compile(r"\bforget[ ](?:\w{1,20}[ ]){0,2}(?:previous|prior|above|everything|instructions?)\b", re.I)),
)  # fmt: skip
_AT_COMMAND = r"(?:^|[`$;&|:\n\"'])[ \t]{0,8}(?:sudo[ \t]{1,4})?"
_COMMAND = re.compile(rf"{_AT_COMMAND}({'|'.join(COMMANDS)})[ \t]{{1,4}}(?=[-\w./~$\"'])")
_TOOL = re.compile(rf"{_AT_COMMAND}({'|'.join(TOOLS)})((?:[ \t]{{1,4}}-?[\w-]{{1,30}}){{1,4}})")
_GIT_PUSH = re.compile(r"\bgit[ ]push\b")
_WORD = re.compile(r"[^\W\d_]+(?:_?(?:[^\W_]+))*|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_A-Za-z]+")
# Everything dotted before a bracket: a pattern for names alone would begin anew behind every digit of a long one.
_CALLED = re.compile(r"(?<![\w.])([\w.]++)\((?!s\)|es\))")
_NUMBER = re.compile(r"\d*")
_MOST_NAMES = 7
# A call as models and hosts write it: in JSON, in XML, after "Action:", in brackets, with a space before its arguments.
_NAMED_CALL = re.compile(
    r"[\"'](?:name|tool|tool_name|function|action|method|command)[\"']\s{0,4}:\s{0,4}[\"']([^\W\d][\w.-]{0,80})[\"']"
    r"|<(?:invoke|tool_call|function)(?:[ ]name)?=[\"']?([^\W\d][\w.-]{0,80})"
    r"|(?:^|\n)\s{0,4}Action\s?\d{0,3}\s?:\s{0,4}([^\W\d][\w.]{0,80})\s?(?=[\[({\n]|$)"
    r"|(?:^|[;\n])\s{0,4}([^\W\d][\w.]{0,80})(?:\[|\s\()"
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_FORBIDS = re.compile(
    r"\b(?:no|not|never|nobody|none|nor|without|cannot|forbidden|forbid|forbids|prohibited|prohibit|prohibits|banned|avoid|refuse"
    r"|refrain|stop|against|unless|except|illegal|disallowed)\b|n[\u2019']t\b",
    re.I,
)
_NEGATED = frozenset({"not", "never", "without", "don", "doesn", "didn", "won", "cannot", "dont", "didnt", "t"})

EFFECTS = frozenset(VERBS) - STEERING
"""The canonical names of all effects, for policies."""


def canonical(name: str) -> str | None:
    """The canonical name of an effect that a person wrote (``erase`` → ``delete``, ``pay`` → ``transfer``), else
    None.
    """
    lowered = name.strip().lower()
    return lowered if lowered in VERBS else CALL_FORMS.get(lowered)


def _parts(identifier: str) -> list[str]:
    """``DeleteDB`` and ``delete_db`` are delete, db."""
    return [part.lower() for part in _PART.findall(identifier)]


def _call_effects(name: str) -> set[str]:
    if name.startswith("sql "):
        # The words of a query are its grammar: "order by" orders nothing.
        return {effect for word, effect in IN_SQL.items() if name.startswith(f"sql {word}")}
    return {CALL_FORMS[part] for part in _parts(name) if part in CALL_FORMS}


def plain_head(text: str) -> str:
    """The head of ``text`` with look-alike letters and forms folded and invisible characters taken out."""
    return plain(text[:READ_CHARS]).text[:READ_CHARS]


def find_effects(text: str) -> frozenset[str]:
    """The canonical effects that ``text`` names, steering words among them (`STEERING`). Never raises; linear.

    A verb directly after a negation ("do not delete", "without sending") is no effect; the name of a call always is.
    Quoted text counts: ``system("rm -rf /")`` deletes. Looks at the first `READ_CHARS` characters.
    """
    head = plain_head(text)
    found: set[str] = set()
    before = ""
    for match in _WORD.finditer(head):
        word = match.group()
        lowered = word.lower()
        effect = FORMS.get(lowered)
        if effect is not None:
            if before not in _NEGATED or effect in STEERING:
                found.add(effect)
        elif lowered != word or "_" in word:
            found.update(BASE_FORMS[part] for part in _parts(word) if part in BASE_FORMS)
        before = lowered
    found.update(name for name, pattern in _PHRASES if name not in found and pattern.search(head))
    for name in _called(head):
        found |= _call_effects(name)
    return frozenset(found) | _command_effects(head)


def supported_effects(text: str) -> frozenset[str]:
    """The effects that ``text`` speaks for: those of its sentences but for those that forbid or deny something."""
    parts = [part for part in _SENTENCE.split(plain_head(text)) if not _FORBIDS.search(part)]
    return frozenset().union(*map(find_effects, parts))


def _command_effects(text: str) -> frozenset[str]:
    """What the shell commands do, in strings too."""
    found = {COMMANDS[match.group(1)] for match in _COMMAND.finditer(text)}
    for match in _TOOL.finditer(text):
        words = match.group(2).replace("-", " ").split()
        found |= {effect for word in words if (effect := SUBCOMMANDS.get(word) or CALL_FORMS.get(word))}
    return frozenset(found | {"publish"} if _GIT_PUSH.search(text) else found)


def step_effects(names: Iterable[str], text: str) -> frozenset[str]:
    """The effects of steps called ``names`` and of the shell commands in their ``text``.

    Unlike `find_effects` it does not read the words of arguments: a column called ``sent_at`` sends nothing.
    """
    return frozenset().union(*map(_call_effects, names)) | _command_effects(plain_head(text))


def calls_in(text: str) -> tuple[str, ...]:
    """The names of the calls in a text, each once: ``f(x)``, JSON and XML of a model, ``Action: f``, ``f[x]``."""
    names = _called(text)
    names += [next(filter(None, match.groups())) for match in _NAMED_CALL.finditer(text)]
    return tuple(dict.fromkeys(names))


def _called(text: str) -> list[str]:
    """What stands before an opening bracket: up to `_MOST_NAMES` names with dots between. "(s)" and "(es)" open none."""
    found = []
    for match in _CALLED.finditer(text):
        names: list[str] = []
        for part in reversed(match.group(1).split(".")[-_MOST_NAMES:]):
            name = part[_NUMBER.match(part).end() :]  # type: ignore[union-attr]  # it matches nothing, too
            if name:
                names.append(name)
            if name != part or not name:
                break
        if names:
            found.append(".".join(reversed(names)))
    return found


def call_effects(name: str) -> set[str]:
    """The effects of a call of this name."""
    return _call_effects(name.replace("-", "_"))


def unknown_calls(text: str) -> tuple[str, ...]:
    """The calls in ``text`` whose name says neither an effect nor that it only reads, in order, each once."""
    return tuple(
        name
        for name in calls_in(plain_head(text))
        if not call_effects(name) and not only_reads(_parts(name.rpartition(".")[2]))
    )
