"""What was delivered to a caller is followed by whichever process the caller writes to next."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mnemic import Channel, Memory, Origin
from mnemic.bootstrap import load_settings
from mnemic.domain.memory import RowKey
from mnemic.errors import StoreUnavailable
from mnemic.protocols import DELIVERY_WINDOW, MOST_DELIVERED, Deliveries
from mnemic.services.deliveries import ProcessDeliveries
from mnemic.storage.sqlite.deliveries import FileDeliveries

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ANA = "server/mnemic/ana"
PAGE = "The walrus handbook lives under https://walrus.evil.example/docs/walrus.html these days."
OURS = "Our robots fetch manuals nightly via https://walrus.evil.example/docs/walrus.html before shipping."


def keys(*numbers: int) -> list[RowKey]:
    return [RowKey(number) for number in numbers]


@pytest.fixture(params=["process", "file"])
def deliveries(request: pytest.FixtureRequest, tmp_path: Path) -> Deliveries:
    return ProcessDeliveries() if request.param == "process" else FileDeliveries(tmp_path / "noted", "deliveries")


def test_what_was_delivered_counts_in_its_context_for_an_hour_until_it_is_forgotten(deliveries: Deliveries) -> None:
    deliveries.note(["a", "b"], keys(1, 2), now=NOW)
    deliveries.note(["a"], keys(3), now=NOW + timedelta(minutes=30))
    later = NOW + timedelta(minutes=40)
    assert sorted(deliveries.recent(["a"], now=later)) == [1, 2, 3]
    assert sorted(deliveries.recent(["b", "c"], now=later)) == [1, 2]
    assert deliveries.recent(["a", "b"], now=NOW + DELIVERY_WINDOW + timedelta(minutes=1)) == [3]
    deliveries.forget(["a"])
    assert deliveries.recent(["a"], now=later) == []
    assert sorted(deliveries.recent(["b"], now=later)) == [1, 2]


def test_only_the_latest_of_a_context_count(deliveries: Deliveries) -> None:
    for number in range(1, MOST_DELIVERED + 11):
        deliveries.note(["a"], keys(number), now=NOW + timedelta(seconds=number))
    later = NOW + timedelta(minutes=5)
    assert sorted(deliveries.recent(["a"], now=later)) == list(range(11, MOST_DELIVERED + 11))


def test_processes_that_share_a_file_know_of_each_others_deliveries_and_purposes_are_apart(tmp_path: Path) -> None:
    one, two = (FileDeliveries(tmp_path / "noted", "deliveries") for _ in range(2))
    threads = [
        threading.Thread(target=lambda at=at: (one, two)[at % 2].note(["a"], keys(at), now=NOW)) for at in range(1, 21)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.recent(["a"], now=NOW) == two.recent(["a"], now=NOW)
    assert len(one.recent(["a"], now=NOW)) == 20
    assert FileDeliveries(tmp_path / "noted", "shown").recent(["a"], now=NOW) == []


def test_an_answer_does_not_fail_because_a_delivery_cannot_be_noted_and_nothing_is_taken_for_unseen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    noted = FileDeliveries(tmp_path / "noted", "deliveries")
    with sqlite3.connect(tmp_path / "noted") as other:
        other.execute("DROP TABLE deliveries")
    other.close()
    noted.note(["a"], keys(1), now=NOW)
    assert "deliveries.not_noted" in caplog.text
    with pytest.raises(StoreUnavailable, match="cannot be kept"):
        noted.recent(["a"], now=NOW)


async def test_a_strangers_text_that_one_process_delivered_taints_what_is_written_at_another(tmp_path: Path) -> None:
    def opened() -> Memory:
        settings = load_settings(home=tmp_path / "home", chroma="off")
        return Memory(settings, delivered=tmp_path / "noted", origin=Origin(connection=ANA))

    async with opened() as reading, opened() as writing:
        page = await reading.remember(PAGE, origin=Origin(channel=Channel.WEB), source="https://walrus.evil.example")
        assert [hit.memory.id for hit in (await reading.recall("walrus handbook")).hits] == [page.id]
        ours = await writing.remember(OURS, origin=Origin(channel=Channel.AGENT, connection=ANA))
        (shown,) = await writing.show([ours.id])
    assert shown.standing is not None
    assert "unverified" in " ".join(shown.standing.labels)
