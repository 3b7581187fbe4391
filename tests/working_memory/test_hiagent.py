"""Subgoals as chunks: what HiAgent promises, and where its released code broke the promise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import hiagent
from mnemic.domain.working_memory.hiagent import render_history, take_answer
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.subgoals import parse_step
from mnemic.domain.working_memory.transcripts import read_transcript
from mnemic.errors import InvalidInput
from mnemic.storage.sql.session_codec import decode_message, encode_message
from tests.working_memory.scripts import COUNT, message, new_session, shown, tool_step

SUBGOALS = 12
ACTIONS = 4


class Environment:
    """Answers every action with a long observation, and counts them."""

    def __init__(self) -> None:
        self.received: list[str] = []

    def step(self, action: str) -> str:
        self.received.append(action)
        return (
            f"RAW observation {len(self.received)} of {action}: the shelf holds box-{len(self.received)} and "
            + "dust " * 30
        )


def run_episode(
    memory: WorkingMemory, environment: Environment, *, summarise: hiagent.SummariseChunk | None = None,
    subgoals: int = SUBGOALS, prompts: list[str] | None = None,
) -> None:  # fmt: skip
    """A scripted model that works through its subgoals, four actions each."""
    memory.append([message("user", "Goal: tidy the store room.")])
    for number in range(1, subgoals + 1):
        for step in range(1, ACTIONS + 1):
            if prompts is not None:
                prompts.append(render_history(memory))
            head = f"Subgoal: tidy shelf {number}\n" if step == 1 else ""
            action = take_answer(
                memory, message("assistant", f"{head}Action: move {number}.{step}"), summarise=summarise
            )
            assert action is not None
            memory.append([message("tool", environment.step(action))])


def done(subgoal: str, text: str) -> str:
    """A summariser that says little."""
    return f"{subgoal} is done"


def test_h1_closed_subgoals_are_two_lines_and_are_summarised_once() -> None:
    calls: list[str] = []

    def summarise(subgoal: str, text: str) -> str:
        calls.append(subgoal)
        return f"{subgoal} is done"

    memory, environment = new_session(), Environment()
    prompts: list[str] = []
    run_episode(memory, environment, summarise=summarise, prompts=prompts)
    prompts.append(render_history(memory))
    assert calls == [f"tidy shelf {number}" for number in range(1, SUBGOALS)]
    for at, prompt in enumerate(prompts[1:], 1):
        closed, steps = divmod(at - 1, ACTIONS)
        lines = prompt.split("\n")
        assert lines[0] == "Goal: tidy the store room."
        for number in range(1, closed + 1):
            assert lines[2 * number - 1 : 2 * number + 1] == [
                f"{number} Subgoal: tidy shelf {number}", f"Observation: tidy shelf {number} is done",
            ]  # fmt: skip
        assert lines[2 * closed + 1] == f"{closed + 1} Subgoal: tidy shelf {closed + 1}"
        assert prompt.count("RAW observation") == steps + 1
        assert f"RAW observation {closed * ACTIONS} of" not in prompt or closed == 0
    # The view for chat models keeps every message in its place and shows no raw observation of a closed subgoal either.
    view = shown(memory)
    assert len(view) == len(memory.messages)
    assert sum("RAW observation" in text for text in view) == ACTIONS


def test_h1_two_subgoals_in_a_row_are_a_protocol_error_that_changes_nothing() -> None:
    memory = new_session()
    take_answer(memory, message("assistant", "Subgoal: one\nAction: go"))
    take_answer(memory, message("assistant", "Subgoal: two\nAction: go on"))
    before = (shown(memory), len(memory.edits))
    for answer in (
        "Subgoal: three\nSubgoal: four\nAction: x",
        "Subgoal: three",
        "I do not know",
        "Subgoal: x\nAction: retrieve(1)",
    ):
        with pytest.raises(InvalidInput):
            take_answer(memory, message("assistant", answer))
    assert (shown(memory), len(memory.edits)) == before


@pytest.mark.parametrize("spelling", ["retrieve(1, 3)", "retrieve(1,3)", "Retrieve( 1 ,3 )", "RETRIEVE(3;1)."])
def test_h2_retrieve_shows_chunks_byte_for_byte_without_a_step_of_the_environment(spelling: str) -> None:
    memory, environment = new_session(), Environment()
    run_episode(memory, environment, summarise=done)
    chunks = [list(memory.messages[s.opened_at : s.closed_at]) for s in memory.subgoals() if s.number in (1, 3)]
    steps = len(environment.received)
    assert take_answer(memory, message("assistant", f"Action: {spelling}")) is None
    assert len(environment.received) == steps
    assert not any("retrieve(" in action.lower() for action in environment.received)
    prompt, view = render_history(memory), memory.render()
    for chunk in chunks:
        for raw in chunk:
            assert raw in view
            if raw.role is Role.TOOL:
                assert raw.text in prompt
    action = take_answer(memory, message("assistant", "Subgoal: next\nAction: go"), summarise=done)
    assert action == "go"
    # Only the subgoal that was at work until now had raw observations, and it is folded too.
    assert "RAW observation" not in render_history(memory)


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("retrieve([1, 3])", (1, 3)), ("`retrieve(1)`", (1,)), ('retrieve("1", "3")', (1, 3)), ("retrieve(1 and 3)", (1, 3)),
        ("retrieve(id1, id3)", (1, 3)), ("retrieve(subgoals 2 to 4)", (2, 3, 4)), ("retrieve(1-3, 5)", (1, 2, 3, 5)),
        ("retrieve(1, 3) to see the prices", (1, 3)), ("retrieve(2", (2,)), ("retrieve(ids=[2])", (2,)),
        ("retrieve()", ()), ("retrieve(the key)", ()), ("retrieve(1.5)", ()), ("retrieve(3-1)", ()),
        ("retrieve(1-99999999)", ()), ("retrieve(99999999999)", ()), ("retrieve(report2024.txt)", ()),
    ],
)  # fmt: skip
def test_h2_no_spelling_of_retrieve_becomes_an_action_for_the_environment(said: str, numbers: tuple[int, ...]) -> None:
    step = parse_step(f"Action: {said}")
    assert (step.action, step.retrieve) == (None, numbers)
    assert (step.problem is None) == bool(numbers)


def test_before_the_first_subgoal_a_retrieve_is_told_to_open_one() -> None:
    with pytest.raises(InvalidInput, match="open one first"):
        hiagent.retrieve(new_session(), numbers=[1])


def test_h2_an_unknown_subgoal_is_refused_and_so_is_the_third_retrieve_in_a_row() -> None:
    memory, environment = new_session(), Environment()
    run_episode(memory, environment, subgoals=4)
    before = shown(memory)
    with pytest.raises(InvalidInput, match="99"):
        take_answer(memory, message("assistant", "Action: retrieve(99)"))
    assert shown(memory) == before
    take_answer(memory, message("assistant", "Action: retrieve(1)"))
    take_answer(memory, message("assistant", "Action: retrieve(2)"))
    with pytest.raises(InvalidInput, match="2 times"):
        take_answer(memory, message("assistant", "Action: retrieve(3)"))
    action = take_answer(memory, message("assistant", "Action: look"))
    assert action is not None
    memory.append([message("tool", environment.step(action))])
    take_answer(memory, message("assistant", "Action: retrieve(3)"))


def test_h3_evicted_chunks_are_exported_whole_and_keep_their_numbers() -> None:
    memory, environment = new_session(), Environment()
    run_episode(memory, environment, summarise=done, subgoals=15)
    whole = render_history(memory)
    budget = COUNT(whole) - sum(COUNT(subgoal.closed_lines()) for subgoal in memory.subgoals()[:2])
    short = render_history(memory, budget_tokens=budget)
    assert "left out: subgoals 1-3;" in short
    assert "4 Subgoal: tidy shelf 4" in short
    assert COUNT(short) <= budget
    assert len(memory.messages) == 1 + 15 * ACTIONS * 2
    replayed = Environment()
    trajectory = [line for action in environment.received for line in (action, replayed.step(action))]
    stored = [decode_message(encode_message(m)) for m in memory.messages]
    exported = [
        parse_step(m.text).action or "" if m.role is Role.ASSISTANT else m.text
        for m in stored
        if m.role is not Role.USER
    ]
    assert digest(exported) == digest(trajectory)
    take_answer(memory, message("assistant", "Action: retrieve(1)"))
    for prompt in (render_history(memory), render_history(memory, budget_tokens=budget)):
        assert all(line in prompt for line in trajectory[: 2 * ACTIONS]), (
            "retrieved is shown, whatever the budget leaves out"
        )


def digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def test_h4_last_observation_folding_halves_the_history_and_keeps_every_word_of_the_user(
    shared_data: Callable[[str], Path],
) -> None:
    """As published, with the user's turns as subgoals. It loses values that are needed later; see the folding figures."""
    import gzip

    full = folded = 0
    with gzip.open(shared_data("taubench_airline_dev.jsonl.gz"), "rt") as lines:
        for line in lines:
            memory = new_session(subgoal_summary="last_observation")
            for entry in read_transcript(line).messages:
                if entry.role is Role.ASSISTANT:
                    history = [at for at, m in enumerate(memory.messages) if m.role is not Role.SYSTEM]
                    full += sum(memory.raw_tokens(at) for at in history)
                    folded += sum(memory.shown_tokens(at) for at in history)
                elif entry.role is Role.USER and memory.last_user_at >= 0:
                    hiagent.open_subgoal(memory, text=entry.text[:200], at=len(memory.messages))
                memory.append([entry])
            closed = sum(not subgoal.is_open for subgoal in memory.subgoals())
            assert memory.shown_tokens() <= memory.raw_tokens() + 12 * closed
            said = [m for m in memory.messages if m.role is Role.USER]
            assert [m for m in memory.render() if m.role is Role.USER] == said
    assert 1 - folded / full >= 0.5


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", "the shelf is full"),
        ("\n\n", "the shelf is full"),
        ("\nfirst\nsecond\nthird", "first"),
        (None, "the shelf is full"),
    ],
)
def test_h5_a_failing_summariser_falls_back_and_no_observation_is_empty(said: str | None, expected: str) -> None:
    def summarise(subgoal: str, text: str) -> str:
        if said is None:
            raise RuntimeError("no model")
        return said

    memory = new_session()
    take_answer(memory, message("assistant", "Subgoal: fill the shelf\nAction: put"), summarise=summarise)
    memory.append([message("tool", "first " * 60), message("tool", "the shelf is full")])
    take_answer(memory, message("assistant", "Subgoal: next\nAction: go"), summarise=summarise)
    closed = memory.subgoals()[0]
    assert closed.summary is not None
    assert closed.summary.startswith(expected)
    assert f"Observation: {closed.summary}" in render_history(memory)


