"""Outcomes: what is counted for which memory."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import anyio
import pytest

import mnemic
from mnemic import Channel, Memory, NewMemory, Origin
from mnemic.domain.memory import MemoryId
from mnemic.errors import InvalidInput, UnknownMemory


async def two(memory: Memory) -> tuple[MemoryId, MemoryId]:
    first, second = await memory.remember_many(["Run the linter before a push.", "Ask Ana about the staging database."])
    return first.id, second.id


async def test_what_was_used_is_credited_and_what_was_only_shown_is_not(memory: Memory) -> None:
    used, other = await two(memory)
    receipt = await memory.learning.outcome("Push the release", 1.0, used=[used], shown=[used, other])
    assert receipt.attributed
    assert receipt.credited[used].used_successes == 1
    assert receipt.credited[other].used == 0 and receipt.credited[other].shown == 1
    known = await memory.learning.utilities([used, other])
    assert known == receipt.credited
    (kept,) = [line async for line in memory.export() if json.loads(line)["type"] == "outcome"]
    assert (json.loads(kept)["used"], json.loads(kept)["shown"]) == ([used], [other]), "each stands in one place"


async def test_without_a_word_about_use_everything_delivered_gets_weak_credit(memory: Memory) -> None:
    used, other = await two(memory)
    found = await memory.recall("linter before a push")
    assert [hit.memory.id for hit in found.hits] == [used]
    receipt = await memory.learning.outcome("Push the release", 0.0)
    assert not receipt.attributed
    assert receipt.credited.keys() == {used}
    assert (receipt.credited[used].shown, receipt.credited[used].used) == (1, 0)
    again = await memory.learning.outcome("Push the next release", 0.0)
    assert not again.credited, "a delivery counts for one task"
    assert (await memory.learning.utilities([other]))[other].shown == 0


async def test_deliveries_of_another_connection_do_not_count(memory: Memory) -> None:
    await two(memory)
    await memory.recall("linter before a push", origin=Origin(channel=Channel.AGENT, connection="a"))
    other = await memory.learning.outcome("Push", 1.0, origin=Origin(channel=Channel.AGENT, connection="b"))
    own = await memory.learning.outcome("Push", 1.0, origin=Origin(channel=Channel.AGENT, connection="a"))
    assert (len(other.credited), len(own.credited)) == (0, 1)


async def test_the_same_report_twice_counts_once(memory: Memory) -> None:
    used, _ = await two(memory)
    first = await memory.learning.outcome("Push", 1.0, used=[used], key="run 7")
    second = await memory.learning.outcome("Push", 1.0, used=[used], key="run 7")
    assert (first.repeated, second.repeated, second.id) == (False, True, first.id)
    assert second.credited[used].used == 1


async def test_a_sweep_is_due_every_ten_tasks(memory: Memory) -> None:
    due = [(await memory.learning.outcome(f"task {at}", 1.0, used=[])).sweep_due for at in range(20)]
    assert [at for at, is_due in enumerate(due, 1) if is_due] == [10, 20]


async def test_the_success_rate_is_that_of_the_namespace(memory: Memory) -> None:
    for at in range(8):
        await memory.learning.outcome(f"task {at}", float(at % 4 == 0), used=[], namespace="a")
    receipt = await memory.learning.outcome("one more", 1.0, used=[], namespace="b")
    assert receipt.scope_rate == pytest.approx(2 / 3)
    last = await memory.learning.outcome("one more", 0.0, used=[], namespace="a")
    assert last.scope_rate == pytest.approx(3 / 11)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"task": "", "reward": 1.0}, "task"),
        ({"task": "Push", "reward": 2}, "reward"),
        ({"task": "Push", "reward": float("nan")}, "reward"),
        ({"task": "Push", "reward": "good"}, "reward"),
        ({"task": "Push", "reward": 1.0, "used": ["nonsense"]}, "nonsense"),
    ],
)
async def test_bad_outcomes_are_refused_and_leave_nothing(
    memory: Memory, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        await memory.learning.outcome(**arguments)  # type: ignore[arg-type]  # on purpose
    assert (await memory.learning.outcome("Push", 1.0, used=[])).finished == 1


async def test_a_memory_of_another_namespace_cannot_be_credited(memory: Memory) -> None:
    there = await memory.remember("A secret of the others.", namespace="others")
    with pytest.raises(UnknownMemory):
        await memory.learning.outcome("Push", 1.0, used=[there.id])


async def test_erasing_a_memory_erases_its_counters(memory: Memory) -> None:
    used, _ = await two(memory)
    await memory.learning.outcome("Push", 1.0, used=[used])
    await memory.erase([used])
    assert not await memory.learning.utilities([used])
    assert (await memory.learning.outcome("Push", 1.0, used=[])).finished == 2


def _report(folder: str, id: str, times: int) -> None:
    async def run() -> None:
        async with mnemic.open_memory(Path(folder), chroma="off", durable=False) as memory:
            for _ in range(times):
                await memory.learning.outcome("Push", 1.0, used=[id])

    anyio.run(run)


async def test_outcomes_of_several_processes_are_all_counted(tmp_path: Path, memory: Memory) -> None:
    used, _ = await two(memory)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_report, args=(str(tmp_path / "home"), used, 25)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        await anyio.to_thread.run_sync(process.join)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert (await memory.learning.utilities([used]))[used].used == 75
    assert (await memory.learning.outcome("Push", 1.0, used=[])).finished == 76


async def test_recall_by_value_puts_what_helped_before_what_did_not(memory: Memory) -> None:
    texts = [f"Deploy with the {colour} script." for colour in ("blue", "green", "red")]
    await memory.remember_many(texts)
    plain = await memory.recall("Deploy with the script")
    bad, good, _ = [hit.memory.id for hit in plain.hits]
    for _ in range(5):
        await memory.learning.outcome("Deploy", 1.0, used=[good])
        await memory.learning.outcome("Deploy", 0.0, used=[bad])
    found = await memory.recall("Deploy with the script", rank="value")
    assert found.hits[0].memory.id == good
    assert {hit.memory.id for hit in found.hits} == {hit.memory.id for hit in plain.hits}
    assert found.hits[0].utility is not None and found.hits[0].utility.q_value == pytest.approx(0.83193, abs=1e-5)
    with pytest.raises(InvalidInput, match="rank"):
        await memory.recall("Deploy", rank="best")  # type: ignore[arg-type]  # on purpose


async def test_recall_by_retention_prefers_what_is_used_and_hides_nothing(memory: Memory) -> None:
    texts = [f"The {colour} ladder is in the shed." for colour in ("blue", "green", "red")]
    old = [NewMemory(text=text, kind="episodic", occurred_at="2020-01-01") for text in texts]
    await memory.remember_many(old)
    plain = [hit.memory.id for hit in (await memory.recall("ladder in the shed")).hits]
    await memory.learning.outcome("Fetch a ladder", 1.0, used=[plain[-1]])
    kept = [hit.memory.id for hit in (await memory.recall("ladder in the shed", rank="retention")).hits]
    assert kept[0] == plain[-1] and set(kept) == set(plain)
