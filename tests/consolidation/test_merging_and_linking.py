from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.consolidation.batches import collect
from mnemic.domain.consolidation.corpus import read_corpus
from mnemic.domain.consolidation.duplicates import MergeProposal, propose_merges
from mnemic.domain.consolidation.links import LinkSettings, keywords_of, propose_evolution, propose_links
from mnemic.domain.consolidation.neighbours import EXACT_ROWS, nearest
from mnemic.domain.memory import MemoryId, MemoryRecord
from mnemic.domain.provenance import Channel, Origin
from tests.consolidation.stores import DAY_ONE, fact, locomo, turn


def merges(*records: MemoryRecord, protected: frozenset[MemoryId] = frozenset()) -> tuple[MergeProposal, ...]:
    return collect(propose_merges(read_corpus(records), protected=protected))


LONG = "The staging server of Rui runs Postgres version 15 behind the gateway in Porto"


def test_the_same_fact_said_again_is_merged_into_what_says_most() -> None:
    short, long = fact(1, LONG + "."), fact(2, LONG + ", encrypted.")
    (found,) = merges(short, long)
    assert (found.keep, found.archive) == (long.id, (short.id,))


@pytest.mark.parametrize(
    "other",
    [
        LONG.replace("15", "16"), LONG.replace("Porto", "Lisbon"), LONG.replace("Rui", "Ana"),
        LONG.replace("runs", "never runs"),
        LONG.replace("gateway", "firewall"), LONG.replace("runs", "used to run"), LONG.replace("runs", "should run"),
        LONG + " since 7 May", LONG + " until Monday",
        "In Porto the gateway runs behind the staging server of Rui Postgres version 15",
        LONG.replace("behind", "before"), LONG + "?", LONG.replace("version 15", "version"),
    ],
)  # fmt: skip
def test_another_number_name_date_denial_word_or_order_is_another_fact(other: str) -> None:
    assert not merges(fact(1, LONG + "."), fact(2, other if other.endswith("?") else other + "."))


def test_turns_of_different_sessions_people_or_times_are_never_merged() -> None:
    said = turn(1, LONG)
    for fields in ({"session": "other"}, {"speaker": "Rui"}, {"occurred_at": DAY_ONE}):
        assert not merges(said, turn(2, LONG, **{"session": said.session, "occurred_at": said.occurred_at, **fields}))
    again = turn(2, LONG, session=said.session, occurred_at=said.occurred_at)
    assert len(merges(said, again)) == 1


def test_facts_of_different_origins_are_witnesses_and_stay() -> None:
    assert not merges(fact(1, LONG), fact(2, LONG, origin=Origin(channel=Channel.WEB)))


def test_yesterday_is_another_day_tomorrow() -> None:
    text = "The big green bus to the harbour was late yesterday"
    assert not merges(fact(1, text), fact(3, text))


def test_what_is_protected_or_cited_is_kept_and_never_archived() -> None:
    short, long = fact(1, LONG), fact(2, LONG + ", encrypted.")
    assert not merges(short, long, protected=frozenset({short.id}))
    assert not merges(short, long, fact(3, "Servers: see there", evidence=(short.id,)))
    first, second = fact(1, LONG), fact(2, LONG)
    (found,) = merges(first, second, protected=frozenset({second.id}))
    assert found.keep == second.id


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from("red car Rui 2 3 not fast Porto old blue".split()), min_size=3, max_size=7),
        max_size=14,
    ),
    st.randoms(use_true_random=False),
)
def test_merges_lose_no_word_and_do_not_depend_on_the_order(texts: list[list[str]], seed: random.Random) -> None:
    records = [fact(at, " ".join(words)) for at, words in enumerate(texts)]
    found = merges(*records)
    words = {record.id: set(record.text.split()) for record in records}
    archived = [id for one in found for id in one.archive]
    assert len(archived) == len(set(archived)) and not set(archived) & {one.keep for one in found}
    for one in found:
        for id in one.archive:
            assert words[id] <= words[one.keep]
            assert {"2", "3", "not"} & words[id] == {"2", "3", "not"} & words[one.keep]
    mixed = list(records)
    seed.shuffle(mixed)
    assert merges(*mixed) == found


