"""The folding policy: what is shown of a conversation as it grows."""

from __future__ import annotations

import json

import pytest

from mnemic.domain.folding import PRESETS, Decision, Folder, FoldingItem, ItemKind, folded_arguments, is_json_call
from mnemic.domain.working_memory.messages import NOTHING_SHOWN
from tests.unit.folding_items import call, count, feed, folder, reservation, result, say, user


def test_an_identical_result_is_shown_as_a_reference_while_the_first_is_in_view() -> None:
    memory = folder("lossless")
    made = feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    assert len(made) == 1
    again = memory.append(result("get_r", reservation("economy")))
    assert again == [Decision(index=3, shown="[same as #1]", reason="identical to the result #1")]


def test_a_changed_result_is_shown_as_its_changes() -> None:
    memory = folder("lossless")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    (change,) = memory.append(result("get_r", reservation("business")))
    assert change.shown == "[#1 with changes]\n-cabin=economy\n+cabin=business"
    assert change.reason == "differs from #1 in 1 line"


def test_references_use_the_names_that_the_host_gives() -> None:
    memory = Folder(PRESETS["lossless"], count_tokens=count, refer=lambda index: f"msg{index}")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    assert memory.append(result("get_r", reservation("economy")))[0].shown == "[same as msg1]"


def test_a_reference_gets_its_own_text_back_when_its_base_is_hidden() -> None:
    memory = folder("lossless")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    memory.append(result("get_r", reservation("economy")))
    memory.exclude(1, visible=False)
    (change,) = memory.fold()
    assert change.index == 3 and "cabin=economy" in change.shown


def test_a_base_is_not_folded_while_something_in_view_refers_to_it() -> None:
    memory = folder("lean", keep=1, milestones=False)
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")))
    memory.close_chunk()
    memory.append(call("get_r", id="R1X9"))
    memory.append(result("get_r", reservation("economy")))
    memory.fold()
    assert memory.shown[3] == "[same as #1]" and "HAT001|120" in memory.shown[1]
    memory.close_chunk()
    feed(memory, user("next"))
    assert "HAT001|120" not in memory.shown[1] and not memory.shown[3].startswith("[same")


# ------------------------------------------------------------------------------------------------------------ policy


def test_a_value_that_changes_to_and_fro_is_told_with_what_is_gone() -> None:
    memory = folder()
    for cabin in ("economy", "business", "economy"):
        feed(memory, user("go on"), call("get_r", id="R1X9"), result("get_r", reservation(cabin)), say("done"))
    feed(memory, user("thanks"))
    assert memory.shown[2] == "R1X9: economy, HAT001, 120, HAT002, 95"
    assert memory.shown[6] == "R1X9: business (gone: economy)"
    assert memory.shown[10] == "R1X9: economy (gone: business)"


def test_what_a_user_said_is_never_touched() -> None:
    memory = folder()
    words = "my id is R1X9 " * 50
    feed(memory, user(words), say("x " * 200), user(words), say("y " * 200), user(words))
    assert [memory.shown[at] for at in (0, 2, 4)] == [words] * 3


def test_a_call_that_changes_something_stays_and_one_that_reads_goes() -> None:
    memory = folder()
    feed(memory, user("R1X9 please"), call("get_r", id="R1X9"), result("get_r", reservation("economy")))
    feed(memory, call("update_r", id="R1X9", cabin="business"), result("update_r", '{"ok": true}'), say("done"))
    feed(memory, user("thanks"))
    assert memory.shown[1] == NOTHING_SHOWN and folded_arguments(memory.shown[1]) == "{}"
    assert memory.shown[3] == json.dumps({"id": "R1X9", "cabin": "business"})


LONG = "I must check that what every card and certificate pays adds up to the whole price before I book it again"


def test_a_long_text_that_two_calls_were_given_stays_in_the_second_and_one_given_once_goes() -> None:
    other = "I should look at what the traveller wrote at the very beginning about the hours that he prefers to fly at"
    memory = folder("lean")
    for given in (other, LONG, LONG):
        feed(memory, call("think", thought=given), result("think", ""))
    feed(memory, user("next"), say("Which one?"), user("the first"))
    assert memory.shown[0] == memory.shown[2] == NOTHING_SHOWN and memory.shown[4] == LONG


def test_a_search_goes_on_with_the_words_that_it_was_given_before() -> None:
    memory = folder("lean")
    for page in range(3):
        feed(memory, call("search", query=LONG, page=page), result("search", f"page {page}: " + "nothing of it. " * 30))
    feed(memory, user("next"), say("Which one?"), user("the first"))
    assert any(LONG in shown for shown in memory.shown)


