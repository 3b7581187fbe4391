"""Whatever becomes cold: nothing else changes, and what comes back is as if it had never been away."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import MemoryId, NewMemory
from mnemic.domain.provenance import Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.services.backends import Backends
from mnemic.services.browse import all_records, history
from mnemic.services.health import doctor
from mnemic.services.recalling.recall import RecallQuery, recall
from mnemic.services.storing.cold import cool
from mnemic.services.storing.curate import archive, restore
from mnemic.services.storing.remember import remember
from mnemic.services.transferring.transfer import export_lines
from mnemic.testing import SetClock
from tests.property.test_ledger_model import open_backends

WORDS = ("red", "green", "blue", "seven", "cat", "dogs", "running", "3", "Zürich", "東京", "lamps", "harbour")
NAMESPACE = ("cold",)
LONG = " ".join(
    f"In chapter {at} the keeper of the harbour counts {at * 31} lamps and writes them down." for at in range(45)
)

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)
# One in five is long enough to be cut into passages.
drafts = st.builds(
    lambda text, session, speaker, long: NewMemory(
        text=f"{text} {LONG}" if long else text, session=session, speaker=speaker, kind="episodic" if session else None
    ),
    texts, st.sampled_from([None, "s"]), st.sampled_from([None, "Ana"]), st.sampled_from([False] * 4 + [True]),
)  # fmt: skip
histories = st.lists(st.tuples(drafts, st.booleans()), min_size=1, max_size=12)
questions = st.lists(texts, min_size=1, max_size=3)


def answers(backends: Backends, asked: Sequence[str]) -> list[Any]:
    """Everything that a recall says of its hits."""
    found = []
    for text in (*asked, ""):
        question = RecallQuery(
            text=text, filter=MemoryFilter(namespace=NAMESPACE), k=50, min_score=0, explain=bool(text)
        )
        result = recall(backends, question)
        found.append(
            [(hit.memory, hit.score, hit.lexical, hit.similarity, hit.passage, hit.explanation) for hit in result.hits]
        )
    return found


def check(open_side: Callable[[SetClock], Backends], drafted: list[tuple[NewMemory, bool]], asked: list[str]) -> None:
    """``open_side`` gives another process's backends over the same ledger."""
    clock = SetClock()
    one, other = open_side(clock), open_side(clock)
    receipts = remember(one, [draft for draft, _ in drafted], namespace=NAMESPACE, origin=Origin())
    gone: list[MemoryId] = list(
        dict.fromkeys(receipt.id for receipt, (_, away) in zip(receipts, drafted, strict=True) if away)
    )
    if gone:
        archive(one, gone, origin=Origin())
        restore(one, gone, origin=Origin())
    never_away = answers(one, asked)
    if gone:
        archive(one, gone, origin=Origin())
    clock.advance(seconds=1)
    before = answers(one, asked)
    assert answers(other, asked) == before
    told = list(export_lines(one)), all_records(one), [history(one, receipt.id) for receipt in receipts]

    assert cool(other, days=0) == len(gone)

    sides = [one, other, open_side(clock)]
    for side in sides:
        assert answers(side, asked) == before
        assert (
            list(export_lines(side)),
            all_records(side),
            [history(side, receipt.id) for receipt in receipts],
        ) == told
        assert doctor(side).healthy
    if gone:
        restore(other, gone, origin=Origin())
    sides.append(open_side(clock))
    for side in sides:
        assert answers(side, asked) == never_away
        assert doctor(side).healthy
        side.ledger.close()


@pytest.mark.slow
@given(histories, questions)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_cooling_changes_nothing_else_and_what_comes_back_answers_as_if_it_had_never_been_away(
    drafted: list[tuple[NewMemory, bool]], asked: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(lambda clock: open_backends(Path(folder), clock), drafted, asked)