def test_h5_a_subgoal_in_which_nothing_was_observed_says_so() -> None:
    for summarise in (None, lambda *_: "", lambda *_: "\n \n"):
        memory = new_session()
        hiagent.open_subgoal(memory, text="wait")
        memory.append(tool_step("wait", "{}", "")[:1])
        hiagent.close_subgoal(memory, summarise=summarise)
        assert "Observation: nothing was observed" in render_history(memory)


def test_h5_asking_which_actions_there_are_is_no_outcome_of_a_subgoal() -> None:
    """As in the released code, whose summaries leave these pairs out: a list of all actions tells no outcome."""
    seen: list[str] = []

    def summarise(subgoal: str, text: str) -> str:
        seen.append(text)
        return ""

    valid = "open door, go north, look"
    for option in ("values", "last_observation"):
        memory = new_session(subgoal_summary=option)
        take_answer(memory, message("assistant", "Subgoal: take the key\nAction: take key"), summarise=summarise)
        memory.append([message("tool", "You hold the brass key. " * 20)])
        take_answer(memory, message("assistant", "Action: Check valid actions"), summarise=summarise)
        memory.append([message("tool", valid)])
        memory.append(tool_step("check_valid_actions", "{}", valid))
        take_answer(memory, message("assistant", "Subgoal: next\nAction: go"), summarise=summarise)
        summary = memory.subgoals()[0].summary
        assert summary is not None and summary.startswith("You hold the brass key.")
        assert "open door" not in summary
    assert len(seen) == 2 and not any("open door" in text for text in seen)
    alone = new_session()
    take_answer(alone, message("assistant", "Subgoal: look around\nAction: check valid actions"))
    alone.append([message("tool", valid)])
    take_answer(alone, message("assistant", "Subgoal: next\nAction: go"))
    assert (alone.subgoals()[0].summary or "").startswith(valid), "there is nothing else to tell"


