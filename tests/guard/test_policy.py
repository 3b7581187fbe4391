"""What policies say, how they are loaded, and what they decide."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import mnemic_policies
from mnemic import Origin
from mnemic.domain.memory import Kind, MemoryId, MemoryRecord
from mnemic.domain.provenance import Channel
from mnemic.domain.verdict import Decision, Finding, strictest
from mnemic.errors import PolicyError, PolicyProblem
from mnemic.guard.policy import (
    KNOWN_RULES,
    Facts,
    Family,
    Handling,
    OriginClass,
    Policy,
    PolicySource,
    apply_rule,
    class_of,
    decide,
    decide_rule,
    load_policy,
    origin_key,
    origin_key_of,
    parse_policy,
    preset_names,
    source_key,
    trust_of,
)
from mnemic.guard.policy.explaining import explain
from mnemic.guard.policy.matching import MAX_SPANS, PatternError, compile_pattern, find_all_spans, find_spans, is_found
from mnemic.guard.policy.schema import policy_schema

USER, AGENT, UNTRUSTED = OriginClass
DEFAULT = load_policy("default")


def problems_of(text: str | bytes) -> tuple[PolicyProblem, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    return caught.value.problems


def record(origin: Origin, *, source: str | None = None, session: str | None = None) -> MemoryRecord:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return MemoryRecord(
        id=MemoryId("m0"), namespace=("default",), kind=Kind.SEMANTIC, text="x", tags=(), session=session, speaker=None,
        role=None, source=source, when_to_use=None, evidence=(), supersedes=None, origin=origin, occurred_at=None,
        valid_from=now, recorded_at=now,
    )  # fmt: skip


# Presets


def test_the_presets_are_the_six_that_are_promised() -> None:
    assert preset_names() == ("amemguard-released", "audit-only", "default", "personal", "strict", "team")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_loads_under_its_own_name_and_says_what_it_is_for(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert policy.description


def test_what_a_policy_does_not_say_is_as_in_the_default_policy_file() -> None:
    said = yaml.safe_load(mnemic_policies.read("default"))
    bare = Policy(name="default", description=DEFAULT.description)
    assert bare == DEFAULT
    shown = bare.model_dump(mode="json", by_alias=True)
    assert said == shown  # so that the file shows every value there is


def test_the_default_policy_withholds_steering_and_not_requests_of_strangers() -> None:
    for rule_id, rule in KNOWN_RULES.items():
        decision = decide_rule(DEFAULT, rule_id, UNTRUSTED)
        if rule.family in (Family.HIDDEN, Family.BACKDOOR, Family.STEERING):
            assert decision is Decision.QUARANTINE, rule_id
        if rule.family is Family.REQUEST:
            assert decision is Decision.ALLOW, rule_id


def test_the_default_policy_has_fewer_rules_for_the_agent_and_only_hidden_text_for_the_user() -> None:
    content = {Family.HIDDEN, Family.BACKDOOR, Family.STEERING, Family.REQUEST}
    withheld = {
        origin_class: {
            KNOWN_RULES[rule_id].family
            for rule_id in KNOWN_RULES
            if decide_rule(DEFAULT, rule_id, origin_class) is Decision.QUARANTINE
        }
        & content
        for origin_class in (USER, AGENT)
    }
    assert withheld == {USER: {Family.HIDDEN}, AGENT: {Family.HIDDEN, Family.BACKDOOR}}


def test_the_strict_policy_withholds_requests_and_what_is_contested_and_redacts_personal_data() -> None:
    policy = load_policy("strict")
    assert decide_rule(policy, "offtopic-action", UNTRUSTED) is Decision.QUARANTINE
    assert decide_rule(policy, "offtopic-action", USER) is Decision.ALLOW
    assert policy.recall.consensus.on_contested is Handling.WITHHOLD
    assert {decide_rule(policy, "personal-data", origin_class) for origin_class in OriginClass} == {Decision.REDACT}


def test_the_strict_policy_is_nowhere_milder_than_the_default() -> None:
    strict = load_policy("strict")
    for rule_id in KNOWN_RULES:
        for origin_class in OriginClass:
            stricter = decide_rule(strict, rule_id, origin_class).strictness
            assert stricter >= decide_rule(DEFAULT, rule_id, origin_class).strictness


def test_the_personal_policy_takes_one_origin_for_enough_and_is_as_strict_with_strangers() -> None:
    policy = load_policy("personal")
    assert policy.recall.consensus.single_origin is Handling.ALLOW
    assert policy.recall.effects.quorum_origins == 1
    for rule_id in KNOWN_RULES:
        assert decide_rule(policy, rule_id, UNTRUSTED) is decide_rule(DEFAULT, rule_id, UNTRUSTED)


def test_two_sessions_of_one_person_are_one_witness_and_two_tasks_are_two() -> None:
    ana = Origin(channel=Channel.USER, actor="ana")
    first, second = record(ana, session="monday"), record(ana, session="friday")
    for policy in (load_policy("team"), DEFAULT):
        assert origin_key(policy, first) == origin_key(policy, second)
    one, other = (record(Origin(channel=Channel.AGENT, task=task)) for task in ("a", "b"))
    assert origin_key(DEFAULT, one) != origin_key(DEFAULT, other)
    bob = record(Origin(channel=Channel.USER, actor="bob"))
    assert origin_key(load_policy("team"), first) != origin_key(load_policy("team"), bob)


def test_the_audit_policy_judges_like_the_default_and_enforces_nothing() -> None:
    policy = load_policy("audit-only")
    assert not policy.enforced
    same = {"name", "description", "mode"}
    assert policy.model_dump(exclude=same) == DEFAULT.model_dump(exclude=same)


def test_the_published_policy_counts_records_and_screens_nothing() -> None:
    policy = load_policy("amemguard-released")
    consensus = policy.recall.consensus
    assert (consensus.method, consensus.count, consensus.k, consensus.eps, consensus.min_samples) == (
        "clustering", "records", 4, 0.5, 2,
    )  # fmt: skip
    assert not policy.write.enabled
    assert not policy.recall.label_untrusted
    assert all(class_of(policy, Origin(channel=channel)) is not UNTRUSTED for channel in Channel)


# Trust and classes


def test_a_claim_never_raises_trust_above_the_agents() -> None:
    claimed = Origin(channel=Channel.USER, claimed=True)
    assert trust_of(DEFAULT, claimed) == DEFAULT.trust.agent
    assert class_of(DEFAULT, claimed) is AGENT
    assert class_of(DEFAULT, Origin(channel=Channel.USER)) is USER


def test_a_claim_can_lower_trust() -> None:
    assert class_of(DEFAULT, Origin(channel=Channel.WEB, claimed=True)) is UNTRUSTED


def test_a_policy_can_take_callers_at_their_word() -> None:
    policy = parse_policy("name: a\ntrust: {claims: believed}")
    assert class_of(policy, Origin(channel=Channel.USER, claimed=True)) is USER


def test_where_agents_are_not_trusted_a_claim_to_be_the_user_is_not_either() -> None:
    policy = parse_policy("name: a\ntrust: {agent: 0.5}")
    assert class_of(policy, Origin(channel=Channel.USER, claimed=True)) is UNTRUSTED


def test_a_trusted_tool_is_treated_as_an_agent_and_never_as_the_user() -> None:
    policy = parse_policy("name: a\ntrust: {tool: 1.0}")
    assert class_of(policy, Origin(channel=Channel.TOOL)) is AGENT


# Origin keys


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        (Channel.WEB, "https://example.com/a", "http://www.Example.com:8080/b?c"),
        (Channel.WEB, "https://a.evil.example.org/x", "https://b.evil.example.org/y"),
        (Channel.WEB, "https://good.com@evil.net/", "https://evil.net"),
        (Channel.WEB, "https://a.shop.co.uk", "https://b.shop.co.uk"),
        (Channel.MAIL, "Eve <eve@evil.net>", "EVE@evil.net"),
        (Channel.MAIL, "eve+1@evil.net", "eve+2@evil.net"),
        (Channel.FILE, "notes/./a.md", "notes\\a.md"),
        (Channel.FILE, "file:///home/x/a.md", "/home/x/b/../a.md"),
        (Channel.TOOL, "Search", " search "),
    ],
)
def test_one_source_written_in_two_ways_is_one_origin(channel: Channel, one: str, other: str) -> None:
    assert source_key(channel, one) == source_key(channel, other)


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        (Channel.WEB, "https://example.com/a", "https://example.net/a"),
        (Channel.WEB, "https://one.co.uk", "https://two.co.uk"),
        (Channel.WEB, "http://10.0.0.1/a", "http://10.0.0.2/a"),
        (Channel.MAIL, "ana@example.com", "bob@example.com"),
        (Channel.FILE, "a.md", "b.md"),
    ],
)
def test_different_sources_are_different_origins(channel: Channel, one: str, other: str) -> None:
    assert source_key(channel, one) != source_key(channel, other)


def test_a_stranger_does_not_become_two_by_waiting_or_by_another_name() -> None:
    keys = {
        origin_key_of(
            DEFAULT, Origin(channel=Channel.WEB, actor=name, task=name), source="https://evil.net", session=name
        )
        for name in ("one", "two", "three")
    }
    assert len(keys) == 1


def test_names_that_are_only_claimed_do_not_make_witnesses() -> None:
    keys = {origin_key_of(DEFAULT, Origin(actor=name, task=name, claimed=True)) for name in ("one", "two", "three")}
    assert len(keys) == 1
    assert len({origin_key_of(DEFAULT, Origin(actor=name)) for name in ("one", "two", "three")}) == 3


def test_values_cannot_be_written_so_that_they_look_like_another_origin() -> None:
    crossed = origin_key_of(DEFAULT, Origin(actor='ana", "task": "x'))
    assert crossed != origin_key_of(DEFAULT, Origin(actor="ana", task="x"))


@pytest.mark.parametrize(
    "source", ["", "http://[", "//", "http:///x", "\ud800", "@", "a" * 2000, "http://ⅷ.com", "\x00"]
)
@pytest.mark.parametrize("channel", list(Channel))
def test_no_source_is_too_strange_for_a_key(channel: Channel, source: str) -> None:
    assert origin_key_of(DEFAULT, Origin(channel=channel), source=source)


def test_keys_and_digests_are_the_same_in_every_process() -> None:
    code = (
        "from mnemic import Origin\nfrom mnemic.guard.policy import load_policy, origin_key_of\n"
        "p = load_policy('team')\nprint(p.digest, origin_key_of(p, Origin(actor='ana', task='t'), source='s', session='x'))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_the_digest_is_twelve_digits_that_change_with_the_policy() -> None:
    assert len(DEFAULT.digest) == 12
    assert DEFAULT.digest == load_policy("default").digest
    assert len({load_policy(name).digest for name in preset_names()}) == len(preset_names())


# Decisions


def test_a_policy_sets_a_decision_for_all_or_by_class() -> None:
    policy = parse_policy("name: a\nwrite: {rules: {secret: block, override: {agent: quarantine}}}")
    assert {decide_rule(policy, "secret", one) for one in OriginClass} == {Decision.BLOCK}
    assert [decide_rule(policy, "override", one) for one in OriginClass] == [
        Decision.ALLOW, Decision.QUARANTINE, Decision.QUARANTINE,
    ]  # fmt: skip


def test_a_rule_that_nobody_decided_about_withholds() -> None:
    assert {decide_rule(DEFAULT, "from-a-plugin", one) for one in OriginClass} == {Decision.QUARANTINE}


def test_a_setting_for_requests_comes_before_the_level() -> None:
    policy = parse_policy("name: a\nwrite: {withhold: steering_and_requests, rules: {offtopic-question: allow}}")
    assert decide_rule(policy, "offtopic-question", UNTRUSTED) is Decision.ALLOW
    assert decide_rule(policy, "offtopic-action", UNTRUSTED) is Decision.QUARANTINE


_RULE_IDS = st.lists(st.sampled_from([*KNOWN_RULES, "from-a-plugin", "own-allow", "own-block"]), max_size=8)
_OWN = """
name: own
rules:
  - {id: own-allow, phase: write, when: {text: x}, decision: allow, reason: r}
  - {id: own-block, phase: write, when: {text: y}, decision: block, reason: r}
