"""The tables of the documentation that are read off the code: calls, parts, policies, rules, settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

import mnemic_langgraph
from mnemic import Settings
from mnemic.domain.verdict import Decision
from mnemic.guard.policy.defaults import KNOWN_RULES
from mnemic.guard.policy.explaining import explain
from mnemic.guard.policy.loading import load_policy, preset_names

_DECIDED = {
    Decision.ALLOW: "labelled", Decision.REDACT: "redacted", Decision.QUARANTINE: "held", Decision.BLOCK: "refused",
}  # fmt: skip


def calls_of(kind: type) -> str:
    """The public calls of a class, each with the first sentence of its docstring."""
    named = [(name, member) for name, member in vars(kind).items() if not name.startswith("_")]
    return _table(
        ("call", ""),
        ((_called(name, member), _first_sentence(member)) for name, member in named if _is_call(member)),
    )


def langgraph_parts(*, ending: str | tuple[str, ...]) -> str:
    """The parts of the LangGraph library whose name ends so."""
    names = sorted(name for name in mnemic_langgraph.__all__ if name.endswith(ending))
    return _table(("part", ""), ((f"`{name}`", _first_sentence(getattr(mnemic_langgraph, name))) for name in names))


def langgraph_states() -> str:
    """The states of the LangGraph library, each with the keys that it adds."""
    names = sorted(name for name in mnemic_langgraph.__all__ if name.endswith("State"))
    kinds = {name: getattr(mnemic_langgraph, name) for name in names}
    return _table(
        ("state", "", "keys"),
        ((f"`{name}`", _first_sentence(kind), _keys(kind)) for name, kind in kinds.items()),
    )


def _keys(kind: type) -> str:
    return ", ".join(f"`{name}`" for name in kind.__annotations__) or "those of the others"


def langgraph_others() -> str:
    names = ("MnemicStore", "get_memory_tools", "create_memory_agent", "create_subgoal_tools", "create_sculptor_tools")
    return _table(("part", ""), ((f"`{name}`", _first_sentence(getattr(mnemic_langgraph, name))) for name in names))


def settings_table() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.default
        if name == "home":
            shown = "the platform's data folder"
        elif default is None:
            shown = ""
        else:
            shown = f"`{'/'.join(default) if isinstance(default, tuple) else default}`"
        rows.append((f"`MNEMIC_{name.upper()}`", shown, field.description or ""))
    return _table(("variable", "default", ""), rows)


def policies_table() -> str:
    """The policies that come with mnemic, in the words of each."""
    policies = [load_policy(name) for name in preset_names()]
    return _table(("policy", ""), ((f"`{policy.name}`", policy.description) for policy in policies))


def rules_table() -> str:
    """What the rules see, and what two policies make of it: for a user's, an agent's and a stranger's text."""
    explained = {name: explain(load_policy(name)) for name in ("default", "strict")}
    by_policy = {name: {rule.id: rule for rule in found.rules} for name, found in explained.items()}
    rows = []
    for id in KNOWN_RULES:
        cells = [
            " / ".join(_DECIDED[decision] for decision in (rule.user, rule.agent, rule.untrusted))
            for rule in (by_policy[name][id] for name in explained)
        ]
        rows.append((f"`{id}`", by_policy["default"][id].sees, *cells))
    return _table(("rule", "it finds a text that …", *(f"`{name}`" for name in explained)), rows)


def _is_call(member: Any) -> bool:
    return inspect.isfunction(member) or isinstance(member, property)


def _called(name: str, member: Any) -> str:
    return f"`{name}`" if isinstance(member, property) else f"`{name}()`"


def _first_sentence(member: Any) -> str:
    text = inspect.cleandoc(member.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    sentence = re.split(r"(?<=\.)\s+(?=[A-Z`])", text, maxsplit=1)[0]
    return re.sub(r":$", ".", sentence).replace("``", "`").replace("|", "\\|")


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)
