"""Trajectories from what agents write, and what counts as a failure."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.domain.experience.actions import parse_action
from mnemic.domain.experience.failures import error_class
from mnemic.domain.experience.reading import read_trajectory
from mnemic.errors import InvalidInput
from tests.experience.citing import evidence_texts
from tests.experience.trials import game, trial


def test_the_task_is_what_the_user_said_first_and_later_words_belong_to_the_step_that_follows() -> None:
    found = trial(
        "Cancel my flight.",
        ("get_user", {"id": "ana_1"}, {"ok": 1}),
        "It is M05KNL.",
        ("cancel", {"r": "M05KNL"}, "done"),
    )
    assert found.task == "Cancel my flight."
    assert [step.told for step in found.steps] == ["Cancel my flight.", "It is M05KNL."]
    assert [step.tool for step in found.steps] == ["get_user", "cancel"]
    assert found.steps[1].arguments == {"r": "M05KNL"}


def test_what_the_agent_only_thought_is_no_evidence() -> None:
    record = {"task": "t", "steps": [{"thought": "There must be a key.", "action": "look", "observation": "a room"}]}
    assert evidence_texts(read_trajectory(record)) == ("t", "look", "look", "t", "a room")


def test_what_was_said_after_the_last_step_is_evidence_too() -> None:
    found = trial("Cancel it.", ("cancel", {}, "done"), "Thanks, and greet Mr Brown.")
    assert found.closing == "Thanks, and greet Mr Brown."
    assert found.closing in evidence_texts(found)


def test_a_tau_bench_episode_brings_its_id_and_reward() -> None:
    episode = {"task_id": 7, "trial": 2, "reward": 1.0, "traj": [{"role": "user", "content": "Hi"}]}
    found = read_trajectory(episode)
    assert (found.id, found.task_id, found.reward, found.steps) == ("7/2", "7", 1.0, ())


def test_messages_of_anthropic_are_read_and_a_result_marked_as_an_error_is_one() -> None:
    messages = [
        {"role": "user", "content": "List the files."},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "ls"}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "odd words", "is_error": True}],
        },
    ]
    (step,) = read_trajectory(messages).steps
    assert (step.tool, dict(step.arguments), step.error) == ("bash", {"command": "ls"}, "odd words")


def test_messages_of_langchain_are_read() -> None:
    messages = [
        {"type": "human", "content": "Find it."},
        {
            "type": "ai",
            "content": "",
            "tool_calls": [{"id": "a", "name": "find", "args": {"q": "it"}, "type": "tool_call"}],
        },
        {"type": "tool", "tool_call_id": "a", "content": "found"},
    ]
    (step,) = read_trajectory(messages).steps
    assert (step.tool, step.observation, step.error) == ("find", "found", None)


def test_success_is_a_reward_from_the_threshold_on_and_unknown_without_one() -> None:
    assert trial("x", reward=1.0).outcome() is True
    assert trial("x", reward=0.9).outcome() is False
    assert trial("x", reward=0.9).outcome(success_threshold=0.5) is True
    assert trial("x", reward=None).outcome() is None
    assert game(("look", "a room")).outcome() is True


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (7, "messages"),
        ("", "empty"),
        ("not json", "JSON"),
        ([], "messages"),
        ([{"role": "nobody", "content": "x"}], "role"),
        ({"task": "x", "steps": [3]}, "step"),
        ({"task": "x", "steps": [{"action": 3}]}, "action"),
        ([{"role": "user", "content": "x", "when": {1, 2}}], "JSON"),
        ({"task": "x", "steps": [], "reward": "much"}, "reward"),
        ({"task": "x", "steps": [], "reward": 10**400}, "reward"),
    ],
)
def test_what_is_no_trajectory_is_refused_with_a_way_out(raw: Any, word: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_trajectory(raw)
    assert caught.value.hint
    assert word.lower() in str(caught.value).lower()


@pytest.mark.parametrize(
    ("action", "tool", "arguments"),
    [
        ("go to fridge 1", "go to", {"object": "fridge 1"}),
        ("take potato 2 from countertop 1", "take", {"object": "potato 2", "from": "countertop 1"}),
        ("put mug 1 in/on shelf 2", "put", {"object": "mug 1", "in/on": "shelf 2"}),
        ("look around", "look around", {}),
        ("pick up seed jar", "pick up", {"object": "seed jar"}),
        ("search[red shoes]", "search", {"input": "red shoes"}),
        ('apis.mail.send(to="a", n=3)', "apis.mail.send", {"to": "a", "n": "3"}),
        ("x = apis.mail.list(page=1)\nprint(x)", "apis.mail.list", {"code": "x = apis.mail.list(page=1)\nprint(x)"}),
        ('{"name": "buy", "arguments": {"item": 3}}', "buy", {"item": 3}),
        ("2", "enter", {"object": "2"}),
        ("", "wait", {}),
    ],
)
def test_an_action_in_words_is_read_as_a_tool_and_its_arguments(
    action: str, tool: str, arguments: dict[str, Any]
) -> None:
    assert parse_action(action) == (tool, arguments)


@pytest.mark.parametrize(
    ("observation", "kind"),
    [
        ("Error: flight HAT030 not available on date 2024-05-13", "flight … not available on date …"),
        ("Nothing happens.", "Nothing happens"),
        ('{"error": {"message": "no user 12"}}', "no user …"),
        ('{"status": "failed", "reason": "quota"}', "quota"),
        ('{"status": 404, "message": "missing"}', "404 missing"),
        ('{"success": false}', "failed"),
        ("HTTP 503: try later", "503 try later"),
        ("404 Not Found", "404 Not Found"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 3\nValueError: bad value 12',
            "ValueError: bad value …",
        ),
        ("json.decoder.JSONDecodeError: Expecting value", "json.decoder.JSONDecodeError: Expecting value"),
        ("bash: foo: command not found", "bash: foo: command not found"),
        ("Permission denied", "Permission denied"),
    ],
)
def test_an_observation_of_a_failure_has_its_class(observation: str, kind: str) -> None:
    assert error_class(observation) == kind


@pytest.mark.parametrize(
    "observation",
    [
        "",
        "[]",
        "Transfer successful",
        '{"error": null, "rows": 3}',
        '{"status": "ok"}',
        '{"status": 200}',
        "In it, you see nothing.",
        "The report says that errors are rare. " * 10,
        "0 errors",
        '["not found"]',
    ],
)
def test_an_observation_without_a_failure_has_none(observation: str) -> None:
    assert error_class(observation) is None


def test_failures_that_differ_in_values_alone_are_of_one_class() -> None:
    kinds = {error_class(f"Error: order #W{number} of {number}.50 USD was refused") for number in (1234567, 7654321)}
    assert len(kinds) == 1


@given(st.text(max_size=300))
def test_any_text_can_be_an_observation_and_an_action(text: str) -> None:
    kind = error_class(text)
    assert kind is None or 0 < len(kind) <= 120
    tool, _ = parse_action(text)
    assert tool


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=6))
def test_every_argument_and_observation_is_evidence(steps: list[tuple[str, str]]) -> None:
    record = {"task": "t", "steps": [{"action": action, "observation": seen} for action, seen in steps]}
    found = read_trajectory(json.dumps(record))
    texts = evidence_texts(found)
    assert len(found.steps) == len(steps)
    assert all(step.observation in texts for step in found.steps if step.observation)
