"""What trajectories teach without a model: procedures, fixes, contrasts, preconditions."""

from __future__ import annotations

import random
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mnemic.domain.experience.causes import distil_preconditions, idle_tools
from mnemic.domain.experience.contrasts import common_steps, first_divergence, segments_of
from mnemic.domain.experience.experience import Experience, Facet, confidence_of
from mnemic.domain.experience.extraction import distil, distil_contrasts, distil_success, group_by_task
from mnemic.domain.experience.faithful import unsupported
from mnemic.domain.experience.fixes import distil_failures
from mnemic.domain.experience.procedures import procedure_lines, procedure_of
from mnemic.domain.experience.trajectory import Trajectory
from mnemic.domain.experience.wording import (
    MOST_CONTENT_CHARS,
    MOST_SITUATION_CHARS,
    generalise,
    task_line,
)
from tests.experience.citing import cited_texts
from tests.experience.trials import Turn, game, trial

ASK = "Please cancel reservation M05KNL, my user id is ana_li_12."
USER: Turn = ("get_user", {"user_id": "ana_li_12"}, {"reservations": ["M05KNL"], "card": "gift_card_77"})
DETAILS: Turn = ("get_reservation", {"reservation_id": "M05KNL"}, {"payment": "credit_card_9", "price": 120})
CANCEL: Turn = ("cancel", {"reservation_id": "M05KNL", "refund_to": "credit_card_9"}, "done")
REFUSED: Turn = (
    "cancel",
    {"reservation_id": "M05KNL", "refund_to": "gift_card_77"},
    "Error: gift_card_77 cannot be refunded",
)


def success_of(*trials: Trajectory) -> Experience:
    (group,) = group_by_task(trials)
    (experience,) = distil_success(group)
    return experience


def test_the_shortest_successful_run_becomes_the_procedure() -> None:
    long = trial(ASK, USER, DETAILS, ("list_all", {}, "[1, 2]"), CANCEL, id="1/0")
    short = trial(ASK, USER, DETAILS, CANCEL, id="1/1")
    failed = trial(ASK, CANCEL, id="1/2", reward=0.0)
    found = success_of(long, short, failed)
    assert found.tools == ("get_user", "get_reservation", "cancel")
    assert found.evidence == ("1/1", "1/0")
    assert (found.support, found.against, found.confidence) == (2, 0, 2 / 3)


def test_each_parameter_is_told_with_the_place_where_its_value_was_seen_first() -> None:
    lines = procedure_lines(procedure_of(trial(ASK, USER, DETAILS, CANCEL)))
    assert lines == (
        "Call get_user (user_id from the user).",
        "Call get_reservation (reservation_id from the user).",
        "Call cancel (reservation_id from the user; refund_to from the result of get_reservation).",
    )


def test_a_value_that_nothing_showed_is_told_without_a_source() -> None:
    (line,) = procedure_lines(procedure_of(trial("Do it.", ("pay", {"amount": 991, "note": "for lunch"}, "ok"))))
    assert line == "Call pay (amount and note)."


def test_failed_calls_repeated_reading_and_loops_are_left_out() -> None:
    run = trial(ASK, USER, USER, REFUSED, DETAILS, USER, ("think", {"thought": "hm"}, ""), CANCEL)
    assert procedure_of(run).tools == ("get_user", "get_reservation", "cancel")
    walk = [("go to desk 1", "You see a lamp."), ("open drawer 1", "It is empty.")]
    assert len(procedure_of(game(*walk, *walk, *walk)).kept) == 2


def test_a_command_in_words_is_told_without_the_numbers_of_its_things() -> None:
    run = game(
        ("go to fridge 1", "Closed."), ("open fridge 1", "A potato 2."), ("take potato 2 from fridge 1", "Taken.")
    )
    assert procedure_lines(procedure_of(run)) == ("Go to fridge.", "Open fridge.", "Take potato from fridge.")


def test_commands_that_read_the_same_stand_once() -> None:
    run = game(*((f"{verb} drawer {at}", f"Drawer {at}.") for at in range(5) for verb in ("go to", "open")))
    assert procedure_lines(procedure_of(run)) == ("Go to drawer (more than once).", "Open drawer (more than once).")


def test_a_task_is_generalised_by_what_the_calls_took_as_arguments() -> None:
    run = trial(ASK, USER, DETAILS)
    assert generalise(run.task, run.steps) == "Please cancel reservation <reservation_id>, my user id is <user_id>."
    assert generalise("Pay $12 to Ana on May 3") == "Pay <number> to <name> on <date>"
    walk = game(
        ("take laptop 1 from desk 1", "ok"),
        ("put laptop 1 in/on sofa 1", "ok"),
        task="Your task is to: put some laptop on sofa.",
    )
    assert generalise(task_line(walk.task), walk.steps) == "put some <object> on <place>."


