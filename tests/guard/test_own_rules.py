"""Rules that a team writes in YAML, and the patterns in them."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
import time

import pytest

from mnemic.domain.memory import Kind
from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Decision
from mnemic.guard.policy import Facts, OriginClass, apply_rule, decide_rule, parse_policy
from mnemic.guard.policy.matching import MAX_SPANS, PatternError, compile_pattern, find_all_spans, find_spans, is_found
from tests.guard.own_rules import own

FACTS = Facts(
    text="Order by ACME Corp", kind=Kind.SEMANTIC, channel=Channel.MAIL, trust=0.2, tags=("crm",), effects=("transfer",)
)


@pytest.mark.parametrize(
    "when",
    ["{text: acme}", "{kinds: [semantic]}", "{channels: [web, mail]}", "{trust_below: 0.7}", "{tags: [x, crm]}",
     "{effects: [transfer]}", "{text: 'acme\\s+corp', channels: [mail], trust_below: 0.3}"],
)  # fmt: skip
def test_a_rule_applies_when_all_its_conditions_hold(when: str) -> None:
    (rule,) = own(when).rules
    finding = apply_rule(rule, FACTS)
    assert finding is not None
    assert (finding.rule, finding.reason) == ("mine", "Because.")


@pytest.mark.parametrize(
    "when",
    ["{text: '(?-i)acme'}", "{kinds: [episodic]}", "{channels: [user]}", "{trust_below: 0.2}", "{tags: [y]}",
     "{effects: [grant]}", "{text: acme, channels: [user]}"],
)  # fmt: skip
def test_a_rule_does_not_apply_when_one_condition_fails(when: str) -> None:
    (rule,) = own(when).rules
    assert apply_rule(rule, FACTS) is None


def test_a_rule_says_where_it_found_its_pattern() -> None:
    (rule,) = own("{text: acme}").rules
    finding = apply_rule(rule, Facts(text="é😀 Acme, acme", kind=Kind.SEMANTIC, channel=Channel.USER, trust=1.0))
    assert finding is not None
    assert finding.spans == ((3, 7), (9, 13))


def test_a_rule_about_recall_can_ask_about_the_question() -> None:
    policy = own("{question: 'transfer|pay', trust_below: 0.7}", phase="recall", decision="withhold")
    (rule,) = policy.rules
    facts = Facts(text="x", kind=Kind.SEMANTIC, channel=Channel.WEB, trust=0.2, question="How do I pay Bob?")
    assert apply_rule(rule, facts) is not None
    assert apply_rule(rule, FACTS) is None


def test_a_rule_in_yaml_decides_and_can_be_set_by_class() -> None:
    policy = parse_policy(
        "name: a\nwrite: {rules: {mine: {user: allow}}}\n"
        "rules: [{id: mine, phase: write, when: {text: x}, decision: block, reason: r}]"
    )
    assert [decide_rule(policy, "mine", one) for one in OriginClass] == [Decision.ALLOW, Decision.BLOCK, Decision.BLOCK]


_CATASTROPHIC = [
    "(a+)+$",
    "(a|aa)+$",
    "(a|a?)+$",
    "(.*a){20}$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(x+x+)+y",
    "(?:a?){30}a{30}$",
]


@pytest.mark.parametrize("pattern", _CATASTROPHIC)
def test_patterns_that_explode_elsewhere_take_no_time_here(pattern: str) -> None:
    for text in ("a" * 100_000 + "!", "x" * 100_000, "aA" * 50_000, "".join(random.Random(1).choices("ab", k=100_000))):
        begun = time.thread_time()
        is_found(pattern, text)
        find_spans(pattern, text)
        assert time.thread_time() - begun < 4


def test_a_machine_that_stalls_hides_no_place_where_a_pattern_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "key-1 and key-2 and key-3"
    found = find_spans(r"key-\d", text)
    with monkeypatch.context() as stalled:
        stalled.setattr(time, "monotonic", itertools.count(1_000_000).__next__)
        assert find_spans(r"key-\d", text) == found
    assert len(found or ()) == 3


def test_a_pattern_with_a_match_at_every_letter_stops_early() -> None:
    begun = time.thread_time()
    assert len(find_spans("a", "a" * 100_000) or ()) == MAX_SPANS
    find_spans("a.*b|a", "a" * 100_000)
    assert find_spans("x*", "a" * 100_000) == ()
    assert time.thread_time() - begun < 2


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(?=a)", "look-around"), ("(?<!a)b", "look-around"), (r"(a)\1", "back references"), ("(", "missing )"),
     ("a{2000}", "repetition"), ("((a{100}){100}){100}", "repetition"), (r"(\pL{1,50} ){9}", "too large"),
     ("\ud800", "Unicode")],
)  # fmt: skip
def test_a_pattern_that_cannot_be_bounded_is_refused_with_the_reason(pattern: str, said: str) -> None:
    with pytest.raises(PatternError, match=said.replace(")", r"\)")):
        compile_pattern(pattern)


def test_halves_of_characters_in_a_text_do_not_stop_a_pattern() -> None:
    assert find_spans("b", "\ud83d\ude00\ud800b") == ((3, 4),)


def test_every_place_is_named_for_taking_it_out_and_what_touches_is_one() -> None:
    assert find_all_spans("[0-9]?", "a12b3") == ((1, 3), (4, 5))
    assert len(find_all_spans("x", "x " * 100)) == 100
    assert find_all_spans("y", "x") == ()


def test_places_that_take_too_long_to_find_reach_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "thread_time", itertools.count(step=1.0).__next__)
    assert find_all_spans("[0-9]", "a 1 b 2 c 3") == ((2, 11),)


def test_re2_is_only_imported_for_a_policy_with_patterns() -> None:
    code = (
        "import sys\nfrom mnemic.guard.policy import parse_policy, load_policy\nload_policy('default')\n"
        "assert 're2' not in sys.modules\n"
        "parse_policy('name: a\\nrules: [{id: b, phase: write, when: {text: x}, decision: block, reason: r}]')\n"
        "assert 're2' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
