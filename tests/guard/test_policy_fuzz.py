"""Whatever a file holds, it is a policy or a PolicyError."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mnemic_policies
from mnemic.errors import PolicyError
from mnemic.guard.policy import Policy, parse_policy
from mnemic.guard.policy.explaining import explain
from mnemic.guard.policy.matching import PatternError, find_spans, is_found

_KEYS = [
    "name", "extends", "mode", "trust", "write", "recall", "judge", "rules", "independence", "user", "claims", "trusted",
    "flooding", "consensus", "effects", "deny", "review", "id", "phase", "when", "text", "question", "decision", "reason",
    "kinds", "channels", "trust_below", "secret", "lessons", "on_contested", "description", "<<", "import",
]  # fmt: skip
_WORDS = [
    "default", "strict", "enforce", "watch", "write", "recall", "allow", "redact", "withhold", "block", "user", "web", "(a",
    "a+", "(?=x)", "delete", "semantic", "", "~", ".inf", "0x10", "1e999", "2020-01-01", "12:30:45", "\x1b", "é",
]  # fmt: skip
_SCALARS = st.one_of(
    st.sampled_from(_WORDS), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.binary(max_size=4), st.dates(),
)  # fmt: skip
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=4), inner, max_size=5),
    ),
    max_leaves=25,
)
_PRESETS = [mnemic_policies.read(name) for name in mnemic_policies.names()]


def loads_or_refuses(data: bytes | str) -> None:
    try:
        policy = parse_policy(data)
    except PolicyError as error:
        assert error.problems
        assert str(error).isprintable()
        assert all(problem.message for problem in error.problems)
        return
    assert isinstance(policy, Policy)
    assert explain(policy).digest == policy.digest


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_load_or_are_refused(data: bytes) -> None:
    loads_or_refuses(data)


@settings(deadline=None)
@given(st.text(alphabet=st.characters() | st.sampled_from("{}[]:,-?&*!|>'\"%@`#\n \t"), max_size=200))
def test_any_text_loads_or_is_refused(text: str) -> None:
    loads_or_refuses(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=8))
def test_any_structure_loads_or_is_refused(value: dict[str, Any]) -> None:
    loads_or_refuses(yaml.safe_dump({"name": "a", **value}, allow_unicode=True))
    loads_or_refuses(yaml.dump({"name": "a", **value, "twin": value}))  # with anchors and aliases


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_PRESETS), st.data())
def test_a_damaged_preset_loads_or_is_refused(preset: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(preset)))
    end = data.draw(st.integers(start, min(len(preset), start + 40)))
    loads_or_refuses(preset[:start] + data.draw(st.binary(max_size=8)) + preset[end:])


_BOMBS = {
    "a billion laughs": "a: &a [x]\n"
    + "\n".join(f"{name}: &{name} [{','.join(['*' + last] * 9)}]" for last, name in pairwise("abcdefghi")),
    "a self reference": "name: &a [*a]",
    "deep lists": "[" * 100_000,
    "deep mappings": "{a: " * 50_000,
    "deep blocks": "\n".join(" " * depth + "a:" for depth in range(600)),
    "deep sequences": "- " * 50_000,
    "many keys": "name: a\n" + "\n".join(f"key{number}: 1" for number in range(9_000)),
    "many rules": "name: a\nrules:\n" + "- {id: b, phase: write}\n" * 2_400,
    "many patterns": "name: a\nrules:\n" + "- {id: b, phase: write, when: {text: '(a{500}){2}'}}\n" * 1_400,
    "one long word": "name: " + "a" * 250_000,
    "one long key": "a" * 250_000 + ": 1",
    "one long number": "name: " + "9" * 250_000,
    "many rule ids": "name: a\nwrite:\n  rules:\n" + "\n".join(f"    secre{number}: block" for number in range(9_000)),
    "many anchors": "name: a\nrules: [" + "&a 1," * 9_000 + "]",
    "a huge version": "%YAML " + "9" * 10_000 + ".1\n---\nname: a",
    "escapes": 'name: "' + "\\u0000" * 40_000 + '"',
    "tabs": "\t" * 250_000,
    "quotes": "'" * 250_001,
    "dashes": "---\n" * 60_000,
    "flow keys": "{" + "? " * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("text", _BOMBS.values(), ids=_BOMBS.keys())
def test_a_bomb_is_refused_soon(text: str) -> None:
    begun = time.thread_time()
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    assert time.thread_time() - begun < 4
    assert len(caught.value.problems) <= 100
    assert len(str(caught.value)) < 1_000


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=60))
def test_any_pattern_is_refused_or_finds_places_inside_the_text(pattern: str, text: str) -> None:
    try:
        spans = find_spans(pattern, text)
    except PatternError:
        return
    if spans is None:
        assert not is_found(pattern, text)
        return
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert list(spans) == sorted(spans)
    assert is_found(pattern, text)