def test_an_error_is_told_with_what_worked_next() -> None:
    (found,) = distil_failures([trial(ASK, USER, REFUSED, DETAILS, CANCEL)])
    assert found.facet is Facet.FAILURE
    assert found.when_to_use == 'When cancel answers "… cannot be refunded".'
    assert found.content == (
        'cancel failed with "… cannot be refunded". '
        "First call get_reservation, then call cancel again with another value of refund_to: that worked next."
    )
    assert found.evidence == ("1/0#2", "1/0#3", "1/0#4")


def test_an_error_that_nobody_got_past_is_told_only_when_two_trajectories_ran_into_it() -> None:
    once = trial(ASK, REFUSED, id="1/0", reward=0.0)
    twice = trial(ASK, REFUSED, id="1/1", reward=0.0)
    assert distil_failures([once]) == ()
    (found,) = distil_failures([once, twice])
    assert found.support == 2
    assert "no way past it was seen" in found.content


def test_what_arguments_had_in_common_only_when_the_call_failed_is_told() -> None:
    runs = [trial(ASK, REFUSED, CANCEL, id=f"1/{at}") for at in range(2)]
    (found,) = distil_failures(runs)
    assert 'when refund_to was a "gift_card"' in found.content
    also_works: Turn = ("cancel", {"reservation_id": "X1", "refund_to": "gift_card_5"}, "done")
    (found,) = distil_failures([*runs, trial(ASK, also_works, id="1/9")])
    assert "gift_card" not in found.content


def test_a_later_call_for_another_purpose_is_no_fix() -> None:
    other: Turn = ("cancel", {"reservation_id": "Q9ZZZ1", "refund_to": "credit_card_1"}, "done")
    assert distil_failures([trial(ASK, REFUSED, other)]) == ()


def test_the_best_and_the_worst_trial_are_told_apart_where_they_part_first() -> None:
    good = trial(ASK, USER, DETAILS, CANCEL, id="1/0")
    bad = trial(ASK, USER, ("transfer", {"why": "refund"}, "ok"), id="1/1", reward=0.0)
    (group,) = group_by_task([good, bad])
    (found,) = distil_contrasts(group)
    assert found.content == (
        "After get_user, the run that succeeded went on with get_reservation; the run that failed went on with transfer. "
        "Only the run that succeeded used get_reservation and cancel. Only the run that failed used transfer. "
        "transfer MAY NOT CONTRIBUTE to this task."
    )


def test_trials_that_called_the_same_tools_are_told_apart_by_their_arguments() -> None:
    bad = trial(
        ASK, USER, DETAILS, ("cancel", {"reservation_id": "M05KNL", "refund_to": "cash"}, "done"), id="1/1", reward=0.0
    )
    (group,) = group_by_task([trial(ASK, USER, DETAILS, CANCEL, id="1/0"), bad])
    (found,) = distil_contrasts(group)
    assert "They differ first in the arguments of cancel: refund_to." in found.content


def test_a_tool_that_the_good_run_tried_in_vain_is_not_called_the_bad_runs_own() -> None:
    good = trial(ASK, ("transfer", {"why": "x"}, "Error: busy"), USER, CANCEL, id="1/0")
    bad = trial(ASK, USER, ("transfer", {"why": "x"}, "ok"), id="1/1", reward=0.0)
    (group,) = group_by_task([good, bad])
    (found,) = distil_contrasts(group)
    assert "Only the run that failed" not in found.content
    assert "CONTRIBUTE" not in found.content


def test_similar_pieces_are_compared_only_above_one_half() -> None:
    good = trial(ASK, USER, "Go on.", DETAILS, CANCEL, id="1/0")
    bad = trial(ASK, USER, "Go on.", CANCEL, id="1/1", reward=0.0)
    (group,) = group_by_task([good, bad])
    assert len(distil_contrasts(group, lambda left, right: 0.5)) == 1
    hard = distil_contrasts(group, lambda left, right: 0.9 if "Go on." in left and "Go on." in right else 0.0)[1:]
    assert all("In the part that begins with" in found.content for found in hard)
    assert [len(piece.kept) for piece in segments_of(procedure_of(good))] == [1, 2]


def test_what_always_came_before_may_be_necessary_and_after_three_successes_should() -> None:
    runs = [trial(ASK, DETAILS, CANCEL, id=f"{at}/0", task_id=str(at)) for at in range(4)]
    assert distil_preconditions(runs[:1]) == ()
    assert "get_reservation MAY BE NECESSARY to cancel." in distil_preconditions(runs[:2])[0].content
    (sure,) = distil_preconditions(runs[:3])
    assert "get_reservation SHOULD BE NECESSARY to cancel." in sure.content
    assert sure.confidence == confidence_of(3) == 0.75


def test_one_exception_takes_the_necessity_back() -> None:
    runs = [trial(ASK, DETAILS, CANCEL, id=f"{at}/0") for at in range(4)]
    without = trial(ASK, CANCEL, id="9/0", reward=0.0)
    assert distil_preconditions([*runs, without]) == ()
    assert distil_preconditions(runs, [without]) == ()


