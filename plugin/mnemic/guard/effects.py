"""What a text would do to the world, by verbs; and whether memories may authorise it.

The verbs are those of A-MemGuard's outliers and of AgentDojo's goals, by what they do and not by how an attack words
them. Reading is no effect. A verb counts in a sentence, in the name of a call (``DeleteDB``, ``requests.delete``), in
a shell command, in SQL and as an HTTP method. English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

EffectDecision = Literal["allowed", "review", "denied"]

READ_CHARS = 16_000
"""How many characters of a text are looked at: what follows is not an action that anyone would follow."""

STEERING = frozenset({"ignore", "always", "never"})
"""Names that `find_effects` gives for words that steer an agent. They change nothing in the world and need no
support.
"""

# Canonical effect: the verbs that name it anywhere, base form.
_VERBS: dict[str, str] = {
    "delete": "delete erase wipe purge destroy truncate drop remove unlink shred expunge",
    "transfer": "transfer pay wire remit withdraw purchase buy refund donate reimburse",
    "send": "send forward upload transmit leak exfiltrate dispatch",
    "share": "share invite disclose reveal expose",
    "grant": "grant authorise authorize elevate escalate whitelist allowlist delegate",
    "disable": "disable deactivate uninstall revoke suspend unsubscribe",
    "publish": "publish deploy broadcast tweet",
    "install": "install",
    "execute": "execute sudo eval exec",
    "overwrite": "overwrite replace reset reformat rename",
    "cancel": "cancel terminate abort",
    "create": "create insert register",
    "change": "change modify alter update edit",
    "reserve": "reserve",
    "ignore": "ignore disregard bypass",
}
_IRREGULAR = {
    "sent": "send", "paid": "transfer", "bought": "transfer", "overwrote": "overwrite", "overwritten": "overwrite",
    "withdrew": "transfer", "withdrawn": "transfer", "deletion": "delete", "removal": "delete", "payment": "transfer",
    "cancellation": "cancel", "installation": "install", "always": "always", "never": "never",
}  # fmt: skip
_DOUBLED = {"drop", "transfer", "cancel", "shred"}
# Words that are an effect only as a call's name, a command or a method: in a sentence they are ordinary words.
_IN_CALLS: dict[str, str] = {
    "rm": "delete", "rmdir": "delete", "del": "delete", "rmtree": "delete", "clear": "delete", "flush": "delete",
    "dd": "overwrite", "mkfs": "overwrite", "mv": "overwrite", "put": "overwrite", "write": "overwrite", "save": "overwrite",
    "patch": "change", "post": "send", "notify": "send", "reply": "send", "sendmail": "send",
    "curl": "send", "scp": "send", "rsync": "send", "submit": "send", "message": "send",
    "chmod": "grant", "chown": "grant", "usermod": "grant", "allow": "grant", "approve": "grant", "promote": "grant",
    "kill": "disable", "shutdown": "disable", "stop": "disable", "pkill": "disable", "ban": "disable", "lock": "disable",
    "run": "execute", "system": "execute", "popen": "execute", "spawn": "execute", "subprocess": "execute",
    "bash": "execute", "sh": "execute", "invoke": "execute", "release": "publish", "push": "publish", "commit": "publish",
    "add": "create", "checkout": "transfer", "charge": "transfer", "sell": "transfer",
    "trade": "transfer", "email": "send", "mail": "send", "block": "disable", "book": "reserve", "order": "reserve",
}  # fmt: skip
_IN_SQL = {
    "delete": "delete", "drop": "delete", "truncate": "delete", "insert": "create", "create": "create",
    "update": "change", "alter": "change", "grant": "grant", "revoke": "disable",
}  # fmt: skip
_READING = frozenset(
    """get list read search find fetch load filter select query lookup look view show describe count sum avg mean max
    min calculate calc compute compare check verify validate convert parse format print len sort group join head tail
    exists info status help open close finish answer think respond sql interpreter db python int str float round range
    date now time weather browse summarize summarise extract translate retrieve inspect scan explain login authenticate
    value distinct limit between like in and or not case when coalesce from where if for while return assert isinstance
    dict set
    tuple zip map any all abs enumerate sorted datetime strftime""".split()
)

_PHRASES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("delete", re.compile(r"\bget rid of\b", re.I)),
    ("disable", re.compile(
        r"\b(?:turn|switch|shut)(?:s|ed|ing)?[ ](?:it[ ]|them[ ]|the[ ]\w{1,20}[ ])?(?:off|down)\b", re.I)),
    ("grant", re.compile(r"\b(?:give|gives|gave|giving)[ ](?:\w{1,30}[ ]){0,4}(?:access|permissions?|rights)\b", re.I)),
    ("execute", re.compile(
        r"\brun(?:s|ning)?[ ](?:the[ ]|this[ ]|a[ ]|following[ ]){0,2}(?:script|command|code|binary)\b", re.I)),
    ("execute", re.compile(r"\|[ ]{0,4}(?:sudo[ ])?(?:ba|z)?sh\b")),
    ("overwrite", re.compile(r"\b(?:PUT)[ ](?=/|https?:)")),
    ("change", re.compile(r"\bPATCH[ ](?=/|https?:)")),
    ("send", re.compile(r"\bPOST[ ](?=/|https?:)")),
    ("ignore", re.compile(r"\bforget[ ](?:\w{1,20}[ ]){0,2}(?:previous|prior|above|everything|instructions?)\b", re.I)),
)  # fmt: skip
_COMMAND = re.compile(
    r"(?:^|[`$;&|\n\"'])[ \t]{0,8}(?:sudo[ \t]{1,4})?"
    r"(rm|rmdir|dd|mkfs|mv|curl|scp|rsync|chmod|chown|usermod|pkill|kill|shutdown"
    r"|bash|sh)[ \t]{1,4}(?=[-\w./~$\"'])"
)
_GIT_PUSH = re.compile(r"\bgit[ ]push\b")
_WORD = re.compile(r"[^\W\d_]+(?:_?(?:[^\W_]+))*|\d+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W_A-Za-z]+")
_CALL = re.compile(r"\b((?:[A-Za-z_]\w{0,60}\.){0,4}[A-Za-z_]\w{0,60})\((?!s\)|es\))")
_FIRST_WORD = re.compile(
    r"(?:^|[.;!?]\s|\n)[\s\"'*-]{0,8}(?:(?:please|kindly|then|and|now|also|to|(?:can|could|would|will) you)[ ,]{1,3}){0,3}"
    r"([a-z]{1,40})\b",
    re.I,
)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_FORBIDS = re.compile(
    r"\b(?:no|not|never|nobody|none|nor|without|cannot|forbidden|forbid|forbids|prohibited|prohibit|prohibits|banned|avoid|refuse"
    r"|refrain|stop|against|unless|except|illegal|disallowed)\b|n[\u2019']t\b",
    re.I,
)
_NEGATED = frozenset({"not", "never", "without", "don", "doesn", "didn", "won", "cannot", "dont", "didnt", "t"})


def _inflections(verb: str) -> list[str]:
    """The regular forms of an English verb."""
    if verb.endswith("e"):
        return [verb, verb + "s", verb + "d", verb[:-1] + "ing"]
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return [verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"]
    stems = [verb, verb + verb[-1]] if verb in _DOUBLED else [verb]
    ending = "es" if verb.endswith(("s", "x", "ch", "sh")) else "s"
    return [verb, verb + ending, *(stem + suffix for stem in stems for suffix in ("ed", "ing"))]


_FORMS: dict[str, str] = {
    **{form: name for name, verbs in _VERBS.items() for verb in verbs.split() for form in _inflections(verb)},
    **_IRREGULAR,
}
_BASE_FORMS = {verb: name for name, verbs in _VERBS.items() for verb in verbs.split()}
_CALL_FORMS = {**_IN_CALLS, **_FORMS}

EFFECTS = frozenset(_VERBS) - STEERING
"""The canonical names of all effects, for policies."""


def canonical(name: str) -> str | None:
    """The canonical name of an effect that a person wrote (``erase`` → ``delete``, ``pay`` → ``transfer``), else
    None.
    """
    lowered = name.strip().lower()
    return lowered if lowered in _VERBS else _CALL_FORMS.get(lowered)


def _parts(identifier: str) -> list[str]:
    """``DeleteDB`` and ``delete_db`` are delete, db."""
    return [part.lower() for part in _PART.findall(identifier)]


def _call_effects(name: str) -> set[str]:
    if name.startswith("sql "):
        # The words of a query are its grammar: "order by" orders nothing.
        return {effect for word, effect in _IN_SQL.items() if name.startswith(f"sql {word}")}
    return {_CALL_FORMS[part] for part in _parts(name) if part in _CALL_FORMS}


def _plain(text: str) -> str:
    """The head of ``text`` with look-alike forms folded (full-width letters) and invisible characters taken out."""
    head = text[:READ_CHARS]
    if head.isascii():
        return head
    folded = unicodedata.normalize("NFKC", head)[:READ_CHARS]
    return "".join(char for char in folded if unicodedata.category(char) != "Cf")


def find_effects(text: str) -> frozenset[str]:
    """The canonical effects that ``text`` names, steering words among them (`STEERING`). Never raises; linear.

    A verb directly after a negation ("do not delete", "without sending") is no effect; the name of a call always is.
    Quoted text counts: ``system("rm -rf /")`` deletes. Looks at the first `READ_CHARS` characters.
    """
    head = _plain(text)
    found: set[str] = set()
    before = ""
    for match in _WORD.finditer(head):
        word = match.group()
        lowered = word.lower()
        effect = _FORMS.get(lowered)
        if effect is not None:
            if before not in _NEGATED or effect in STEERING:
                found.add(effect)
        elif lowered != word or "_" in word:
            found.update(_BASE_FORMS[part] for part in _parts(word) if part in _BASE_FORMS)
        before = lowered
    found.update(name for name, pattern in _PHRASES if name not in found and pattern.search(head))
    for match in _CALL.finditer(head):
        found |= _call_effects(match.group(1))
    return frozenset(found) | _command_effects(head)


def supported_effects(text: str) -> frozenset[str]:
    """The effects that ``text`` speaks for: those of its sentences but for those that forbid or deny something."""
    parts = [part for part in _SENTENCE.split(_plain(text)) if not _FORBIDS.search(part)]
    return frozenset().union(*map(find_effects, parts))


def _command_effects(text: str) -> frozenset[str]:
    """What the shell commands do, in strings too."""
    found = {_IN_CALLS[match.group(1)] for match in _COMMAND.finditer(text)}
    return frozenset(found | {"publish"} if _GIT_PUSH.search(text) else found)


def step_effects(names: Iterable[str], text: str) -> frozenset[str]:
    """The effects of steps called ``names`` and of the shell commands in their ``text``.

    Unlike `find_effects` it does not read the words of arguments: a column called ``sent_at`` sends nothing.
    """
    return frozenset().union(*map(_call_effects, names)) | _command_effects(_plain(text))


def unknown_calls(text: str) -> tuple[str, ...]:
    """The calls in ``text`` whose name says neither an effect nor that it only reads, in order, each once."""
    names = dict.fromkeys(match.group(1) for match in _CALL.finditer(_plain(text)))
    return tuple(name for name in names if not _call_effects(name) and _READING.isdisjoint(_parts(name)))


def _commands_in_words(action: str) -> list[str]:
    """The first words of the sentences of an action that is told in words: ``Email the report`` commands to email."""
    head = _plain(action)
    return [
        match[1].lower() for match in _FIRST_WORD.finditer(head) if not head.startswith(("(", ".", "_"), match.end())
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """A memory that was in the context when an action was proposed.

    ``origin_key`` names its independent origin: two memories with one key are one witness. ``effects`` are those that
    the memory itself names, by `find_effects`.
    """

    memory: str
    trusted: bool
    origin_key: str
    effects: frozenset[str] = frozenset()
    contested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRules:
    """What a policy says about effects. ``deny``: nobody may. ``review``: a quorum of trusted origins, or a person.

    All others need one trusted memory that names the effect. ``quorum_origins`` ≥ 1.
    """

    deny: frozenset[str] = frozenset()
    review: frozenset[str] = frozenset({"delete", "transfer", "grant", "disable"})
    quorum_origins: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectVerdict:
    """Whether an action may go ahead: ``denied`` > ``review`` (ask a person) > ``allowed``. ``reasons`` repeat no
    payload.
    """

    decision: EffectDecision
    effects: frozenset[str] = frozenset()
    reasons: tuple[str, ...] = field(default=())


_SEVERITY: dict[EffectDecision, int] = {"allowed": 0, "review": 1, "denied": 2}


def authorise(action: str, supports: Sequence[Support], rules: EffectRules, *, by_user: bool = False) -> EffectVerdict:
    """Whether ``action`` may be done on the strength of ``supports``; ``by_user``: a person asked for it or confirmed
    it.

    An untrusted or contested memory supports nothing. An effect that no trusted memory names is denied; one that is to
    be reviewed and has fewer trusted origins than the quorum waits for a person; what ``rules`` deny stays denied even
    then. A call about which nothing is known waits for a person, and so does a sentence with an unknown command when
    nothing but untrusted or contested memories speak for it. An action without an effect is allowed.
    """
    unknown = () if by_user else unknown_calls(action)
    commands = _commands_in_words(action)
    effects = find_effects(action) | {_CALL_FORMS[word] for word in commands if word in _CALL_FORMS}
    verdict = authorise_effects(effects, supports, rules, by_user=by_user)
    strange = [word for word in commands if word not in _CALL_FORMS and word not in _READING]
    doubtful = bool(supports) and not any(one.trusted and not one.contested for one in supports)
    if unknown:
        reason = f"nothing is known about what {len(unknown)} call(s) of the action do"
    elif strange and doubtful and not by_user:
        reason = "nothing is known about what it does, and no trusted memory speaks for it"
    else:
        return verdict
    decision: EffectDecision = "denied" if verdict.decision == "denied" else "review"
    return EffectVerdict(decision=decision, effects=verdict.effects, reasons=(*verdict.reasons, reason))


def authorise_effects(
    effects: frozenset[str], supports: Sequence[Support], rules: EffectRules, *, by_user: bool = False
) -> EffectVerdict:
    """As `authorise`, for an action whose effects are known, such as those of a path."""
    wanted = effects - STEERING
    judged = [_judge(effect, supports, rules, by_user=by_user) for effect in sorted(wanted)]
    decisions: list[EffectDecision] = ["allowed", *(decision for decision, _ in judged)]
    worst = max(decisions, key=_SEVERITY.__getitem__)
    return EffectVerdict(decision=worst, effects=wanted, reasons=tuple(reason for _, reason in judged))


def _judge(
    effect: str, supports: Iterable[Support], rules: EffectRules, *, by_user: bool
) -> tuple[EffectDecision, str]:
    if effect in rules.deny:
        return "denied", f"{effect}: the policy denies it"
    if by_user:
        return "allowed", f"{effect}: asked for by a person"
    origins = {s.origin_key for s in supports if s.trusted and not s.contested and effect in s.effects}
    if not origins:
        return "denied", f"{effect}: no trusted memory names it"
    if effect in rules.review and len(origins) < rules.quorum_origins:
        return "review", f"{effect}: {len(origins)} trusted origin(s), {rules.quorum_origins} needed"
    return "allowed", f"{effect}: named by {len(origins)} trusted origin(s)"
