"""From YAML to a policy, or to a list of everything that is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import mnemic_policies
from mnemic.domain.verdict import Decision
from mnemic.errors import PolicyError, PolicyProblem
from mnemic.guard.policy.complaints import complaint, problem_of
from mnemic.guard.policy.defaults import KNOWN_RULES, Family
from mnemic.guard.policy.field_lookup import is_container
from mnemic.guard.policy.matching import PatternError, compile_pattern
from mnemic.guard.policy.model import Policy
from mnemic.guard.policy.own_rules import MAX_PATTERN_CHARS, WriteRule
from mnemic.guard.policy.yaml_places import MAX_BYTES, Document, read_yaml

MAX_PROBLEMS = 100


def preset_names() -> tuple[str, ...]:
    """The policies that come with mnemic."""
    return mnemic_policies.names()


def load_policy(source: Path | str, *, known_rules: Collection[str] = KNOWN_RULES.keys()) -> Policy:
    """The policy in a file, or the one of that name that comes with mnemic.

    A string that is no such name is taken as a path. ``known_rules`` are the ids that ``write.rules`` may name. Raises
    PolicyError with every problem, and nothing else.
    """
    return parse_policy(read_source(source), source=str(source), known_rules=known_rules)


def read_source(source: Path | str) -> bytes:
    """The bytes of a policy's file, at most so many that `parse_policy` sees when there are too many."""
    if isinstance(source, str) and source in preset_names():
        return mnemic_policies.read(source)
    path = Path(source)
    try:
        if path.is_file():
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)
        reason = "it is no file" if path.exists() else "there is no such file or policy"
    except (OSError, ValueError) as error:
        reason = str(error)
    close = difflib.get_close_matches(str(source)[:64], preset_names(), n=1)
    raise PolicyError(
        f"The policy {str(source)!r} cannot be read: {reason}.",
        hint=(f"Did you mean {close[0]!r}? " if close else "") + f"There are: {', '.join(preset_names())}.",
    )


def parse_policy(
    data: bytes | str, *, source: str = "policy", known_rules: Collection[str] = KNOWN_RULES.keys()
) -> Policy:
    """The policy that a text says. Raises PolicyError with every problem, and nothing else."""
    document = read_yaml(data)
    if not document.complete:
        # What was read of it says nothing about the rest.
        raise _error(source, document.problems)
    if document.value is None and not document.problems:
        document.note("a policy needs at least a name, and here is nothing", (), (1, 1))
    elif document.value is not None and not isinstance(document.value, dict):
        document.note("a policy is a mapping, such as `name: team`", (), document.place_of((), value=True))
    policy = None
    if isinstance(document.value, dict):
        said = _without_empty_parts(document.value, ())
        whole = _extended(said, document)
        _check_rule_ids(said, document, known_rules)
        _check_patterns(said, document)
        policy = _validated(whole, document)
        if policy is not None:
            _check_redactions(said, policy, document)
    if policy is None or document.problems:
        raise _error(source, document.problems)
    return policy


def _error(source: str, problems: list[PolicyProblem]) -> PolicyError:
    ordered = sorted(problems, key=lambda problem: (problem.line, problem.column))
    first = ordered[0]
    where = f" (line {first.line})" if first.line else ""
    about = f"{first.path}: " if first.path else ""
    more = f", and {len(ordered) - 1} more" if len(ordered) > 1 else ""
    return PolicyError(
        f"The policy {source!r} cannot be used: {about}{first.message}{where}{more}.",
        hint="`mnemic policy check` shows every problem with its place.",
        problems=ordered[:MAX_PROBLEMS],
    )


def _without_empty_parts(value: Any, path: tuple[str | int, ...]) -> Any:
    """Without the parts and lists of which only the name is there, as when all under it is commented out."""
    if isinstance(value, dict):
        return {
            key: _without_empty_parts(item, (*path, key))
            for key, item in value.items()
            if item is not None or not is_container((*path, key))
        }
    if isinstance(value, list):
        return [_without_empty_parts(item, (*path, index)) for index, item in enumerate(value)]
    return value


_EFFECT_LISTS = ("deny", "review", "allow")


def _extended(said: dict[str, Any], document: Document) -> dict[str, Any]:
    """With what the policy that it extends says: parts are merged, lists and values replaced."""
    own = {key: value for key, value in said.items() if key != "extends"}
    if "extends" not in said:
        return own
    base = said["extends"]
    if not isinstance(base, str) or base not in preset_names():
        document.note(
            complaint("is no policy that can be extended", base, preset_names()), ("extends",),
            document.place_of(("extends",), value=True),
        )  # fmt: skip
        return own
    inherited = load_policy(base).model_dump(mode="json", by_alias=True, exclude={"name", "description"})
    _take_from_inherited_effects(inherited, own)
    return _merged(inherited, own)


