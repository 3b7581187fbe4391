"""Sculptor's tools and pruning by the agent: published schemas, exact effects, everything reversible."""

from __future__ import annotations

import json
import random
import re
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from mnemic.domain.working_memory import sculptor, search
from mnemic.domain.working_memory.fragments import Display, FragmentState, make_id
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput
from mnemic.storage.sql.session_codec import decode_edit, encode_edit
from tests.working_memory.scripts import message, new_session, shown, tool_step

UPDATES = (4, 8, 16, 64, 256)


KEYS = 46


def with_text(text: str, *, answered: bool = True, **options: Any) -> WorkingMemory:
    memory = new_session(**options)
    memory.append([message("system", "Be kind."), message("user", text)])
    if answered:
        memory.append([message("assistant", "Understood.")])
    return memory


def test_s2_ranges_and_defaults_are_the_published_ones() -> None:
    memory = with_text("\n".join(f"line {at} of the story." for at in range(100)))
    for pieces in (0, 21):
        with pytest.raises(InvalidInput):
            sculptor.fragment_context(memory, start_marker="line 1 ", end_marker="line 9 ", num_fragments=pieces)
    searches: list[dict[str, Any]] = [
        {"context_size": 49}, {"context_size": 1001}, {"max_results": 51}, {"max_results": 0}, {"role": "tool"},
    ]  # fmt: skip
    for wrong in searches:
        with pytest.raises(InvalidInput):
            search.search_context(memory, query="line", **wrong)
    hit = search.search_context(memory, query="line 7").ids[0]
    for size in (99, 2001):
        with pytest.raises(InvalidInput):
            search.get_search_detail(memory, search_id=hit, extended_context=size)
    cut = sculptor.fragment_context(memory, start_marker="line 0 ", end_marker="line 99 of the story.")
    assert len(cut.ids) == 5
    assert all(re.fullmatch(r"f[0-9a-z]{5}", id) for id in cut.ids)
    assert all(re.fullmatch(r"s[0-9a-z]{5}", id) for id in search.search_context(memory, query="line").ids)
    with pytest.raises(InvalidInput):  # the assistant said no such thing, and the default role is the user
        sculptor.fragment_context(memory, start_marker="Understood", end_marker="Understood")


def test_s2_ten_thousand_ids_are_unique() -> None:
    taken: set[str] = set()
    for at in range(10_000):
        taken.add(make_id("f", taken.__contains__, "session", "message", at))
    assert len(taken) == 10_000


def test_pieces_put_together_are_the_original_and_fold_to_markers() -> None:
    text = "\n".join(f"line {at}: " + "word " * 12 for at in range(40))
    memory = with_text(text, safe_folding=False)
    cut = sculptor.fragment_context(memory, start_marker="line 0:", end_marker="line 39:", num_fragments=7)
    pieces = [memory.original(memory.fragment(id)) for id in cut.ids]
    assert "".join(pieces) == text[: text.index("line 39:") + len("line 39:")]
    assert all(piece.endswith("\n") for piece in pieces[:-1])
    sculptor.fold_fragment(memory, fragment_id=cut.ids[2])
    tokens = memory.fragment(cut.ids[2]).tokens
    assert f"[folded {cut.ids[2]} · {tokens} tok · restore_fragment to view]" in shown(memory)[1]
    again = sculptor.fold_fragment(memory, fragment_id=cut.ids[2])
    assert again.edit.changes == ()
    sculptor.summarize_fragment(memory, fragment_id=cut.ids[3], focus="words")
    assert f"[summary of {cut.ids[3]} (focus: words)] " in shown(memory)[1]
    for id in cut.ids:
        sculptor.restore_fragment(memory, fragment_id=id)
    assert memory.render() == memory.messages


def shown_window(said: str) -> str:
    """The last quotation in what a search said."""
    return "\n".join(line.removeprefix("> ") for line in said.rsplit("):\n", 1)[1].split("\n"))