def test_h5_a_session_that_is_resumed_in_the_middle_of_a_subgoal_gives_the_same_prompt() -> None:
    memory, environment = new_session(), Environment()
    run_episode(memory, environment, subgoals=3)
    again = new_session()
    again.append(memory.messages)
    for edit in memory.edits:
        again.replay(edit)
    assert render_history(again) == render_history(memory)
    assert again.render() == memory.render()
    assert again.shown_tokens() == memory.shown_tokens()


def test_labels_count_only_at_the_beginning_of_a_line() -> None:
    assert parse_step("Action: ask about the Subgoal: field").subgoal is None
    step = parse_step("I think...\n**Subgoal:** 2. Find the *Key*\n> Action: open Drawer A.")
    assert (step.subgoal, step.action) == ("Find the *Key", "open Drawer A.")
    assert parse_step("action: say retrieve(1)").action == "say retrieve(1)"


def test_what_users_say_and_what_is_pinned_stays_when_a_subgoal_closes() -> None:
    memory = new_session()
    hiagent.open_subgoal(memory, text="book a flight")
    steps = tool_step("search", '{"q": "flights to Porto"}', "flight TP-1, 300 EUR\n" * 30)
    memory.append(
        [*steps, message("user", "Take the early one."), *tool_step("book", '{"id": "TP-1"}', "booked\n" * 40)]
    )
    hiagent.close_subgoal(memory, summary="Booked TP-1.", satisfied=True)
    view = memory.render()
    assert view[2] == memory.messages[2]
    assert "Booked TP-1." in view[1].text
    assert [m.calls[0].arguments for m in view if m.calls] == ["{}", "{}"]
    assert [m.answers for m in view] == [m.answers for m in memory.messages]
    assert memory.subgoals()[0].satisfied is True
