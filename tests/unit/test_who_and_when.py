"""What spares recall the reading of texts: who speaks, which words may be a name, and when something happened."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mnemic.domain.forms import mentions
from mnemic.domain.memory import RowKey
from mnemic.domain.recall import MemoryFilter
from mnemic.domain.text import words_of
from mnemic.retrieval.bags import Lexicon
from mnemic.retrieval.datebook import Datebook
from tests.unit.snapshots import Texts, snapshot_of

_PIECES = ["Tim", "tim", "time", "Ti", "m", "山田", "さん", "José", "e\u0301", "İ", " ", "-", ".", "1"]
_TEXTS = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)


@given(text=_TEXTS, name=_TEXTS)
def test_no_text_that_mentions_a_name_is_passed_by_for_its_words(text: str, name: str) -> None:
    lexicon = Lexicon()
    numbers = lexicon.numbers(snapshot_of(Texts()), words_of(text))
    holding = lexicon.holding_name(name)
    if mentions(text, name):
        assert holding is None or holding[numbers].any()


def test_only_words_that_may_be_the_name_have_a_text_read() -> None:
    lexicon = Lexicon()
    numbers = lexicon.numbers(snapshot_of(Texts()), ["time", "tim", "山田さん"])
    holding = lexicon.holding_name("Tim")
    assert holding is not None
    assert holding[numbers].tolist() == [False, True, True]


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last() -> None:
    class Moments(Texts):
        def moments(self, keys: list[RowKey]) -> dict[RowKey, int]:
            return {key: key * 1_000_000 for key in keys}

    keys = [RowKey(second) for second in range(1, 6)]
    since, until = (datetime(1970, 1, 1, 0, 0, second, tzinfo=UTC) for second in (2, 4))
    open_end = MemoryFilter(namespace=(), since=since)
    for period, inside in ((open_end, [2, 3, 4, 5]), (MemoryFilter(namespace=(), since=since, until=until), [2, 3])):
        found = Datebook().within(snapshot_of(Moments()), keys, period)
        assert [key for key, there in zip(keys, found.tolist(), strict=True) if there] == inside