def _take_from_inherited_effects(inherited: dict[str, Any], own: Mapping[str, Any]) -> None:
    """An effect stands in one list: one that ``own`` puts into another than it inherits leaves that one."""
    recall = own.get("recall")
    said = recall.get("effects") if isinstance(recall, Mapping) else None
    lists = [said.get(name) for name in _EFFECT_LISTS] if isinstance(said, Mapping) else []
    moved = [verb for verbs in lists if isinstance(verbs, list) for verb in verbs]
    effects = inherited["recall"]["effects"]
    for name in _EFFECT_LISTS:
        effects[name] = [verb for verb in effects[name] if verb not in moved]


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in own.items():
        inherited = merged.get(key)
        both = isinstance(value, dict) and isinstance(inherited, dict)
        merged[key] = _merged(inherited, value) if both and inherited is not None else value
    return merged


def _validated(whole: dict[str, Any], document: Document) -> Policy | None:
    try:
        return Policy.model_validate(whole)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # A decision for all classes fails once for each of them.
        document.problems += dict.fromkeys(problem_of(one, document) for one in found[:MAX_PROBLEMS])
        return None


def _check_rule_ids(said: dict[str, Any], document: Document, known_rules: Collection[str]) -> None:
    """Rules that the policy decides about are known, and its own rules have names of their own."""
    seen: set[str] = set()
    for index, rule_id in _of_own_rules(said, "id"):
        path: tuple[str | int, ...] = ("rules", index, "id")
        if rule_id in known_rules:
            message = "a rule of this name comes with mnemic; set its decision under write.rules, or take another name"
            document.note(message, path, document.place_of(path, value=True))
        elif rule_id in seen:
            document.note("another rule has this id", path, document.place_of(path, value=True))
        seen.add(rule_id)
    write = said.get("write")
    settings = write.get("rules") if isinstance(write, dict) else None
    known = [*known_rules, *seen]
    for key in settings if isinstance(settings, dict) else ():
        if key not in known and len(document.problems) < MAX_PROBLEMS:
            path = ("write", "rules", key)
            document.note(complaint("is no rule", key, known), path, document.place_of(path))


def _check_redactions(said: dict[str, Any], policy: Policy, document: Document) -> None:
    """What is to be redacted is a part of the text: a rule that names no part would let all of it pass."""
    without = [id for id, rule in policy.own_rules.items() if isinstance(rule, WriteRule) and rule.when.text is None]
    for index, rule_id in _of_own_rules(said, "id"):
        if rule_id in without and policy.own_rules[rule_id].decision is Decision.REDACT:
            message = "redact takes out what `text` finds, and this rule has none: quarantine or block it"
            path: tuple[str | int, ...] = ("rules", index, "decision")
            document.note(message, path, document.place_of(path, value=True))
    about_all = {id for id, rule in KNOWN_RULES.items() if rule.family in (Family.FLOW, Family.FAILURE)}
    for rule_id, setting in policy.write.rules.items():
        redacts = Decision.REDACT in (setting.user, setting.agent, setting.untrusted)
        if redacts and rule_id in (*without, *about_all):
            path = ("write", "rules", rule_id)
            message = (
                "this rule is about a text as a whole, of which redact would leave everything: quarantine or block it"
            )
            document.note(message, path, document.place_of(path, value=True))


def _check_patterns(said: dict[str, Any], document: Document) -> None:
    for index, when in _of_own_rules(said, "when", dict):
        for name in ("text", "question"):
            pattern = when.get(name)
            if not isinstance(pattern, str) or not 0 < len(pattern) <= MAX_PATTERN_CHARS:
                continue
            try:
                compile_pattern(pattern)
            except PatternError as error:
                path = ("rules", index, "when", name)
                document.note(str(error), path, document.place_of(path, value=True))


def _of_own_rules(said: dict[str, Any], name: str, kind: type = str) -> list[tuple[int, Any]]:
    rules = said.get("rules")
    if not isinstance(rules, list):
        return []
    return [
        (index, rule[name])
        for index, rule in enumerate(rules[: MAX_PROBLEMS * 2])
        if isinstance(rule, dict) and isinstance(rule.get(name), kind)
    ]