def test_s4_search_is_literal_finds_what_is_folded_and_changes_nothing_in_view() -> None:
    text = "Alpha (one) [x].\n" + "filler " * 200 + "\nThe secret is (one) [x] again.\n" + "filler " * 200 + "\nEnd."
    memory = with_text(text)
    cut = sculptor.fragment_context(memory, start_marker="The secret", end_marker="again.", num_fragments=1)
    sculptor.fold_fragment(memory, fragment_id=cut.ids[0])
    before = memory.render()
    found = search.search_context(memory, query="(one) [x]", context_size=50)
    assert len(found.ids) == 2
    assert f"folded in {cut.ids[0]}" in found.said
    assert "visible" in found.said
    for size in (50, 120):
        said = search.search_context(memory, query="(one) [x] again", context_size=size).said
        at = text.index("(one) [x] again")
        assert shown_window(said) == text[at - size : at + len("(one) [x] again") + size]
    assert search.search_context(memory, query="(one).*").ids == ()
    many = search.search_context(memory, query="filler", max_results=50)
    assert len(many.ids) == 50
    assert "there are more" in many.said
    detail = search.get_search_detail(memory, search_id=found.ids[1], extended_context=100)
    at = text.index("(one) [x] again")
    assert shown_window(detail.said) == text[at - 100 : at + len("(one) [x]") + 100]
    # What a tool says is the last message; nothing before it has changed, so a prompt cache holds.
    memory.append(tool_step("search_context", "{}", found.said))
    assert memory.render()[: len(before)] == before
    assert memory.render()[-1].text == found.said
    memory.append([message("user", "next turn")])
    with pytest.raises(InvalidInput, match="expired"):
        search.get_search_detail(memory, search_id=found.ids[1])


def test_search_finds_the_arguments_of_a_call_where_they_are_hidden_and_the_call_comes_back() -> None:
    memory = new_session()
    memory.append([message("user", "Look it up."), *tool_step("find_user", '{"name": "Ana", "zip": "94105"}', "found")])
    call = memory.messages[1].calls[0]
    assert search.search_context(memory, query="94105", role="all").ids == ()
    cover, made = memory.covering((memory.messages[1].id, call.id))
    hidden = Display(state=FragmentState.FOLDED, text='{"folded": "Ana"}', reason="test")
    memory.record("test", [*made, memory.change(Cell.DISPLAY, cover.id, hidden)])
    for role, hits in (("user", 0), ("assistant", 1), ("all", 1)):
        assert len(search.search_context(memory, query="94105", role=role).ids) == hits
    found = search.search_context(memory, query="94105", role="all")
    assert f"(call of find_user, folded in {cover.id}):" in found.said
    assert '"zip": "94105"' in search.get_search_detail(memory, search_id=found.ids[0]).said
    assert [decode_edit(encode_edit(edit)) for edit in memory.edits] == memory.edits
    sculptor.restore_fragment(memory, fragment_id=cover.id)
    assert memory.render()[1].calls == (call,)
    assert search.search_context(memory, query="94105", role="all").ids == ()


def stream(updates: int, seed: int = 5) -> tuple[list[str], dict[str, str]]:
    """A stream of updates of 46 keys in random order, and the latest values."""
    rng = random.Random(seed)
    lines = [
        f"key{key:02d}: the value number {number} of what key {key} may have in this stream"
        for number in range(updates)
        for key in range(KEYS)
    ]
    rng.shuffle(lines)
    latest = {line.split(": ")[0]: line.split(": ")[1] for line in lines}
    return lines, latest


def read_last(text: str) -> dict[str, str]:
    """What a reader takes for true who takes the last visible line of each key."""
    return dict(line.split(": ") for line in text.splitlines() if re.fullmatch(r"key\d\d: .+", line))


def cut_stream(lines: list[str], *, safe: bool) -> tuple[WorkingMemory, tuple[str, ...]]:
    """A session that holds the stream, cut into ten fragments."""
    memory = with_text("\n".join(["BEGIN", *lines, "END"]), safe_folding=safe)
    return memory, sculptor.fragment_context(memory, start_marker="BEGIN", end_marker="END", num_fragments=10).ids


@pytest.mark.parametrize("updates", UPDATES)
def test_s3_folding_seven_of_ten_as_published_loses_latest_values_of_keys_that_change_seldom(updates: int) -> None:
    shares, scores = [], []
    for seed in range(20 if updates <= 16 else 4):
        lines, latest = stream(updates, seed)
        memory, ids = cut_stream(lines, safe=False)
        markers = 0
        for id in ids[:7]:
            sculptor.fold_fragment(memory, fragment_id=id)
            display = memory.display(id)
            markers += memory.count(display.text if display else "")
        found = read_last(shown(memory)[1])
        scores.append(sum(found.get(key) == value for key, value in latest.items()) / KEYS)
        # The markers themselves are a twentieth of so short a stream; they are left out of the share.
        shares.append(1 - (memory.shown_tokens() - markers) / memory.raw_tokens())
    assert sum(shares) / len(shares) == pytest.approx(0.70, abs=0.03)
    if updates == 4:
        assert sum(scores) / len(scores) == pytest.approx(0.763, abs=0.05)
    elif updates >= 16:
        assert sum(scores) / len(scores) >= 0.995