def test_resuming_merges_gives_what_follows() -> None:
    records = [fact(3 * at + copy, f"{LONG} number {at} word{at}") for at in range(6) for copy in range(3)]
    corpus = read_corpus(records)
    whole = list(propose_merges(corpus, size=5))
    assert len(collect(whole)) == 6
    assert list(propose_merges(corpus, size=5, start=whole[1].cursor)) == whole[2:]


def test_locomo_turns_are_never_merged_across_sessions(shared_data: Callable[[str], Path]) -> None:
    for corpus, _, _ in locomo(shared_data("locomo_dev.json.gz")):
        session = {record.id: record.session for record in corpus.records}
        for found in collect(propose_merges(corpus)):
            assert {session[id] for id in found.archive} == {session[found.keep]}


def test_memories_that_are_nearest_to_each_other_are_linked_from_later_to_earlier() -> None:
    records = [fact(at, f"text {at} here") for at in range(4)]
    vectors = np.array([[1, 0], [0.98, 0.199], [0, 1], [-1, 0]], np.float32)
    (link,) = collect(propose_links(read_corpus(records, vectors), LinkSettings(k=1)))
    assert (link.source, link.target) == (records[1].id, records[0].id) and link.score == 0.98


def test_a_rare_name_links_memories_without_vectors() -> None:
    texts = ["We met Gustavo there.", "The weather was fine.", "I owe Gustavo a book.", "The weather was bad."]
    links = collect(propose_links(read_corpus([turn(at, text) for at, text in enumerate(texts)])))
    assert [(link.source[-1], link.target[-1], link.reason) for link in links] == [("2", "0", "both name gustavo")]


def test_turns_of_one_session_are_linked_only_when_asked() -> None:
    records = [turn(at, "We met Gustavo there.", session="one") for at in range(2)]
    assert not collect(propose_links(read_corpus(records)))
    assert collect(propose_links(read_corpus(records), LinkSettings(same_session=True)))


def test_resuming_links_gives_what_follows_and_order_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    records = [fact(at, f"memory {at}") for at in range(60)]
    vectors = generator.normal(size=(60, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    whole = list(propose_links(read_corpus(records, vectors), size=20))
    assert list(propose_links(read_corpus(records, vectors), size=20, start=20)) == whole[1:]
    order = generator.permutation(60)
    mixed = read_corpus([records[at] for at in order], vectors[order])
    assert collect(propose_links(mixed, size=20)) == collect(whole)
    for link in collect(whole):
        assert link.source > link.target and 0 < link.score <= 1


def test_many_memories_find_most_of_their_true_neighbours_in_buckets() -> None:
    generator = np.random.default_rng(2)
    topics = generator.normal(size=(1_500, 96)).astype(np.float32)
    vectors = topics[np.arange(6_000) % 1_500] + generator.normal(0, 0.4, (6_000, 96)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert len(vectors) > EXACT_ROWS
    ids, near = nearest(vectors, 3)
    assert (np.diff(near, axis=1) <= 1e-4).all() and not (ids == np.arange(6_000)[:, None]).any()
    same = (ids % 1_500 == (np.arange(6_000) % 1_500)[:, None]).mean()
    assert same > 0.7
    again, _ = nearest(vectors, 3)
    assert (again == ids).all()


def test_no_memories_and_rows_of_zeros_have_no_neighbours() -> None:
    assert nearest(np.zeros((0, 4), np.float32), 5)[0].shape == (0, 5)
    assert (nearest(np.zeros((3, 4), np.float32), 5)[0] == -1).all()
    assert not collect(propose_links(read_corpus([], np.zeros((0, 4), np.float32))))


def test_neighbours_suggest_tags_and_keywords_that_the_memory_itself_holds() -> None:
    records = [
        fact(1, "Gustavo repaired the violin.", tags=("music",)), fact(2, "Gustavo sold a violin.", tags=("music",)),
        fact(3, "Gustavo broke his violin."), fact(4, "Rain fell."),
    ]  # fmt: skip
    corpus = read_corpus(records)
    links = collect(propose_links(corpus))
    found = {one.id: one for one in propose_evolution(corpus, links)}
    proposal = found[records[2].id]
    assert proposal.tags == ("music",) and "violin" in proposal.keywords
    assert proposal.because == (records[0].id, records[1].id)
    assert records[3].id not in found
    assert "rain" in keywords_of(corpus, records[3].id)
    for id, one in found.items():
        text = corpus.records[corpus.position[id]].text.lower()
        assert all(word in text for word in one.keywords)
