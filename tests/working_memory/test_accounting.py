"""What a session says about its own size: what an edit costs a cached prompt, what folding would save, when to tidy up."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic import open_memory
from mnemic.domain.working_memory import sculptor, search
from mnemic.domain.working_memory.messages import ToolCall
from mnemic.domain.working_memory.prune import prune_context
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import context_stats
from mnemic.errors import InvalidInput
from tests.working_memory.scripts import message, new_session, tool_step
from tests.working_memory.test_any_edits import act, some_messages

LONG = "".join(f"line {at} of the report is here\n" for at in range(40))


def behind_the_first_change(memory: WorkingMemory, edit: Callable[[], object]) -> int:
    """Tokens of the prompt as it was from the first message on that an edit shows differently, by looking at both."""
    before = memory.render()
    sizes = [memory.shown_tokens(at) for at in range(len(before))]
    try:
        edit()
    except InvalidInput:
        return 0
    same = next((at for at, (one, other) in enumerate(zip(before, memory.render(), strict=True)) if one != other), None)
    return 0 if same is None else sum(sizes[same:])


def test_an_edit_tells_how_much_of_a_cached_prompt_it_invalidates() -> None:
    memory = new_session(safe_folding=False)
    memory.append(
        [
            message("user", "Read it."),
            *tool_step("read", "{}", LONG),
            message("assistant", "It is long."),
            message("user", "Why?"),
        ]
    )
    cut = sculptor.fragment_context(
        memory, start_marker="line 3 ", end_marker="line 20 of", num_fragments=2, role="all"
    )
    assert cut.edit.invalidated == 0, "a cut is not seen"
    behind = sum(memory.shown_tokens(at) for at in range(2, 5))
    folded = sculptor.fold_fragment(memory, fragment_id=cut.ids[1]).edit
    assert folded.invalidated == behind > 0
    assert sculptor.fold_fragment(memory, fragment_id=cut.ids[1]).edit.invalidated == 0, "it was folded already"
    assert search.search_context(memory, query="line 30", role="all").edit.invalidated == 0, "a search keeps the cache"
    assert memory.undo().invalidated == behind - (folded.tokens_before - folded.tokens_after)
    assert context_stats(memory).invalidated == sum(edit.invalidated for edit in memory.edits) > behind


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_edit_of_any_kind_tells_less_than_it_invalidates(seed: int) -> None:
    rng = random.Random(seed)
    memory = new_session(safe_folding=rng.random() < 0.5)
    memory.append([message("system", "Be kind."), *some_messages(rng), *some_messages(rng)])
    for _ in range(25):
        if rng.random() < 0.2:
            memory.append(some_messages(rng))
            continue
        done = len(memory.edits)
        behind = behind_the_first_change(memory, lambda: act(memory, rng))
        assert sum(edit.invalidated for edit in memory.edits[done:]) >= behind


def test_what_could_be_folded_is_what_folding_saves() -> None:
    memory = new_session()
    memory.append(
        [
            # Ids of their own: a fragment's is drawn from its message's, and takes from two tokens to six.
            message("user", "Read it.", id="asked"),
            message("assistant", "", id="called", calls=(ToolCall(id="c", name="read", arguments="{}"),)),
            message("tool", LONG + "the end", id="read", answers="c", name="read"),
            message("assistant", "It is long.", id="answered"),
        ]
    )
    found = {one.id: one.foldable for one in context_stats(memory).messages}
    (result,) = [one for one in memory.messages if one.text.startswith(LONG)]
    assert [id for id, foldable in found.items() if foldable] == [result.id], "the others are shorter than a marker"
    cut = sculptor.fragment_context(memory, start_marker="line 0 ", end_marker="the end", num_fragments=1, role="all")
    edit = sculptor.fold_fragment(memory, fragment_id=cut.ids[0]).edit
    assert edit.tokens_before - edit.tokens_after == pytest.approx(found[result.id], abs=2)
    assert not any(one.foldable for one in context_stats(memory).messages)


async def test_an_agent_is_reminded_and_then_urged_at_the_sizes_that_were_set(tmp_path: Path) -> None:
    async with open_memory(tmp_path, chroma="off", token_counter="heuristic") as memory:
        session = memory.session("long")
        await session.append("Read it.", nudge_at_tokens=(100, 400))
        told = [(await session.stats()).nudge]
        for _ in range(2):
            await session.append(LONG, role="tool")
            told.append((await session.stats()).nudge)
        assert told[0] is None
        assert told[1] is not None and "no longer needed" in told[1]
        assert told[2] is not None and "over the limit of 400" in told[2]
        published = memory.session("as trained with")
        sizes = []
        for tokens in (7_900, 200, 7_800, 200):
            await published.append("word " * tokens, role="tool")
            found = await published.stats()
            sizes.append((found.shown >= 8_000, found.shown >= 16_000))
            assert (found.nudge is not None, "over the limit" in (found.nudge or "")) == sizes[-1]
        assert sizes == [(False, False), (True, False), (True, False), (True, True)]


def test_what_is_cut_and_shown_as_it_was_costs_what_it_did() -> None:
    memory = new_session()
    memory.append(
        [message("user", "".join(f"Przesyłka nr {at} wyszła z magazynu. 第{at}件发货了。 " for at in range(30)))]
    )
    sculptor.fragment_context(memory, start_marker="Przesyłka nr 0", end_marker="第29件发货了。", num_fragments=20)
    assert memory.render() == memory.messages
    assert memory.shown_tokens() == memory.raw_tokens()


def test_pruning_an_empty_result_costs_no_token() -> None:
    memory = new_session()
    memory.append([message("user", "Delete it."), *tool_step("delete", "{}", "")])
    prune_context(memory, text="Deleted.", delete_ids=[memory.messages[2].id])
    assert memory.shown_tokens(2) == 0