def test_folded_arguments_are_always_a_json_object() -> None:
    assert json.loads(folded_arguments('R1, "x"\n')) == {"folded": 'R1, "x"\n'}
    assert is_json_call(call("get", a=1)) and not is_json_call(FoldingItem(kind=ItemKind.CALL, text="open door"))


def test_a_thought_goes_and_its_values_stay_with_the_call() -> None:
    memory = folder()
    memory.append(FoldingItem(kind=ItemKind.THOUGHT, text="The key must be in drawer 7 of the blue desk."))
    memory.append(FoldingItem(kind=ItemKind.CALL, text="go to drawer 7", name="go"))
    memory.append(FoldingItem(kind=ItemKind.OBSERVATION, text="It is closed.", name="go"))
    feed(memory, user("and now?"), say("hm"))
    assert memory.shown[0] == NOTHING_SHOWN
    assert memory.shown[1].startswith("go to drawer 7 [") and "blue desk" in memory.shown[1]


def test_a_reply_that_ends_with_a_question_keeps_the_question() -> None:
    memory = folder()
    options = (
        "I found many flights for you on that day, here is what they cost. HAT001 is 120. Shall I book the first one?"
    )
    feed(memory, user("go"), say(options), user("yes"))
    assert memory.shown[1] == "… Shall I book the first one? [HAT001, 120]"


def test_a_failure_stays_in_view() -> None:
    memory = folder()
    feed(
        memory,
        user("go"),
        call("update_r", id="Z"),
        result("update_r", "Error: no such thing", is_error=True),
        say("oh"),
    )
    feed(memory, user("try again"))
    assert memory.shown[2] == "Error: no such thing"


def test_a_number_that_was_measured_stays_with_its_call() -> None:
    memory = folder()
    feed(memory, user("it was 10 degrees"), FoldingItem(kind=ItemKind.CALL, text="use thermometer", name="use"))
    feed(
        memory,
        FoldingItem(kind=ItemKind.OBSERVATION, text="the thermometer says 10 degrees", name="use"),
        user("so?"),
        say("ok"),
    )
    feed(memory, user("well"))
    assert memory.shown[2] == "the thermometer says 10 degrees"


def test_a_result_is_shown_in_full_once_before_it_is_folded() -> None:
    memory = folder()
    feed(memory, user("book it"), call("book", flight="HAT001"))
    memory.append(result("book", reservation("economy")))
    memory.fold()
    assert "HAT002|95" in memory.shown[2]
    feed(memory, say("booked"))
    assert memory.shown[2] == "R1X9: economy, 120, HAT002, 95"


def test_live_keeps_the_named_record_and_its_newer_versions_whole() -> None:
    memory = folder("live")
    rows = [{"number": f"HAT00{at}", "seats": at, "gate": f"G{at}", "kind": "a small plane"} for at in range(1, 9)]
    rows[2]["kind"] = "a large plane"
    feed(memory, call("search", day=1), result("search", json.dumps(rows)), say("HAT003 looks good."), user("fine"))
    feed(memory, say("ok"))
    kept, rest = memory.shown[1].split("\n")
    assert kept == "[{number=HAT003, seats=3, gate=G3, kind=a large plane}]"
    assert "HAT005" in rest and "G5" in rest
    rows[2]["seats"] = 9
    feed(memory, call("search", day=1), result("search", json.dumps(rows)), say("changed"), user("oh"), say("yes"))
    assert "HAT003|9|G3|a large plane" in memory.shown[6]


def test_appending_changes_nothing_earlier_and_every_item_keeps_its_place() -> None:
    memory = folder("lossless")
    before: list[str] = []
    for at in range(40):
        memory.append(call("get_r", id=f"R{at % 3}"))
        memory.append(result("get_r", reservation("economy" if at % 2 else "business", f"R{at % 3}")))
        assert memory.fold() == []
        assert memory.shown[: len(before)] == before
        before = list(memory.shown)
    assert len(memory.shown) == len(memory.items) == 80


def test_the_same_items_give_the_same_view() -> None:
    def view() -> list[str]:
        memory = folder("live")
        for at in range(30):
            feed(memory, user(f"tell me of R{at % 4}"), call("get_r", id=f"R{at % 4}"))
            feed(
                memory,
                result("get_r", reservation(f"class {at % 5}", f"R{at % 4}")),
                say(f"R{at % 4} is class {at % 5}"),
            )
        return memory.shown

    assert view() == view()