"""


@given(_RULE_IDS, _RULE_IDS, st.sampled_from(list(OriginClass)))
def test_adding_a_rule_never_weakens_a_verdict(found: list[str], added: list[str], origin_class: OriginClass) -> None:
    with_own = parse_policy(_OWN)

    def verdict(policy: Policy, rules: list[str]) -> Decision:
        return strictest(decide(policy, Finding(rule=rule, reason="r"), origin_class) for rule in rules)

    before = verdict(DEFAULT, [rule for rule in found if not rule.startswith("own-")])
    assert verdict(with_own, found).strictness >= before.strictness
    assert verdict(with_own, found + added).strictness >= verdict(with_own, found).strictness


# Rules in YAML


def own(when: str, *, phase: str = "write", decision: str = "quarantine") -> Policy:
    return parse_policy(
        f"name: a\nrules: [{{id: mine, phase: {phase}, when: {when}, decision: {decision}, reason: Because.}}]"
    )


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


# Patterns

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


# Problems

_BROKEN = """\
name: 3
mod: enforce
mode: enfroce
trust:
  usr: 1.0
  user: 2
  claims: no
write:
  rules:
    secrt: redact
    secret: redct
    hidden-text: {user: alow, stranger: block}
  max_chars: 0.5
recall:
  consensus: 4
  effects: {deny: [delete], review: [delete]}
