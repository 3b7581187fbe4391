"""Whatever is done to a session: nothing is lost, order and pairing stay, everything comes back byte for byte."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import hiagent, sculptor, search, task_graph
from mnemic.domain.working_memory.auto_folding import FOLDING, AutoFolding
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.prefix_cache import BATCHING, release
from mnemic.domain.working_memory.prune import prune_context
from mnemic.domain.working_memory.safety import SAFE_FOLDING
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput
from mnemic.storage.sql.session_codec import decode_edit, decode_message, encode_edit, encode_message
from tests.working_memory.scripts import COUNT, message, new_session, tool_step

WORDS = (
    "alpha", "beta 7", "key: 3", '{"a": [1, 2]}', "```\ncode\n```", "naïve ✓", "中文字", "error: failed",
    "path/to_file.txt", "\n",
)  # fmt: skip


def some_text(rng: random.Random) -> str:
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 40)))


def some_messages(rng: random.Random) -> list[Message]:
    kind = rng.randrange(3)
    if kind == 0:
        return [message("user", some_text(rng))]
    if kind == 1:
        return [message("assistant", some_text(rng))]
    arguments = rng.choice(('{"id": 17, "name": "x"}', "{}", "not json"))
    return tool_step(
        rng.choice(("get_item", "update_item")), arguments, some_text(rng), text=rng.choice(("", "let me see"))
    )


def act(memory: WorkingMemory, rng: random.Random) -> None:
    """One random operation. It may be refused."""
    fragments = list(memory.values(Cell.FRAGMENT)) or ["f00000"]
    subgoals = len(memory.subgoals())
    choice = rng.randrange(17)
    if choice <= 1:
        source = rng.choice(memory.messages).text
        at = sorted(rng.randrange(len(source) + 1) for _ in range(2))
        sculptor.fragment_context(
            memory, start_marker=source[at[0] : at[0] + 12], end_marker=source[max(at[1] - 12, 0) : at[1]],
            num_fragments=rng.randint(1, 5), role=rng.choice(("user", "assistant", "all")),
        )  # fmt: skip
    elif choice <= 4:
        sculptor.fold_fragment(memory, fragment_id=rng.choice(fragments))
    elif choice == 5:
        sculptor.summarize_fragment(memory, fragment_id=rng.choice(fragments), focus="errors and numbers")
    elif choice == 6:
        sculptor.restore_fragment(memory, fragment_id=rng.choice(fragments))
    elif choice == 7:
        found = search.search_context(memory, query="a", role="all", max_results=rng.randint(1, 50))
        if found.ids:
            search.get_search_detail(memory, search_id=rng.choice(found.ids))
    elif choice == 8:
        results = [m.id for m in memory.messages if m.role is Role.TOOL] or [message("user", "").id]
        prune_context(memory, text="kept", delete_ids=rng.sample(results, min(len(results), rng.randint(1, 4))))
    elif choice == 9:
        hiagent.open_subgoal(memory, text=some_text(rng)[:100])
    elif choice == 10:
        hiagent.close_subgoal(memory, satisfied=rng.random() < 0.5)
    elif choice == 11:
        hiagent.retrieve(memory, numbers=[rng.randint(1, subgoals + 1)])
    elif choice == 12:
        memory.undo()
    elif choice == 13:
        memory.redo()
    elif choice == 14:
        memory.record("pin", [memory.change(Cell.PIN, rng.choice(memory.messages).id, rng.choice((None, "pinned")))])
    elif choice == 15:
        memory.record("set_options", [memory.change(Cell.OPTION, BATCHING, rng.random() < 0.5)])
        release(memory, force=rng.random() < 0.5)
    else:
        task_graph.set_task(
            memory,
            id=f"t{rng.randint(1, 4)}",
            title=some_text(rng)[:50],
            after=[f"t{rng.randint(1, 4)}"][: rng.randint(0, 1)],
        )


def run(seed: int, operations: int) -> WorkingMemory:
    """A random session: edits, appends, and now and then the folding policy. Checks what must hold after each refusal."""
    rng = random.Random(seed)
    preset = rng.choice((None, "lean", "live", "k2", "lossless", "hiagent"))
    memory = new_session(**{SAFE_FOLDING: rng.random() < 0.7, FOLDING: preset})
    memory.append([message("system", "Be kind."), *some_messages(rng)])
    folding = AutoFolding(memory, preset) if preset else None
    for _ in range(operations):
        if rng.random() < 0.15 and len(memory.messages) < 60:
            memory.append(some_messages(rng))
        else:
            edits, view = len(memory.edits), memory.render()
            try:
                act(memory, rng)
            except InvalidInput as error:
                assert error.hint or error.message
                assert len(memory.edits) == edits or memory.edits[-1].tool in ("search_context", "set_options")
                assert memory.render() == view
        if folding is not None:
            folding.follow()
    return memory


def check(memory: WorkingMemory) -> None:
    originals = list(memory.messages)
    view = memory.render()
    assert len(view) == len(originals)
    for raw, now in zip(originals, view, strict=True):
        assert (raw.id, raw.role, raw.answers, raw.name, raw.opaque) == (
            now.id,
            now.role,
            now.answers,
            now.name,
            now.opaque,
        )
        assert [(c.id, c.name) for c in raw.calls] == [(c.id, c.name) for c in now.calls]
        assert bool(raw.text) == bool(now.text)
        if raw.role is Role.SYSTEM:
            assert now is raw
    assert memory.shown_tokens() == sum(memory.shown_tokens(at) for at in range(len(originals)))
    again = WorkingMemory("test", count_tokens=COUNT)
    again.append([decode_message(encode_message(m)) for m in originals])
    for edit in memory.edits:
        again.replay(decode_edit(encode_edit(edit)))
    assert again.render() == view
    assert again.shown_tokens() == memory.shown_tokens()
    assert all(again.values(cell) == memory.values(cell) for cell in Cell)
    for fragment in list(memory.values(Cell.FRAGMENT)):
        sculptor.restore_fragment(memory, fragment_id=fragment)
    assert memory.render() == originals
    assert memory.shown_tokens() == memory.raw_tokens() or any(memory.pieces((m.id, None)) for m in originals)


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), operations=st.integers(0, 40))
def test_s1_any_sequence_of_edits_can_be_restored_byte_for_byte(seed: int, operations: int) -> None:
    check(run(seed, operations))


@pytest.mark.parametrize("seed", range(6))
def test_s1_a_thousand_operations_can_be_restored_byte_for_byte(seed: int) -> None:
    check(run(seed, 1_000))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_s1_without_an_edit_the_view_is_the_conversation_itself(seed: int) -> None:
    rng = random.Random(seed)
    memory = new_session()
    for _ in range(10):
        memory.append(some_messages(rng))
    assert all(now is raw for now, raw in zip(memory.render(), memory.messages, strict=True))


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), operations=st.integers(1, 40))
def test_undoing_everything_gives_the_conversation_back(seed: int, operations: int) -> None:
    memory = run(seed, operations)
    with pytest.raises(InvalidInput, match="nothing to undo"):
        for _ in range(10_000):
            memory.undo()
    assert memory.render() == memory.messages
    assert not memory.values(Cell.FRAGMENT)
    assert not memory.values(Cell.SUBGOAL)


def test_a_policy_that_takes_over_in_another_process_decides_the_same() -> None:
    seen = 0
    for seed in range(300):
        memory = run(seed, 60)
        preset = memory.value(Cell.OPTION, FOLDING)
        if preset is not None:
            seen += 1
            assert AutoFolding(memory, preset).follow() is None, seed
    assert seen > 100