@pytest.mark.parametrize("updates", UPDATES)
def test_s3_safe_folding_keeps_every_latest_value_whatever_is_folded(updates: int) -> None:
    shares = []
    for seed in range(20 if updates <= 16 else 4):
        lines, latest = stream(updates, seed)
        memory, ids = cut_stream(lines, safe=True)
        before = memory.shown_tokens()
        for id in ids:
            with suppress(InvalidInput):  # a fragment of nothing but latest values
                sculptor.fold_fragment(memory, fragment_id=id)
            assert read_last(shown(memory)[1]) == latest
        shares.append(1 - memory.shown_tokens() / before)
    share = sum(shares) / len(shares)
    assert share >= {4: 0.60, 8: 0.75}.get(updates, 0.85), share


@pytest.mark.parametrize(
    ("start", "end", "role", "says"),
    [
        ("nowhere", "End", "user", "does not occur"),
        ("twice", "End", "user", "occurs 2 times"),
        ("Begin", "elsewhere", "user", 'role="all"'),
        ("let x", "End", "user", "code block"),
        ("Begin", '"b"', "user", "JSON"),
        ("Begin", "End", "everyone", "role"),
        ("", "End", "user", "empty"),
    ],
)
def test_a_marker_that_cannot_be_followed_is_a_clear_error_and_nothing_changes(
    start: str, end: str, role: str, says: str
) -> None:
    memory = new_session()
    text = 'Begin twice twice.\n```js\nlet x = 1;\n```\n{"a": 1, "b": 2}\nEnd of it.'
    memory.append([message("user", text), message("assistant", "and elsewhere"), message("user", "elsewhere")])
    edits, before = len(memory.edits), memory.render()
    with pytest.raises(InvalidInput) as error:
        sculptor.fragment_context(memory, start_marker=start, end_marker=end, num_fragments=2, role=role)
    assert says in str(error.value)
    assert error.value.hint
    assert (len(memory.edits), memory.render()) == (edits, before)


def test_code_blocks_and_json_stay_whole() -> None:
    code = "```python\n" + "x = 1\n" * 50 + "```\n"
    memory = with_text("Begin.\n" + code + json.dumps({"a": list(range(60))}) + "\nEnd of it.")
    with pytest.raises(InvalidInput, match="code blocks and JSON stay whole"):
        sculptor.fragment_context(memory, start_marker="```python", end_marker="x = 1\n```", num_fragments=3)
    cut = sculptor.fragment_context(memory, start_marker="Begin.", end_marker="End of it.", num_fragments=3)
    pieces = [memory.original(memory.fragment(id)) for id in cut.ids]
    assert all(piece.count("```") in (0, 2) and piece.count("{") == piece.count("}") for piece in pieces)


def test_overlapping_a_hidden_fragment_is_refused_and_a_visible_one_gives_way() -> None:
    memory = with_text("\n".join(f"line {at} is here" for at in range(30)))
    first = sculptor.fragment_context(memory, start_marker="line 0 ", end_marker="line 20 is", num_fragments=2)
    sculptor.fold_fragment(memory, fragment_id=first.ids[0])
    with pytest.raises(InvalidInput, match=first.ids[0]):
        sculptor.fragment_context(memory, start_marker="line 3 ", end_marker="line 25 is", num_fragments=2)
    sculptor.restore_fragment(memory, fragment_id=first.ids[0])
    sculptor.fragment_context(memory, start_marker="line 3 ", end_marker="line 25 is", num_fragments=2)
    with pytest.raises(InvalidInput, match="no fragment"):
        sculptor.fold_fragment(memory, fragment_id=first.ids[0])


