"""Files of policies: all that is wrong with one is told at once, and a change of one counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mnemic.domain.verdict import Decision
from mnemic.errors import PolicyError, PolicyProblem
from mnemic.guard.policy import KNOWN_RULES, OriginClass, PolicySource, decide_rule, load_policy, parse_policy

USER, AGENT, UNTRUSTED = OriginClass


DEFAULT = load_policy("default")


def problems_of(text: str | bytes) -> tuple[PolicyProblem, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text)
    return caught.value.problems


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


def test_an_effect_that_a_policy_puts_into_another_list_leaves_the_one_it_was_inherited_in() -> None:
    own = parse_policy(
        "name: own\nextends: default\nrecall:\n  effects: {deny: [delete], allow: [send]}\n"
    ).recall.effects
    inherited = DEFAULT.recall.effects
    assert (own.deny, own.allow) == (("delete",), ("send",))
    assert own.review == tuple(verb for verb in inherited.review if verb not in ("delete", "send"))
    alone = parse_policy("name: alone\nrecall:\n  effects: {deny: [delete]}\n").recall.effects
    assert alone.deny == ("delete",)
    assert "delete" not in alone.review
    same = parse_policy("name: own\nextends: default\nrecall:\n  effects: {quorum_origins: 3}\n").recall.effects
    assert same.review == inherited.review
