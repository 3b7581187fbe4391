"""The words by which an effect is told: verbs in sentences, names of calls, commands of a shell, and what only reads.

The verbs are those of A-MemGuard's outliers and of AgentDojo's goals, by what they do and not by how an attack words
them. English.
"""

from __future__ import annotations

from collections.abc import Sequence

from mnemic.guard.screening.verbs import MIXED, SURE

# Canonical effect: the verbs that name it anywhere, base form.
VERBS: dict[str, str] = {
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
IRREGULAR = {
    "sent": "send", "paid": "transfer", "bought": "transfer", "overwrote": "overwrite", "overwritten": "overwrite",
    "withdrew": "transfer", "withdrawn": "transfer", "deletion": "delete", "removal": "delete", "payment": "transfer",
    "cancellation": "cancel", "installation": "install", "always": "always", "never": "never",
}  # fmt: skip
_DOUBLED = {"drop", "transfer", "cancel", "shred"}
# Words that are an effect only as a call's name, a command or a method: in a sentence they are ordinary words.
IN_CALLS: dict[str, str] = {
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
IN_SQL = {
    "delete": "delete", "drop": "delete", "truncate": "delete", "insert": "create", "create": "create",
    "update": "change", "alter": "change", "grant": "grant", "revoke": "disable",
}  # fmt: skip
# Commands of a shell that are no ordinary words, and those of them that say in the words behind them what they do.
COMMANDS: dict[str, str] = {
    **{name: IN_CALLS[name] for name in """rm rmdir dd mkfs mv curl scp rsync chmod chown usermod pkill kill shutdown bash
    sh""".split()},
    "wget": "send", "nc": "send", "ncat": "send", "netcat": "send", "telnet": "send", "ssh": "send", "sftp": "send",
    "tee": "overwrite", "sed -i": "overwrite", "useradd": "grant", "adduser": "grant", "passwd": "grant", "visudo": "grant",
    "crontab": "change", "iptables": "change", "nft": "change", "ufw": "change", "sysctl": "change", "reboot": "disable",
    "poweroff": "disable", "zsh": "execute", "pwsh": "execute", "powershell": "execute", "npx": "execute",
    "python -c": "execute", "python3 -c": "execute", "perl -e": "execute", "ruby -e": "execute", "node -e": "execute",
}  # fmt: skip
TOOLS = tuple(
    """systemctl service kubectl helm terraform docker podman aws gcloud az gh git npm pnpm yarn bun pip pip3 pipx uv poetry
    conda cargo gem apt apt-get dnf yum apk brew snap choco winget composer""".split()
)
SUBCOMMANDS: dict[str, str] = {
    **dict.fromkeys("i ci pull get require".split(), "install"),
    **dict.fromkeys("apply scale drain upgrade rollback restart start enable config remote set".split(), "change"),
    "mask": "disable", "clean": "delete", "rmi": "delete", "prune": "delete", "run": "execute",
}  # fmt: skip

READING = frozenset(
    """get list read search find fetch load filter select query lookup look view show describe count sum avg mean max
    min calculate calc compute compare check verify validate convert parse format print len sort group join head tail
    exists think answer respond browse summarize summarise extract translate retrieve inspect scan explain""".split()
)
"""Verbs that only read: as the first word of a sentence, and as the first or the last part of a call's name."""
_READING_NOUNS = frozenset("info status help date now time weather sql python int str float round range db".split())
_TOLD_OF = frozenset("info status help date time weather".split())
READING_COMMANDS = frozenset("ls pwd wc du df grep rg cat less stat diff whoami which".split())
"""Commands of a shell that only read."""
# A call of this name alone reads; with another word it may not: `open(path)`, but `open_account`; `set()`, but `set_payee`.
_ALONE = frozenset(
    """open close finish login authenticate interpreter value distinct limit between like in and or not case when
    coalesce from where if for while return assert isinstance dict set tuple zip map any all abs enumerate sorted
    datetime strftime sql python db int str float round range date now time""".split()
)
_OPENED = frozenset("url file page link web browser document doc".split())


def only_reads(parts: Sequence[str]) -> bool:
    """Whether a call whose name is made of these words (``load_db``: load, db) is known to change nothing."""
    if not parts:
        return False
    first, last = parts[0], parts[-1]
    if all(part in READING or part in _READING_NOUNS or part in _ALONE for part in parts):
        return len(parts) == 1 or not (first in _ALONE and first not in _READING_NOUNS)
    if first in READING or first in _READING_NOUNS:
        return True
    if first == "open":
        return last in _OPENED
    # A noun that tells of something at the end of a name, unless the name begins with a verb: `user_info`, not `set_status`.
    return (last in READING or last in _TOLD_OF) and first not in SURE and first not in MIXED


def _inflections(verb: str) -> list[str]:
    """The regular forms of an English verb."""
    if verb.endswith("e"):
        return [verb, verb + "s", verb + "d", verb[:-1] + "ing"]
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return [verb, verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"]
    stems = [verb, verb + verb[-1]] if verb in _DOUBLED else [verb]
    ending = "es" if verb.endswith(("s", "x", "ch", "sh")) else "s"
    return [verb, verb + ending, *(stem + suffix for stem in stems for suffix in ("ed", "ing"))]


FORMS: dict[str, str] = {
    **{form: name for name, verbs in VERBS.items() for verb in verbs.split() for form in _inflections(verb)},
    **IRREGULAR,
}
BASE_FORMS = {verb: name for name, verbs in VERBS.items() for verb in verbs.split()}
CALL_FORMS = {**IN_CALLS, **FORMS}