def test_with_role_all_a_cut_goes_over_messages_but_no_fragment_does() -> None:
    memory = new_session()
    memory.append(
        [
            message("user", "first part, long enough"),
            message("assistant", "second part"),
            *tool_step("get", "{}", "third part"),
        ]
    )
    with pytest.raises(InvalidInput, match="span 3 messages"):
        sculptor.fragment_context(memory, start_marker="part, long", end_marker="third", num_fragments=2, role="all")
    cut = sculptor.fragment_context(memory, start_marker="part, long", end_marker="third", num_fragments=3, role="all")
    assert [memory.original(memory.fragment(id)) for id in cut.ids] == ["part, long enough", "second part", "third"]


def test_an_unanswered_request_and_a_pinned_message_are_not_hidden_and_an_open_error_is_told() -> None:
    memory = with_text("please do this and that", answered=False)
    cut = sculptor.fragment_context(memory, start_marker="please", end_marker="that", num_fragments=1)
    with pytest.raises(InvalidInput, match="no answer yet"):
        sculptor.fold_fragment(memory, fragment_id=cut.ids[0])
    memory.append([*tool_step("run", "{}", "the disk failed", is_error=True), message("assistant", "It failed.")])
    sculptor.fold_fragment(memory, fragment_id=cut.ids[0])
    error = sculptor.fragment_context(
        memory, start_marker="the disk", end_marker="disk failed", num_fragments=1, role="all"
    )
    assert "nothing has solved" in sculptor.fold_fragment(memory, fragment_id=error.ids[0]).warnings[0]
    memory.record("pin", [memory.change(Cell.PIN, memory.messages[1].id, "kept")])
    sculptor.restore_fragment(memory, fragment_id=cut.ids[0])
    with pytest.raises(InvalidInput, match="pinned"):
        sculptor.fold_fragment(memory, fragment_id=cut.ids[0])


def test_a_summary_of_what_is_folded_says_that_it_shows_more() -> None:
    memory = with_text("<<\n" + "\n".join(f"error {at}: path/to/{at}.txt" for at in range(30)) + "\n>>")
    cut = sculptor.fragment_context(memory, start_marker="<<", end_marker=">>", num_fragments=1)
    sculptor.fold_fragment(memory, fragment_id=cut.ids[0])
    folded = memory.shown_tokens()
    said = sculptor.summarize_fragment(memory, fragment_id=cut.ids[0], focus="errors").said
    assert f", {memory.shown_tokens() - folded} tokens more: " in said


def test_a_summary_is_never_empty_and_never_longer_than_what_it_replaces() -> None:
    texts = [
        "word " * 40,
        "a" * 400,
        "\n".join(f"error {at}: path/to/{at}.txt" for at in range(30)),
        "中文" * 200,
        "x\n" * 100,
    ]

    def fails(*_: str) -> str:
        raise RuntimeError("no model")

    models: list[sculptor.Summarise | None] = [None, fails, lambda *_: "", lambda text, _: text * 3, lambda *_: "short"]
    for text, model in product(texts, models):
        memory = with_text(f"<<\n{text}\n>>")
        cut = sculptor.fragment_context(memory, start_marker="<<", end_marker=">>", num_fragments=1)
        before = memory.shown_tokens()
        sculptor.summarize_fragment(memory, fragment_id=cut.ids[0], focus="errors", summarise=model)
        assert memory.shown_tokens() <= before
        display = memory.display(cut.ids[0])
        assert display is not None
        assert display.state is FragmentState.SUMMARIZED
        assert display.text.split("] ", 1)[1].strip()


def test_undo_and_redo_walk_through_every_edit() -> None:
    memory = with_text("\n".join(f"line {at} is here" for at in range(30)))
    views = [memory.render()]
    cut = sculptor.fragment_context(memory, start_marker="line 0 ", end_marker="line 29 is", num_fragments=3)
    for id in cut.ids:
        sculptor.fold_fragment(memory, fragment_id=id)
        views.append(memory.render())
    for view in reversed(views[:-1]):
        memory.undo()
        assert memory.render() == view
    memory.undo()
    with pytest.raises(InvalidInput, match="no fragment"):
        memory.fragment(cut.ids[0])
    with pytest.raises(InvalidInput, match="nothing to undo"):
        memory.undo()
    memory.redo()
    for view in views[1:]:
        memory.redo()
        assert memory.render() == view
    with pytest.raises(InvalidInput, match="nothing to redo"):
        memory.redo()
    assert [edit.number for edit in memory.edits] == list(range(1, len(memory.edits) + 1))
