"""Pruning as Memory-as-Action does it, on recorded traces."""

from __future__ import annotations

import gzip
import random

import pytest

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import sculptor
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.prune import prune_context
from mnemic.domain.working_memory.transcripts import read_transcript, write_openai
from mnemic.errors import InvalidInput
from mnemic.testing import check_openai
from tests.working_memory.scripts import message, new_session, shown, tool_step


@pytest.fixture(scope="module")
def episodes() -> list[tuple[Message, ...]]:
    from tests.conftest import SHARED_DATA

    path = SHARED_DATA / "taubench_airline_dev.jsonl.gz"
    if not path.exists():
        pytest.skip("the recorded tau-bench episodes are not on this machine")
    with gzip.open(path, "rt") as lines:
        return [read_transcript(line).messages for line in lines]


def test_s5_random_prunes_of_real_traces_keep_every_pair_and_every_word_of_users(
    episodes: list[tuple[Message, ...]],
) -> None:
    rng = random.Random(11)
    for number, messages in enumerate(episodes):
        memory = new_session()
        memory.append(messages)
        results = [m for m in messages if m.role is Role.TOOL]
        if not results:
            continue
        visible_before = sum(len(m.text) for m in results)
        chosen = rng.sample(results, min(len(results), rng.randint(1, 6)))
        ids = [m.id if rng.random() < 0.5 else str(m.answers) for m in chosen]
        prune_context(memory, text="kept facts", delete_ids=ids)
        view = memory.render()
        if number % 10 == 0:
            assert check_openai(write_openai(view)) == []
        for raw, now in zip(messages, view, strict=True):
            assert (raw.id, raw.role, raw.answers, [c.id for c in raw.calls]) == (
                now.id, now.role, now.answers, [c.id for c in now.calls],
            )  # fmt: skip
            if raw.role in (Role.USER, Role.SYSTEM):
                assert now is raw
        gone = sum(len(m.text) for m in chosen)
        left = sum(len(now.text) for now in view if now.role is Role.TOOL and now.text != "·")
        assert left == visible_before - gone
        for fragment in list(memory.values(Cell.FRAGMENT).values()):
            sculptor.restore_fragment(memory, fragment_id=fragment.id)
        assert memory.render() == list(messages)


def test_s5_pruning_is_all_or_nothing_and_a_quoted_id_is_not_pruned() -> None:
    memory = new_session()
    first = tool_step("get", '{"id": 1}', "the first result " * 20)
    call_id = first[1].answers
    memory.append(
        [
            message("user", "go"),
            *first,
            *tool_step("log", "{}", f"call {call_id} was served " * 20),
            message("assistant", "ok"),
        ]
    )
    before, edits = memory.render(), len(memory.edits)
    for text, ids in (
        ("", [call_id]),
        ("kept", []),
        ("kept", ["nobody"]),
        ("kept", [call_id, "nobody"]),
        ("kept", ["served"]),  # it stands in a result, and names none
        ("kept", [f"call {call_id}"]),
        ("kept", [memory.messages[0].id]),
    ):
        with pytest.raises(InvalidInput):
            prune_context(memory, text=text, delete_ids=ids)  # type: ignore[arg-type]
        assert memory.render() == before
        assert len(memory.edits) == edits
    prune_context(memory, text="kept", delete_ids=[str(call_id)])
    assert [text == "·" for text in shown(memory)] == [False, False, True, False, False, False]
    assert memory.render()[1].calls[0].arguments == "{}"
    memory.undo()
    assert memory.render() == before


def test_s5_pruning_all_but_the_last_four_results_takes_exactly_their_size(episodes: list[tuple[Message, ...]]) -> None:
    for messages in episodes[:30]:
        results = [m for m in messages if m.role is Role.TOOL]
        if len(results) <= 4:
            continue
        memory = new_session()
        memory.append(messages)
        prune_context(memory, text="kept", delete_ids=[m.id for m in results[:-4]])
        left = sum(len(m.text) for m in memory.render() if m.role is Role.TOOL and m.text != "·")
        assert left == sum(len(m.text) for m in results[-4:])