def test_a_tool_of_failures_alone_does_not_contribute_once_it_was_seen_often() -> None:
    good = [trial(ASK, CANCEL, id=f"g/{at}") for at in range(3)]
    bad = [trial(ASK, ("transfer", {}, "ok"), id=f"b/{at}", reward=0.0) for at in range(3)]
    assert idle_tools(good, bad) == ("transfer DOES NOT CONTRIBUTE to this task.",)
    assert idle_tools(good, bad[:2]) == ("transfer MAY NOT CONTRIBUTE to this task.",)
    assert idle_tools([], bad) == ()


def test_only_success_teaches_a_procedure_and_a_trial_without_reward_teaches_none() -> None:
    assert distil([trial(ASK, CANCEL, reward=0.0)]) == ()
    assert distil([trial(ASK, CANCEL, reward=None)]) == ()
    assert distil([]) == ()


def test_a_long_procedure_says_that_it_goes_on() -> None:
    run = trial(ASK, *((f"tool_{at}", {"value": at}, "ok") for at in range(200)))
    found = success_of(run)
    assert found.content.endswith("Further steps are in the evidence.")
    assert len(found.content) <= MOST_CONTENT_CHARS


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 4), max_size=12))
def test_a_common_subsequence_is_common_and_ascending(left: list[int], right: list[int]) -> None:
    pairs = common_steps(left, right)
    assert all(left[i] == right[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    assert (first_divergence(left, right) is None) == (left == right)


_tools = st.sampled_from(["get_user", "search", "book", "cancel", "pay_now"])
_values = st.sampled_from(
    ["ana_12", "M05KNL", "12.50", "2024-05-03", "Porto", "three bags", 7, True, None, ["X_1", {"a": "b@c.de"}]]
)
_results = st.sampled_from(
    ["ok", '{"id": "Z_99"}', "Error: card_12 was refused", "Nothing happens.", "", '{"error": "no such user: Bob"}']
)
_calls = st.tuples(_tools, st.dictionaries(st.sampled_from(["id", "date", "to"]), _values, max_size=3), _results)
_users = st.sampled_from([ASK, "My name is Ana Li.", "Pay 12.50 on May 3rd, please.", "Hi!"])
_trials = st.lists(
    st.tuples(st.lists(_calls | _users, min_size=1, max_size=8), st.sampled_from(["1", "2"]), st.booleans()), max_size=6
)


@given(_trials)
def test_nothing_is_distilled_that_the_cited_evidence_does_not_say(trials: list[tuple[list[Turn], str, bool]]) -> None:
    runs = [
        trial("Help.", *turns, id=f"{task}/{at}", task_id=task, reward=float(good))
        for at, (turns, task, good) in enumerate(trials)
    ]
    by_id = {run.id: run for run in runs}
    for found in distil(runs, similarity=lambda left, right: 0.8):
        assert unsupported(found.text, cited_texts(found, by_id)) == (), found
        assert found.evidence and found.support >= 1
        assert 0 < found.confidence < 1
        assert len(found.when_to_use) <= MOST_SITUATION_CHARS and len(found.content) <= MOST_CONTENT_CHARS


@given(_trials, st.randoms())
def test_the_order_in_which_trials_come_does_not_matter(
    trials: list[tuple[list[Turn], str, bool]], rng: random.Random
) -> None:
    runs = [
        trial("Help.", *turns, id=f"{task}/{at}", task_id=task, reward=float(good))
        for at, (turns, task, good) in enumerate(trials)
    ]
    shuffled = runs.copy()
    rng.shuffle(shuffled)
    assert distil(runs) == distil(shuffled)


def test_two_thousand_steps_are_distilled_in_a_moment() -> None:
    turns: list[Turn] = [(f"tool_{at % 7}", {"a": f"v_{at}", "b": [at, f"w{at}"]}, f"x_{at} y") for at in range(2_000)]
    runs = [trial(ASK, *turns, id="1/0"), trial(ASK, *turns[::-1], id="1/1", reward=0.0)]
    start = time.thread_time()
    found = distil(runs, similarity=lambda left, right: 0.9)
    assert found
    assert time.thread_time() - start < 10


def test_a_success_that_went_another_way_is_counted_against_the_procedure() -> None:
    direct = trial(ASK, CANCEL, id="1/0")
    another = trial(ASK, USER, ("transfer", {"why": "x"}, "ok"), id="1/1")
    found = success_of(direct, another)
    assert (found.evidence, found.support, found.against, found.confidence) == (("1/0",), 1, 1, 0.5)


def test_the_typical_success_is_preferred_where_it_is_asked_for() -> None:
    runs = [trial(ASK, CANCEL, id="1/0"), *(trial(ASK, USER, DETAILS, CANCEL, id=f"1/{at}") for at in (1, 2))]
    (group,) = group_by_task(runs)
    assert distil_success(group)[0].tools == ("cancel",)
    (typical,) = distil_success(group, "typical")
    assert (typical.tools, typical.support) == (("get_user", "get_reservation", "cancel"), 2)


def test_a_greeting_is_no_part_of_the_task() -> None:
    assert task_line("Hi there! I want to cancel a flight.") == "I want to cancel a flight."
    assert task_line("Hello.") == "Hello."
