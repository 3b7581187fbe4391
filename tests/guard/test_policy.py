"""What policies decide: the presets, trust and classes, decisions, the schema and what an explanation says."""

from __future__ import annotations

from datetime import UTC, datetime

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
from mnemic.guard.policy import (
    KNOWN_RULES,
    Family,
    Handling,
    OriginClass,
    Policy,
    class_of,
    decide,
    decide_rule,
    load_policy,
    origin_key,
    parse_policy,
    preset_names,
    trust_of,
)
from mnemic.guard.policy.explaining import explain
from mnemic.guard.policy.schema import policy_schema
from tests.guard.own_rules import own

USER, AGENT, UNTRUSTED = OriginClass


DEFAULT = load_policy("default")


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
