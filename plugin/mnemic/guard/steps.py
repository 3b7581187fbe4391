"""Finds the steps of an action path in a text: calls, actions, tool calls, commands, SQL, HTTP, imperative lists.

Every pattern has bounded repetitions and no nesting, and every finder passes over the text once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mnemic.guard.effects import READ_CHARS
from mnemic.guard.screening.plain import holds_any

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Argument:
    """``role`` is how it relates to its step (``takes``, ``from``, ``where``, ``on``), ``type`` what kind of value it
    is.
    """

    role: str
    value: str
    type: str


@dataclass(frozen=True, slots=True)
class PathStep:
    """``name`` as it is written, ``kind`` the name that two plans share: without a receiver, in SQL the operator."""

    span: Span
    name: str
    kind: str
    arguments: tuple[Argument, ...] = ()


def find_steps(text: str) -> list[PathStep]:
    """The steps that ``text`` describes, in the order in which they stand. Empty for facts and prose."""
    head = text[:READ_CHARS]
    statements = list(_statements(head))
    calls = [step for step in _calls(head) if not any(start <= step.span[0] < end for start, end in statements)]
    operators = [step for span in statements for step in _operators(head, span)]
    steps = [*operators, *calls, *_named_actions(head), *_tool_calls(head), *_http(head), *_commands(head)]
    steps.extend(_imperatives(head, alone=not steps))
    if not steps:
        return []
    steps.extend(_assignments(head))
    return sorted(steps, key=lambda step: (step.span[0], -step.span[1], step.kind))


# --- types of values ---

_TYPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.I))
    for name, pattern in (
        ("number", r"[-+]?\$?\d[\d,.]*%?\Z"),
        ("bool", r"(?:true|false|none|null)\Z"),
        ("url", r"(?:https?|ftp)://|www\.|(?:[\w-]{1,63}\.){1,4}(?:com|org|net|io|dev|gov|edu|info|xyz|ru|cn|co)\b"),
        ("email", r"[\w.+-]{1,64}@[\w.-]{1,100}\Z"),
        ("date", r"\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{2,4}\Z"),
        (
            "path",
            r"(?:~|\.{1,2}|[a-z]:)?[/\\]\S|[\w-]{1,60}\.(?:txt|csv|json|ya?ml|py|sh|pdf|md|log|xlsx?|docx?|db|png|jpe?g)\Z",
        ),
        ("id", r"(?=\S{0,60}\d)[a-z0-9]{1,40}(?:[-_#:][a-z0-9]{1,40}){0,8}\Z|#\w"),
        ("condition", r"[^=<>]{1,80}(?:[<>]=?|!=|={1,2})"),
    )
)
_TABLE_CALL = re.compile(r"db|table|database|dataset|collection|schema", re.I)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{0,60}\Z")


def value_type(value: str, *, quoted: bool = False, call: str = "") -> str:
    """The type of an argument: number, bool, url, email, date, path, id, condition, table, string, list, object or
    name.
    """
    shown = value.strip()
    if shown[:1] in "[(":
        return "list"
    if shown[:1] == "{":
        return "object"
    if quoted and _IDENTIFIER.match(shown) and _TABLE_CALL.search(call):
        return "table"
    for name, pattern in _TYPES:
        if pattern.match(shown):
            return name
    return "string" if quoted or " " in shown else "name"


# --- calls ---

_TOKEN = re.compile(
    r"(?P<call>(?:[A-Za-z_]\w{0,60}\.){0,4}[A-Za-z_]\w{0,60})\((?!e?s\))|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<text>(?<!\w)'(?:[^'\\\n]{1,600}+|\\.){0,24}+'|\"(?:[^\"\\\n]{1,600}+|\\.){0,24}+\")"
    r"|(?P<value>[A-Za-z_][\w.]{0,80}(?![\w.(])|[-+]?\d[\w.,-]{0,40}(?<!,))|(?P<line>\n[ \t]*\n)"
)
_NO_CALLS = frozenset("if for while and or not in return print elif with lambda except".split())


def _calls(text: str) -> Iterator[PathStep]:
    """Calls as programs write them, with the types of their arguments. One pass with a stack of open brackets."""
    if "(" not in text:
        return
    stack: list[tuple[str, int, list[Argument]] | None] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "call":
            name = token["call"]
            stack.append(None if name.lower() in _NO_CALLS else (name, token.start(), []))
        elif kind == "open":
            stack.append(None)
        elif kind == "line":
            stack.clear()
        elif kind == "close":
            if stack and (closed := stack.pop()) is not None:
                name, start, arguments = closed
                yield PathStep((start, token.end()), name, name.rpartition(".")[2], tuple(dict.fromkeys(arguments)))
        elif stack and (opened := stack[-1]) is not None and len(opened[2]) < 12:
            if kind == "text":
                value = token.group()[1:-1]
                found = "sql" if _STATEMENT.match(value) else value_type(value, quoted=True, call=opened[0])
                opened[2].append(Argument("takes", value, found))
            elif text[token.end() : token.end() + 1] != "=":
                opened[2].append(Argument("takes", token.group(), value_type(token.group())))


# --- agent logs, JSON, HTTP ---

_ACTION = re.compile(
    r"^[ \t]{0,20}(?:action|act)[ \t]{0,4}\d{0,3}[ \t]{0,4}:[ \t]{0,4}([A-Za-z_][\w.]{0,60})(?:\[([^\]\n]{0,300})\])?",
    re.I | re.M,
)
_TOOL = re.compile(
    r"\"(?:name|tool|tool_name|function|action)\"\s{0,20}:\s{0,20}\"([\w.\-]{1,80})\"\s{0,20},\s{0,20}"
    r"\"(?:arguments|args|parameters|params|input|action_input|tool_input)\"\s{0,20}:\s{0,20}\"?\{([^{}]{0,600})"
)
_MEMBER = re.compile(r"\\?\"(\w{1,40})\\?\"\s{0,10}:\s{0,10}(\\?\"[^\"\n]{0,200}\"?|[^\s,\"]{1,60})")
_REQUEST = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE|HEAD)[ ]{1,4}(https?://[^\s\"'`)]{1,300}|/[^\s\"'`)]{0,300})")


def _named_actions(text: str) -> Iterator[PathStep]:
    for match in _ACTION.finditer(text) if ":" in text else ():
        name, inner = match[1], match[2]
        arguments = () if inner is None else (Argument("takes", inner, value_type(inner, quoted=True, call=name)),)
        if text[match.end() : match.end() + 1] != "(":  # otherwise it is a call, which is found as one
            yield PathStep(match.span(), name, name, arguments)


def _tool_calls(text: str) -> Iterator[PathStep]:
    for match in _TOOL.finditer(text) if '"' in text else ():
        members = [(member[1], member[2].strip('\\"'), member[2]) for member in _MEMBER.finditer(match[2])][:12]
        arguments = tuple(
            Argument("takes", value, value_type(value, quoted='"' in raw, call=match[1])) for _, value, raw in members
        )
        yield PathStep(match.span(), match[1], match[1].rpartition(".")[2], tuple(dict.fromkeys(arguments)))


def _http(text: str) -> Iterator[PathStep]:
    for match in _REQUEST.finditer(text) if "/" in text else ():
        yield PathStep(match.span(), match[1], match[1], (Argument("on", match[2], value_type(match[2])),))


# --- shell ---

_SUBCOMMANDS = frozenset(
    "git pip pip3 npm docker kubectl systemctl apt apt-get brew sudo aws gcloud cargo uv conda".split()
)
_PROGRAMS = _SUBCOMMANDS | frozenset(
    """rm cp mv curl wget ssh scp chmod chown cat ls grep sed awk find echo python python3 bash sh dd mkfs kill pkill
    tar unzip
    psql mysql sqlite3 mkdir rmdir touch ln head tail less export source crontab rsync nc node make go java""".split()
)
_LINE = re.compile(
    r"(?:^|(?<=&&)|(?<=[;|`]))[ \t]{0,20}(?:[$>#][ ])?([a-z][\w-]{0,20})((?:[ \t]{1,4}[^\s|;&`]{1,200}){1,12})", re.M
)


def _commands(text: str) -> Iterator[PathStep]:
    # Without any of these only the beginning of the text can be one.
    several = holds_any(text, ("\n", "&&", ";", "|", "`"))
    for match in _LINE.finditer(text) if several else filter(None, [_LINE.match(text)]):
        program = match[1]
        if program not in _PROGRAMS:
            continue
        words = match[2].split()
        if program in _SUBCOMMANDS:
            if not re.match(r"[a-z-]{2,20}\Z", words[0]):
                continue
            name = f"{program} {words[0]}"
            words = words[1:]
        elif re.search(r"[-/.~$*\"'\d]", words[0]):
            name = program
        else:
            continue  # a sentence that begins with "find" or "make"
        arguments = [
            Argument("with", word, word if word.startswith("-") and len(word) < 20 else value_type(word))
            for word in words
        ]
        yield PathStep(match.span(), name, name, tuple(dict.fromkeys(arguments)))


# --- SQL ---

_PROSE = r"(?!(?:the|your|an|this|these|that|those|our|my|its|their|his|her|any|one|some)\s|a\s(?!from))"
_STATEMENT = re.compile(  # "select a colour from the list" is a sentence
    rf"\s{{0,10}}(?:select\s{_PROSE}(?=[^;]{{1,600}}\sfrom\s{_PROSE})|insert\s{{1,4}}into\s{_PROSE}|delete\s{{1,4}}from\s{_PROSE}"
    r"|update\s{1,4}[\w.\"`]{1,60}\s{1,4}set\s{1,4}[\w.\"`]{1,60}\s{0,4}=|(?:drop|create|alter)\s{1,4}(?:table|database|view|index|schema)\s"
    r"|truncate\s{1,4}(?:table\s)?\w)", re.I
)  # fmt: skip
_SQL_WORDS = ("select", "insert", "update", "delete", "drop", "create", "alter", "truncate")
_SQL_START = re.compile(r"\b(?=(?:select|insert|update|delete|drop|create|alter|truncate)\s)", re.I)
_SQL_END = re.compile(r";|\"\"\"|\"\)|\n[ \t]*\n|\n(?=[A-Z][a-z]{1,20}:)|```|\Z")
_OPERATOR = re.compile(
    r"\b(select|distinct|count|sum|avg|min|max|from|join|where|group by|order by|having|limit|between|like|union|exists|in"
    r"|insert into|update|set|delete from|drop table|drop database|truncate table|truncate|alter table|create table|values"
    r"|case|not|desc)\b(?:(?=\s{1,10}([\w.\"`]{1,60}))|)|([<>]=?|!=|=)\s{0,4}('[^'\n]{0,100}'|[\w.-]{1,60})?", re.I
)  # fmt: skip
_ON_A_TABLE = frozenset(
    "from,join,insert into,update,delete from,drop table,truncate table,truncate,alter table,create table".split(",")
)


def _statements(text: str) -> Iterator[Span]:
    """Where SQL statements stand, at most 16, ascending and without overlap."""
    done = found = 0
    # Outside ASCII there are other letters that count as one of these in small.
    if text.isascii() and not holds_any(text.lower(), _SQL_WORDS):
        return
    for match in _SQL_START.finditer(text):
        if match.start() < done or not _STATEMENT.match(text, match.start()):
            continue
        end = _SQL_END.search(text, match.start(), match.start() + 2_000)
        done = end.start() if end else match.start() + 2_000
        yield match.start(), done
        found += 1
        if found == 16:
            return


def _operators(text: str, statement: Span) -> Iterator[PathStep]:
    """The operators of a SQL statement as steps; tables and compared values are their arguments."""
    for operator in _OPERATOR.finditer(text, *statement):
        word = re.sub(r"\s+", " ", operator[1].lower()) if operator[1] else "compare"
        kind = f"sql {word}"
        arguments: tuple[Argument, ...] = ()
        if word in _ON_A_TABLE and operator[2]:
            arguments = (Argument("on", operator[2].strip('"`'), "table"),)
        elif operator[4]:
            arguments = (Argument("takes", operator[4], value_type(operator[4].strip("'"), quoted="'" in operator[4])),)
        yield PathStep(operator.span(), kind, kind, arguments)


# --- procedures in words ---

_ITEM = re.compile(
    r"^[ \t]{0,20}(?:\d{1,2}[.)]|[-*•]|step[ ]\d{1,2}[.:)])[ \t]{1,8}([A-Za-z]{2,20})\b([^\n]{0,200})", re.I | re.M
)
_ACTION_VERBS = frozenset(
    """open close read write send forward delete remove erase drop create add update check verify call run execute
    install download upload copy move rename search find look query filter select sort load fetch get list retrieve
    save store click type enter submit log login navigate visit go follow ask confirm cancel book reserve order buy pay
    transfer share invite grant revoke enable disable start stop restart deploy publish build test use set configure
    change replace parse extract compute calculate compare count summarize summarise translate convert validate approve
    reject schedule email reply notify turn press take put pick place heat cool clean examine wipe purge ignore skip
    wait return collect gather identify apply
    provide include avoid ensure make review merge export import connect disconnect mount unmount print
    obtain""".split()
)
_OBJECT = re.compile(r"\"[^\"]{1,100}\"|'[^']{1,100}'|`[^`]{1,100}`|[^\s,;]+")
_SKIPPED = frozenset(
    "the a an your my our their its this that these those all any each every to for of in on at with from up".split()
)


def _imperatives(text: str, *, alone: bool) -> Iterator[PathStep]:
    """Verb and object of the items of a list that begin with a verb; ``alone``: two of them at least, or none."""
    found = []
    for match in _ITEM.finditer(text) if "\n" in text else filter(None, [_ITEM.match(text)]):
        verb = match[1].lower()
        if verb not in _ACTION_VERBS or "(" in match[2][:1]:
            continue
        words = [word for word in _OBJECT.findall(match[2])[:8] if word.lower() not in _SKIPPED]
        arguments: tuple[Argument, ...] = ()
        if words:
            value = words[0].strip("\"'`.:()")
            kind = value_type(value, quoted=words[0][0] in "\"'`")
            arguments = (Argument("object", value, value.lower() if kind == "name" else kind),)
        found.append(PathStep(match.span(), verb, verb, arguments))
    if not alone or len(found) >= 2:
        yield from found


_ASSIGNED = re.compile(
    r"^[ \t]{0,20}([A-Za-z_][\w.]{0,60})[ ]{0,2}=[ ]{0,2}"
    r"(\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'|[-+]?\d[\d.]{0,20}|true|false)[ \t]{0,20}$",
    re.I | re.M,
)


def _assignments(text: str) -> Iterator[PathStep]:
    """``name = literal`` on a line of its own."""
    for match in _ASSIGNED.finditer(text):
        value = match[2].strip("\"'")
        kind = value_type(value, quoted=match[2][0] in "\"'")
        yield PathStep(match.span(), f"let {match[1]}", "let", (Argument("to", value, kind),))
