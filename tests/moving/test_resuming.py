"""An import that was interrupted anywhere and begun again comes to the same end as one that was not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mnemic
from mnemic.services.moving.taking_over import take_over
from tests.conftest import ROOT
from tests.moving.importing import content_of, take_in

PEOPLE = ("Ana", "Ben", "Ana Müller")
SAYINGS = ("lives in Lisbon", "lives in Porto", "prefers tea", "key sk-ant-REDACTED", "prefers tea!")
ENTITY = st.builds(
    lambda name, kind, said: {"type": "entity", "name": name, "entityType": kind, "observations": said},
    st.sampled_from(PEOPLE), st.sampled_from(("person", "robot")), st.lists(st.sampled_from(SAYINGS), max_size=4),
)  # fmt: skip
RELATION = st.builds(
    lambda start, end, kind: {"type": "relation", "from": start, "to": end, "relationType": kind},
    st.sampled_from(PEOPLE), st.sampled_from((*PEOPLE, "Nobody")), st.sampled_from(("knows", "works with")),
)  # fmt: skip
GRAPH = st.lists(st.one_of(ENTITY, RELATION), min_size=1, max_size=8)


class _Interrupted(BaseException):
    """Stands for whatever ends a process between two transactions."""


async def _imported(lines: list[dict[str, Any]], stops: list[int], batch: int) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.jsonl"
        path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
        async with mnemic.open_memory(Path(folder) / "home", chroma="off", durable=False) as memory:
            plan = await memory.imports.plan(path, format="server-memory")
            for stop in stops:

                def advance(done: int, stop: int = stop) -> None:
                    if done >= stop:
                        raise _Interrupted

                with contextlib.suppress(_Interrupted):
                    await memory.run(take_over, plan, batch=batch, advance=advance)
            outcome = await memory.imports.run(plan)
            content = await content_of(memory)
            again = await memory.imports.run(plan)
            assert (again.stored, again.confirmed, again.quarantined, again.links) == (0, 0, 0, 0)
            assert again.present == len(plan.records)
            assert await content_of(memory) == content
            assert outcome.present + outcome.stored + outcome.confirmed + outcome.quarantined == len(plan.records)
            return content


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=GRAPH, stops=st.lists(st.integers(0, 30), min_size=1, max_size=3), batch=st.integers(1, 5))
def test_an_import_interrupted_at_any_record_and_resumed_is_the_same(
    lines: list[dict[str, Any]], stops: list[int], batch: int
) -> None:
    assert asyncio.run(_imported(lines, stops, batch)) == asyncio.run(_imported(lines, [], 1))


async def test_an_import_that_is_killed_again_and_again_ends_as_if_it_was_not(tmp_path: Path) -> None:
    entries = [
        {
            "type": "entity",
            "name": f"Person {at}",
            "entityType": "person",
            "observations": [f"Has the number {at * 37}."],
        }
        for at in range(20)
    ]
    entries += [
        {"type": "relation", "from": f"Person {at}", "to": f"Person {at // 2}", "relationType": "knows"}
        for at in range(1, 20)
    ]
    path = tmp_path / "memory.jsonl"
    path.write_text("\n".join(map(json.dumps, entries)))
    for after in (1, 7, 20):
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.moving.import_worker", str(tmp_path / "killed"), str(path), "server-memory"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert worker.stdin is not None and worker.stdout is not None
        # It may go on while it is being killed, but not to the end, however long that takes.
        worker.stdin.write("\n" * (after + 20))
        worker.stdin.flush()
        for _ in range(after):
            assert worker.stdout.readline()
        worker.kill()
        assert worker.wait(timeout=60) != 0
        worker.stdin.close()
        worker.stdout.close()
    async with mnemic.open_memory(tmp_path / "killed", chroma="off") as memory:
        there = len(await memory.records())
        assert 20 <= there < 59
        outcome = await take_in(memory, path, "server-memory")
        assert outcome.present >= there and outcome.stored == 59 - there
        killed = await content_of(memory)
        assert (await memory.doctor()).healthy
    async with mnemic.open_memory(tmp_path / "whole", chroma="off") as memory:
        assert (await take_in(memory, path, "server-memory")).stored == 59
        assert await content_of(memory) == killed


async def test_what_changed_at_the_source_comes_in_beside_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"id": 1, "text": "The ferry leaves at nine."}\n{"id": 2, "text": "Ana prefers tea."}\n')
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        assert (await take_in(memory, path, "jsonl")).stored == 2
        path.write_text('{"id": 1, "text": "The ferry leaves at ten."}\n{"id": 2, "text": "Ana prefers tea."}\n')
        outcome = await take_in(memory, path, "jsonl")
        assert (outcome.stored, outcome.present) == (1, 1)


async def test_the_same_words_from_elsewhere_are_counted_and_not_doubled(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"text": "Ana prefers tea.", "id": 1}\n{"text": "Ana prefers tea.", "id": 2}\n')
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(path, format="jsonl")
        assert plan.repeated == 1
        outcome = await memory.imports.run(plan)
        assert (outcome.stored, outcome.confirmed) == (1, 1)
        again = await memory.imports.run(plan)
        assert (again.present, again.confirmed) == (2, 0)
        (record,) = await memory.records()
        assert record.confirmations == 1


async def test_a_plan_counts_as_the_same_what_will_be_counted_and_not_stored(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    said = {"text": "Yes!", "speaker": "Ana", "occurred_at": "2026-01-05"}
    records: list[dict[str, str]] = [
        {"text": "Ana prefers tea.", "occurred_at": "2026-01-02"},
        {"text": "Ana prefers tea."},  # what is true is the same whenever it was said
        {"text": "Ana prefers tea.", "when_to_use": "at breakfast"},
        {**said, "session": "one"},
        {**said, "session": "two"},  # what was said elsewhere is another event
        {**said, "session": "two"},
        {**said, "session": "two", "role": "user"},
    ]
    path.write_text("".join(json.dumps({**record, "id": str(at)}) + "\n" for at, record in enumerate(records)))
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(path, format="jsonl")
        outcome = await memory.imports.run(plan)
    assert (plan.repeated, outcome.confirmed, outcome.stored) == (2, 2, 5)