rules:
  - {id: Bad Name, phase: write, when: {}, decision: withhold, reason: x}
  - {id: secret, phase: recall, when: {text: "(a"}, decision: warn, reason: x}
  - {id: ok, phase: recal}
  - id: ok
    phase: write
    when: {chanels: [web], channels: [webb]}
    decision: block
"""


def test_every_problem_is_told_at_once_each_with_its_line_and_path() -> None:
    found = {(problem.line, problem.path) for problem in problems_of(_BROKEN)}
    assert found == {
        (1, "name"), (2, "mod"), (3, "mode"), (5, "trust.usr"), (6, "trust.user"), (7, "trust.claims"),
        (10, "write.rules.secrt"), (11, "write.rules.secret"), (12, "write.rules.hidden-text.user"),
        (12, "write.rules.hidden-text.stranger"), (13, "write.max_chars"), (15, "recall.consensus"),
        (16, "recall.effects"), (18, "rules[0].id"), (18, "rules[0].when"), (18, "rules[0].decision"),
        (19, "rules[1].id"), (19, "rules[1].when.text"), (20, "rules[2].phase"), (21, "rules[3].reason"),
        (21, "rules[3].id"), (23, "rules[3].when.chanels"), (23, "rules[3].when.channels[0]"),
    }  # fmt: skip


def test_problems_are_in_the_order_of_the_file_and_point_at_the_column() -> None:
    problems = problems_of(_BROKEN)
    places = [(problem.line, problem.column) for problem in problems]
    assert places == sorted(places)
    assert [
        (problem.line, problem.column) for problem in problems if problem.path == "write.rules.hidden-text.user"
    ] == [(12, 25)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("name: a\nmod: watch", "mode"),
        ("name: a\nmode: wach", "watch"),
        ("name: a\ntrust: {usr: 1}", "user"),
        ("name: a\nwrite: {rules: {hiden-text: block}}", "hidden-text"),
        ("name: a\nwrite: {rules: {secret: quarantaine}}", "quarantine"),
        ("name: a\nrecall: {consensus: {on_contested: witthold}}", "withhold"),
        ("name: a\nextends: strickt", "strict"),
        ("name: a\nrules: [{id: b, phase: write, when: {channels: [mial]}, decision: block, reason: r}]", "mail"),
        ("name: a\nrules: [{id: b, phase: write, when: {txt: x}, decision: block, reason: r}]", "text"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(text: str, meant: str) -> None:
    (problem,) = problems_of(text)
    assert f"Did you mean {meant!r}?" in problem.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least a name"),
        ("name: a\nrules: [{id: b, phase: write, when: {tags: [x]}, decision: redact, reason: r}]", "has none"),
        (
            "name: a\nwrite: {rules: {b: {user: redact}}}\n"
            "rules: [{id: b, phase: write, when: {tags: [x]}, decision: block, reason: r}]",
            "as a whole",
        ),
        ("name: a\nwrite: {rules: {flooding: redact}}", "as a whole"),
        (
            "name: a\nrules: [{id: b, phase: write, when: {question: x}, decision: block, reason: r}]",
            "no condition of a rule of this phase",
        ),
        ("# nothing", "at least a name"),
        ("- a", "a mapping"),
        ("name", "a mapping"),
        ("mode: watch", "missing"),
        ("name: a\nname: b", "twice"),
        ("name: a\ntrust: &t {user: 1}\n", "anchors"),
        ("name: a\ntrust: *t\n", "aliases"),
        ("name: !!python/object/apply:os.system [x]", "tags"),
        ("name: !!str a", "tags"),
        ("name: a\n---\nname: b", "second document"),
        ("? [a]\n: b", "cannot be a key"),
        ("name: a\ntrust: {user: .nan}", "must be a number"),
        ("name: a\ntrust: {user: 1e999}", "too large"),
        ("name: a\ntrust: {user: true}", "must be a number, not true"),
        ("name: a\ntrust: {user: '1'}", "must be a number"),
        ("name: a\nwrite: {max_chars: 99999999999999999999}", "whole number"),
        ("name: a\x00", "does not allow"),
        ("name: a\\\x1b", "does not allow"),
        ("name: [a", "no YAML"),
        ("\tname: a", "no YAML"),
        ('name: "\\UFFFFFFFF"', "no YAML"),
        ("name: a\nrules: " + "[" * 50, "deeper"),
        ("name: a\nrules: [" + "1," * 20_000 + "]", "more than 10,000"),
        (b"name: \xff", "UTF-8"),
        ("name: a # " + "x" * 300_000, "256 KiB"),
        ('name: "a\\nb"', "one line"),
    ],
)
def test_what_is_not_a_policy_is_refused_with_the_reason(text: str | bytes, said: str) -> None:
    assert any(said in problem.message for problem in problems_of(text))


def test_the_place_of_a_wrong_byte_and_a_wrong_character_is_told() -> None:
    assert [(problem.line, problem.column) for problem in problems_of(b"name: a\nmode: \xff")] == [(2, 7)]
    assert [(problem.line, problem.column) for problem in problems_of("name: a\nmode: \x00")] == [(2, 7)]


def test_a_part_of_which_only_the_name_is_there_is_as_in_the_default() -> None:
    assert parse_policy("name: default\nwrite:\nrules:\nrecall:\n  effects:\n").write == DEFAULT.write


def test_words_that_old_yaml_takes_for_truth_values_are_words() -> None:
    assert parse_policy("name: off").name == "off"


def test_a_policy_can_extend_one_that_comes_with_mnemic() -> None:
    policy = parse_policy("name: ours\nextends: strict\nwrite: {rules: {personal-data: {user: allow}}, max_chars: 9}")
    assert decide_rule(policy, "personal-data", USER) is Decision.ALLOW
    assert decide_rule(policy, "personal-data", AGENT) is Decision.REDACT
    assert decide_rule(policy, "offtopic-action", UNTRUSTED) is Decision.QUARANTINE
    assert (policy.name, policy.description, policy.write.max_chars) == ("ours", "", 9)


def test_rules_that_are_installed_can_be_decided_about() -> None:
    text = "name: a\nwrite: {rules: {from-a-plugin: block}}"
    assert problems_of(text)
    policy = parse_policy(text, known_rules=[*KNOWN_RULES, "from-a-plugin"])
    assert decide_rule(policy, "from-a-plugin", USER) is Decision.BLOCK


def test_what_is_neither_a_file_nor_a_preset_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy("strickt")
    assert "Did you mean 'strict'?" in caught.value.hint
    for source in (tmp_path, tmp_path / "absent.yaml", "a\0b"):
        with pytest.raises(PolicyError):
            load_policy(source)


# Hot reload


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_changed_file_counts_within_a_second_and_a_broken_one_keeps_the_last_good_policy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, clock = tmp_path / "policy.yaml", Clock()
    path.write_text("name: one")
    source = PolicySource(path, clock=clock)
    path.write_text("name: second")
    assert source.current().name == "one"  # not looked at yet
    clock.now += 1
    assert source.current().name == "second"
    path.write_text("name: third\nmod: watch")
    for _ in range(3):
        clock.now += 1
        assert source.current().name == "second"
    assert source.problem is not None
    assert source.problem.problems[0].path == "mod"
    assert sum("policy_broken" in entry.getMessage() for entry in caplog.records) == 1
    path.write_text("name: fourth")
    clock.now += 1
    assert source.current().name == "fourth"
    assert source.problem is None


def test_a_file_that_is_gone_keeps_the_last_good_policy(tmp_path: Path) -> None:
    path, clock = tmp_path / "policy.yaml", Clock()
    path.write_text("name: one")
    source = PolicySource(path, clock=clock)
    path.unlink()
    clock.now += 1
    assert source.current().name == "one"
    assert source.problem is not None


def test_a_program_that_goes_to_another_folder_takes_no_file_there_for_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "ours.yaml").write_text("name: ours", encoding="utf-8")
    (tmp_path / "elsewhere" / "ours.yaml").write_text("name: theirs\nmode: watch", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    clock = Clock()
    source = PolicySource("ours.yaml", clock=clock)
    monkeypatch.chdir(tmp_path / "elsewhere")
    clock.now += 2
    assert source.current().name == "ours" and source.problem is None
    (tmp_path / "ours.yaml").write_text("name: ours-again", encoding="utf-8")
    clock.now += 2
    assert source.current().name == "ours-again"


def test_a_policy_that_is_broken_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("nam: one")
    with pytest.raises(PolicyError):
        PolicySource(path)
    with pytest.raises(PolicyError):
        PolicySource("defualt")


def test_a_preset_is_read_once() -> None:
    clock = Clock()
    source = PolicySource("strict", clock=clock)
    clock.now += 100
    assert source.current() is source.current()


# Schema and explanation


def test_the_schema_is_the_one_of_the_model() -> None:
    written = mnemic_policies.read_schema().decode()
    assert written == policy_schema(), (
        "run: python -m mnemic.guard.policy.schema policies/mnemic_policies/schema/policy.schema.json"
    )


@pytest.mark.parametrize("name", preset_names())
def test_the_schema_accepts_every_preset_and_every_preset_names_it(name: str) -> None:
    validator = jsonschema.Draft202012Validator(yaml.safe_load(mnemic_policies.read_schema()))
    assert list(validator.iter_errors(yaml.safe_load(mnemic_policies.read(name)))) == []
    first = mnemic_policies.read(name).splitlines()[0].decode()
    assert first == "# yaml-language-server: $schema=schema/policy.schema.json"


def test_the_schema_refuses_what_is_not_known() -> None:
    validator = jsonschema.Draft202012Validator(yaml.safe_load(mnemic_policies.read_schema()))
    for wrong in (
        {"name": "a", "mod": "watch"},
        {"name": "a", "mode": "wach"},
        {},
        {"name": "a", "rules": [{"id": "b"}]},
    ):
        assert list(validator.iter_errors(wrong))


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_can_be_explained(name: str) -> None:
    explanation = explain(load_policy(name))
    assert explanation.digest == load_policy(name).digest
    assert {one.channel for one in explanation.channels} == set(Channel)
    assert len(explanation.rules) == (0 if name == "amemguard-released" else len(KNOWN_RULES))
    assert all(
        sentence.endswith(".") for sentence in (*explanation.summary, *explanation.storing, *explanation.recalling)
    )


def test_an_explanation_tells_a_teams_own_rules() -> None:
    explanation = explain(own("{text: acme, channels: [mail, web]}"))
    assert explanation.own_rules == (
        "mine: when stored and it came by mail or web and the text matches acme → quarantine. Because.",
    )
    assert explanation.rules[-1].id == "mine"