def test_an_excluded_item_is_never_touched_and_its_values_do_not_count_when_it_is_hidden() -> None:
    def view(visible: bool | None) -> list[str]:
        memory = folder()
        feed(memory, user("go"), call("get_r", id="A1"), result("get_r", '{"a": "Q77", "b": "Q78"}'))
        if visible is not None:
            memory.exclude(2, visible=visible)
        feed(
            memory,
            say("ok"),
            user("next"),
            call("get_s", id="A2"),
            result("get_s", '{"c": "Q77", "d": "Q79"}'),
            say("ok"),
        )
        feed(memory, user("thanks"))
        return memory.shown

    assert view(None)[2] == "A1: Q77, Q78" and "Q77" not in view(None)[6]
    assert view(True)[2] == '{"a": "Q77", "b": "Q78"}' and "Q77" not in view(True)[6]
    assert "Q77" in view(False)[6]


def test_the_gate_folds_only_what_pays() -> None:
    def edits(steps: int) -> int:
        memory = folder("k2", expected_steps=steps)
        made = 0
        for at in range(8):
            memory.append(user(f"next {at}"))
            memory.append(call("get_r", id=f"R{at}"))
            memory.append(result("get_r", reservation("economy", f"R{at}")))
            made += len(memory.fold())
        return made

    assert edits(0) == 0 < edits(1000)


def test_the_preset_none_changes_nothing_and_hiagent_keeps_the_last_message() -> None:
    items = [
        user("go"),
        call("get_r", id="A"),
        result("get_r", reservation("economy")),
        say("z " * 400),
        user("more"),
        say("ok"),
    ]
    plain = folder("none")
    feed(plain, *items)
    assert plain.shown == [item.text for item in items]
    last = folder("hiagent")
    feed(last, *items)
    assert last.shown == ["go", NOTHING_SHOWN, NOTHING_SHOWN, ("z " * 400)[:300], "more", "ok"]


def test_unknown_items_cannot_be_excluded() -> None:
    with pytest.raises(IndexError):
        folder().exclude(3, visible=True)


def test_chunks_end_at_milestones_user_turns_and_the_limit_of_steps() -> None:
    memory = folder(maxlen=3)
    act = [call("update", a=1), result("update", "done")]
    for item in [user("a"), call("get", a=1), result("get", "x"), *act, *act, call("get", a=2), result("get", "y")]:
        memory.append(item)
    assert list(memory.chunk_ends) == list(memory.milestones) == [5]
    for at in range(3):
        memory.append(call("get", b=at))
        memory.append(result("get", f"z{at}"))
    assert list(memory.chunk_ends) == [5, 11]
    memory.append(user("b"))
    memory.close_chunk()
    memory.close_chunk()
    assert list(memory.chunk_ends) == [5, 11, 15, 16] and list(memory.milestones) == [5]


def test_folded_lines_are_dropped_once_enough_of_them_are_overridden() -> None:
    memory = folder(maxlen=1)
    for text in ("a: 1\nb: 1\nc: 1\nd: 1", "a: 2\nb: 1\nx: 1", "c: 3\nd: 3\ny: 1"):
        memory.append(call("status"))
        memory.append(result("status", text))
        memory.fold()
    assert memory.shown[1] == NOTHING_SHOWN or "a: 1" not in memory.shown[1]
    last: dict[str, str] = {}
    for shown in memory.shown:
        pairs = (line.partition(": ") for line in shown.split("\n"))
        last.update((key, value) for key, found, value in pairs if found)
    assert last == {"a": "2", "b": "1", "c": "3", "d": "3", "x": "1", "y": "1"}


def test_changes_get_their_own_text_back_when_their_base_is_pinned_in_its_first_form() -> None:
    memory = folder("lossless")
    feed(memory, call("get_r", id="R1X9"), result("get_r", reservation("economy")), call("get_r", id="R1X9"))
    memory.append(result("get_r", reservation("business")))
    memory.exclude(1, visible=True)
    (change,) = memory.fold()
    assert memory.shown[1] == reservation("economy") and change.index == 3 and "cabin=business" in change.shown


def test_nothing_is_folded_to_something_longer() -> None:
    memory = folder(say_tokens=1)
    feed(memory, user("hi"), say("Q7 A8 B9 C6 D5 E4"), user("so"), say("ok"), user("bye"))
    assert memory.shown[1] == "Q7 A8 B9 C6 D5 E4"
