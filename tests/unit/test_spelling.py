"""A word that nobody has written is taken for those that are nearly it."""

from __future__ import annotations

from pathlib import Path

import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.spelling import Spellings, distance

_HARBOUR = "The harbour closes when the ferries have left."


class _Texts:
    """A snapshot of texts in namespaces; the seq of each is its place."""

    def __init__(self, texts: list[tuple[int, str]]) -> None:
        self.written = texts
        self.read = 0

    def last_seq(self) -> int:
        return len(self.written)

    def texts(self, namespace: int, *, after: int, limit: int) -> list[tuple[int, str]]:
        found = [(seq, text) for seq, (key, text) in enumerate(self.written, 1) if key == namespace and seq > after]
        self.read += len(found[:limit])
        return found[:limit]


def _snapshot(fake: _Texts) -> LedgerSnapshot:
    return fake  # type: ignore[return-value]  # as much of one as is asked for


@pytest.mark.parametrize(
    ("left", "right", "edits"),
    [
        ("harbor", "harbour", 1),
        ("wierd", "weird", 1),
        ("seperate", "separate", 1),
        ("restaraunt", "restaurant", 2),
        ("same", "same", 0),
        ("claener", "cleaner", 1),
        ("abcdef", "badcfe", 3),
        ("kitten", "sitting", 3),
        ("", "ab", 2),
    ],
)
def test_edits_are_letters_more_less_another_or_exchanged(left: str, right: str, edits: int) -> None:
    assert distance(left, right, 5) == distance(right, left, 5) == edits
    assert distance(left, right, 1) == min(edits, 2)


def test_near_words_are_those_at_the_least_distance_and_long_words_may_differ_more() -> None:
    texts = _snapshot(_Texts([(1, "harbour harbours barbour restaurant cat Müller Straße x2y"), (2, "harbor")]))
    spellings = Spellings()
    assert spellings.near(texts, [1], "harbor") == ["harbour"]
    assert spellings.near(texts, [1, 2], "harborr") == ["harbour", "harbor"]
    assert spellings.near(texts, [1, 2], "harbo") == ["harbor"]
    assert spellings.near(texts, [1], "restaraunt") == ["restaurant"]
    assert spellings.near(texts, [1], "hrbours") == ["harbours"]
    assert spellings.near(texts, [1], "hrabuor") == []
    assert spellings.near(texts, [1], "mueller") == ["muller"]
    assert spellings.near(texts, [1], "catt") == []
    assert spellings.near(texts, [1], "harb0ur") == []
    assert spellings.near(texts, [], "harbor") == []


def test_words_are_read_once_and_followed() -> None:
    texts = _Texts([(1, f"common words number {at}") for at in range(40)])
    spellings = Spellings()
    assert spellings.follow(_snapshot(texts), 1, at_most=30) == 30
    assert spellings.near(_snapshot(texts), [1], "cmomon") == ["common"]
    assert texts.read == 40
    texts.written.append((1, "a cucumber"))
    assert spellings.near(_snapshot(texts), [1], "cucunber") == ["cucumber"]
    assert texts.read == 41
    assert spellings.follow(_snapshot(texts), 1, at_most=30) == 0


def test_what_is_near_does_not_depend_on_what_was_read_ahead() -> None:
    words = "harbour 7harbours Élan élans elan2 Straße straßen Zürich RESTAURANT_restaurants"
    texts = _Texts([(1, f"{words} note" if at % 400 == 399 else f"ordinary note {at}") for at in range(1_700)])
    asked = ["harbor", "elanz", "elans", "strasse", "straßs", "zurichh", "restaraunt", "ordinari", "notee", "zzzzz"]
    whole = Spellings()
    while whole.follow(_snapshot(texts), 1, at_most=100):
        pass
    expected = [whole.near(_snapshot(texts), [1], word) for word in asked]
    assert expected[0] == ["harbour"] and expected[2] == ["elan"] and expected[6] == ["restaurant"]
    for order in (asked, asked[::-1]):
        fresh = Spellings()
        found = {word: fresh.near(_snapshot(texts), [1], word) for word in order}
        assert [found[word] for word in asked] == expected
    texts.written += [(1, f"Harbors and elms {at}") for at in range(800)]
    assert fresh.near(_snapshot(texts), [1], "harbor") == ["harbors", "harbour"]


def test_an_unknown_word_makes_many_texts_be_read_once_for_its_letter() -> None:
    texts = _Texts([(1, f"ordinary note {at}") for at in range(5_000)])
    spellings = Spellings()
    assert spellings.near(_snapshot(texts), [1], "ordinari") == ["ordinary"]
    read = texts.read
    assert spellings.near(_snapshot(texts), [1], "ordinari") == ["ordinary"]
    assert texts.read - read <= 500, "but for what would be read ahead anyway"


async def _texts(memory: Memory, question: str, namespace: str) -> list[str]:
    return [hit.memory.text for hit in (await memory.recall(question, namespace=namespace)).hits]


async def test_a_typing_error_finds_what_was_meant_and_only_in_the_own_namespace(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many(
            [
                NewMemory(text=_HARBOUR, namespace=("ours",)),
                NewMemory(text="Nobody came to the concert.", namespace=("ours",)),
                NewMemory(text="The harbor master is called Quillfeather.", namespace=("theirs",)),
            ]
        )
        assert await _texts(memory, "harbuor", "ours") == [_HARBOUR]
        assert await _texts(memory, "quillfether", "ours") == []
        (before,) = (await memory.recall("harbbour", namespace="ours")).hits
        # A word of others is neither known nor near.
        await memory.remember("the harbbours of others", namespace="theirs")
        (after,) = (await memory.recall("harbbour", namespace="ours")).hits
        assert after.score == pytest.approx(before.score, abs=0.02)


async def test_what_was_archived_or_erased_is_not_what_is_meant(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off", namespace=("ours",)) as memory:
        receipts = await memory.remember_many([NewMemory(text=_HARBOUR), NewMemory(text="A hammock hung there.")])
        assert await _texts(memory, "hammok", "ours") == ["A hammock hung there."]
        await memory.erase([receipts[1].id])
        assert await _texts(memory, "hammok", "ours") == []
        await memory.archive([receipts[0].id])
        assert await _texts(memory, "harbuor", "ours") == []
