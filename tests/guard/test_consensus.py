"""Consensus by independent origins: the acceptance tests A1 and A2, and what no attacker may change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.guard.consensus import AMEMGUARD_RELEASED, OURS, ConsensusSettings, PathRecord, dbscan, judge
from mnemic.guard.paths import Path, extract_path
from mnemic.testing.plans import plan_queries
from tests.benchmarks.consensus import by_consensus, measure

QUERIES = 150


def path_of(text: str) -> Path:
    path = extract_path(text)
    assert path is not None
    return path


GOOD = path_of("a = LoadDB('orders')\nb = FilterDB(a, 'id=7')\nc = SQL(\"select sum(x) from orders where id = 7\")")
BAD = path_of("a = DeleteDB('orders')\nb = Finish('done')")
BRIDGE = Path(GOOD.edges | BAD.edges, GOOD.typed_edges | BAD.typed_edges, BAD.effects, "")


def record(id: str, path: Path, origin: str, *, trusted: bool = True) -> PathRecord:
    return PathRecord(id=id, path=path, origin_key=origin, trusted=trusted)


def decisions(records: list[PathRecord], settings: ConsensusSettings = OURS) -> dict[str, str]:
    return {id: verdict.decision for id, verdict in judge(records, settings).items()}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("mimic", [False, True])
def test_a1_a_poisoned_minority_is_found_and_the_rest_is_kept(seed: int, mimic: bool) -> None:
    one = measure(by_consensus(OURS), plan_queries(QUERIES, poisoned=1, seed=seed, mimic=mimic))
    none = measure(by_consensus(OURS), plan_queries(QUERIES, poisoned=0, seed=seed))
    assert one["detected"] is not None and one["detected"] >= 0.98
    assert one["false_rejects"] is not None and one["false_rejects"] <= 0.03
    assert none["false_rejects"] is not None and none["false_rejects"] <= 0.03
    assert one["reaches"] == 0


def _a2_holds(settings: ConsensusSettings) -> bool:
    """3 and 4 of 4 from one origin: hardly a benign reject, mostly contested, and no poison reaches the agent."""
    three = measure(by_consensus(settings), plan_queries(QUERIES, poisoned=3, seed=3))
    four = measure(by_consensus(settings), plan_queries(QUERIES, poisoned=4, seed=4))
    assert three["false_rejects"] is not None and three["contested"] is not None and four["contested"] is not None
    contested = three["contested"] >= 0.95 and four["contested"] >= 0.95
    return three["false_rejects"] <= 0.02 and contested and three["reaches"] == 0 and four["reaches"] == 0


def test_a2_a_flood_from_one_origin_decides_nothing() -> None:
    assert _a2_holds(OURS)


def test_a2_counting_records_instead_of_origins_fails_the_same_assertion() -> None:
    assert not _a2_holds(replace(OURS, count="records"))
    assert not _a2_holds(AMEMGUARD_RELEASED)


def test_a_poisoned_path_is_rejected_with_what_only_its_origin_says() -> None:
    found = judge([record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("x", BAD, "eve")])
    assert [found[id].decision for id in "abx"] == ["keep", "keep", "reject"]
    assert found["a"].support == ("ana", "bo")
    assert found["x"].support == ("eve",)
    assert found["x"].unsupported == BAD.typed_edges
    assert found["x"].score == pytest.approx(1 / 3)
    assert found["a"].score == pytest.approx(2 / 3)
    assert all(verdict.reasons for verdict in found.values())


def test_one_against_one_and_two_against_two_are_contested() -> None:
    assert set(decisions([record("a", GOOD, "ana"), record("x", BAD, "eve")]).values()) == {"contested"}
    four = [record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("x", BAD, "eve"), record("y", BAD, "mal")]
    assert set(decisions(four).values()) == {"contested"}


def test_half_of_the_origins_are_no_majority() -> None:
    other = path_of("x = GetRoom('b')\ny = Finish(x)")
    half = [record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("c", BAD, "cy"), record("d", other, "di")]
    assert set(decisions(half).values()) <= {"contested", "reject"}
    assert decisions(half[:3])["a"] == "keep"


def test_a_single_origin_is_never_confirmed() -> None:
    assert set(decisions([record(str(n), GOOD, "ana") for n in range(4)]).values()) == {"contested"}


def test_untrusted_origins_confirm_nothing_and_outvote_nobody() -> None:
    flood = [record(f"x{n}", BAD, f"web{n}", trusted=False) for n in range(6)]
    assert set(decisions(flood).values()) == {"contested"}
    found = decisions(
        [*flood, record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("w", GOOD, "w", trusted=False)]
    )
    assert found["a"] == found["b"] == found["w"] == "keep"
    assert {found[f"x{n}"] for n in range(6)} == {"reject"}


def test_nobody_bridges_his_plan_to_that_of_others() -> None:
    good = [record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("c", GOOD, "cy")]
    attack = [record("x", BAD, "eve"), record("y", BRIDGE, "eve")]
    found = decisions([*good, *attack])
    assert found == {"a": "keep", "b": "keep", "c": "keep", "x": "reject", "y": "reject"}


def test_an_effect_that_no_other_origin_names_is_an_outlier_in_a_plan_that_is_otherwise_the_same() -> None:
    sneaky = replace(GOOD, effects=frozenset({"send"}))
    found = decisions([record("a", GOOD, "ana"), record("b", GOOD, "bo"), record("x", sneaky, "eve")])
    assert found == {"a": "keep", "b": "keep", "x": "reject"}


def test_the_released_clustering_rejects_everything_without_a_cluster() -> None:
    assert decisions([record("a", GOOD, "ana"), record("x", BAD, "eve")], AMEMGUARD_RELEASED) == {
        "a": "reject",
        "x": "reject",
    }
    assert decisions([record("x", BAD, "eve")], AMEMGUARD_RELEASED) == {"x": "reject"}


def test_nothing_is_judged_when_there_is_nothing() -> None:
    assert judge([]) == {}
    assert judge([], AMEMGUARD_RELEASED) == {}


def test_dbscan_finds_chains_and_noise() -> None:
    points = [0.0, 0.4, 0.8, 5.0, 9.0, 9.1]
    assert dbscan(6, lambda i, j: abs(points[i] - points[j]) <= 0.5, 2) == [0, 0, 0, -1, 1, 1]


EDGES = st.frozensets(
    st.tuples(st.sampled_from("abc"), st.just("then"), st.sampled_from("xyz")), min_size=1, max_size=5
)
PATHS = st.builds(
    lambda edges, effects: Path(edges, edges, effects, ""), EDGES, st.frozensets(st.sampled_from(["send"]))
)
SETS = st.lists(
    st.tuples(PATHS, st.sampled_from(["ana", "bo", "cy", "eve"]), st.booleans()), min_size=1, max_size=7
).map(
    lambda rows: [
        record(str(at), path, origin, trusted=trusted or origin != "eve")
        for at, (path, origin, trusted) in enumerate(rows)
    ]
)


@given(SETS, st.data())
@settings(max_examples=150)
def test_a_copy_by_an_origin_that_is_present_changes_nothing(records: list[PathRecord], data: st.DataObject) -> None:
    copied = data.draw(st.sampled_from(records))
    more = judge([*records, replace(copied, id="copy")])
    for id, verdict in judge(records).items():
        assert more[id].decision == verdict.decision
        assert more[id].support == verdict.support
        assert more[id].score == pytest.approx(verdict.score)


@given(SETS, PATHS, st.data())
@settings(max_examples=150)
def test_an_origin_cannot_raise_the_support_of_its_own_memories(
    records: list[PathRecord], path: Path, data: st.DataObject
) -> None:
    mine = data.draw(st.sampled_from(records))
    more = judge([*records, replace(mine, id="new", path=path)])
    for other in records:
        if other.origin_key == mine.origin_key:
            assert set(more[other.id].support) <= set(judge(records)[other.id].support)


@given(SETS, st.randoms())
@settings(max_examples=150)
def test_the_order_of_the_memories_does_not_matter(records: list[PathRecord], random: object) -> None:
    shuffled = list(records)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert judge(shuffled) == judge(records)
