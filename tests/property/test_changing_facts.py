"""Facts in any order against a plain model: no text is ever lost, one value is current, every moment has its value."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mnemic.domain.memory import MemoryId, NewMemory, Outcome, Status
from mnemic.domain.provenance import Channel, Origin
from mnemic.domain.recall import MemoryFilter
from mnemic.services.browse import history, list_memories
from mnemic.services.health import doctor
from mnemic.services.storing.facts import reinstate
from mnemic.services.storing.remember import remember
from mnemic.services.transferring.transfer import export_lines
from mnemic.testing import SetClock
from tests.property.test_ledger_model import open_backends

HERE = ("facts",)
FORMS = ("The port of the API is {}", "api.port = {}", "The API's port is {}.", "Update: api.port = {}")
DAYS = 12
values = st.sampled_from(("80", "81", "82"))
forms = st.sampled_from(FORMS)


def day(number: float) -> datetime:
    return datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)


class FactMachine(RuleBasedStateMachine):
    """One slot of one namespace, said by two processes; strangers and another namespace beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = SetClock()
        self.sides = [open_backends(self.folder, self.clock) for _ in range(2)]
        self.said: list[str] = []
        # (day since which it holds, order in which it was said, value): what the last at or before a moment says, is so.
        self.claims: list[tuple[int, int, str]] = []
        self.receipts: dict[MemoryId, str] = {}
        self.open_question = False

    def teardown(self) -> None:
        for side in self.sides:
            assert doctor(side).healthy
            side.ledger.close()
        shutil.rmtree(self.folder)

    def say(self, side: int, text: str, at: int, **fields: Any) -> Any:
        self.clock.advance(seconds=1)
        new = NewMemory(text=text, valid_from=day(at), **fields)
        # The user's: the guard counts an agent's copy of what a stranger wrote first as the stranger's.
        (receipt,) = remember(self.sides[side], [new], namespace=HERE, origin=Origin(channel=Channel.USER))
        self.said.append(text)
        return receipt

    @rule(value=values, form=forms, at=st.integers(0, DAYS), side=st.integers(0, 1))
    def state(self, value: str, form: str, at: int, side: int) -> None:
        receipt = self.say(side, form.format(value), at)
        self.claims.append((at, len(self.claims), value))
        self.open_question |= bool(receipt.contradicts)
        if receipt.outcome is Outcome.STORED:
            assert receipt.id not in self.receipts
            self.receipts[receipt.id] = value
        else:
            assert self.receipts[receipt.id] == value

    @rule(value=values, form=forms, at=st.integers(0, DAYS), side=st.integers(0, 1), who=st.sampled_from(("a", "b")))
    def stranger(self, value: str, form: str, at: int, side: int, who: str) -> None:
        before = self.current()
        origin = Origin(channel=Channel.WEB)
        receipt = self.say(side, form.format(value), at, origin=origin, source=f"https://{who}.example")
        assert receipt.superseded not in self.receipts
        assert self.current() == before

    @rule(value=values, form=forms, at=st.integers(0, DAYS))
    def elsewhere(self, value: str, form: str, at: int) -> None:
        before = self.current()
        receipt = self.say(0, form.format(value), at, namespace=(*HERE, "below"))
        assert receipt.superseded not in self.receipts
        assert self.current() == before

    @rule(value=values, side=st.integers(0, 1))
    def undo(self, value: str, side: int) -> None:
        self.clock.advance(seconds=1)
        gone = [
            id for id, one in self.records().items() if one.status is Status.SUPERSEDED and self.receipts[id] == value
        ]
        if gone:
            assert reinstate(self.sides[side], gone[:1], origin=Origin()) == (gone[0],)
            self.open_question = True

    def records(self) -> dict[MemoryId, Any]:
        everything = MemoryFilter(namespace=HERE, statuses=tuple(Status), now=self.clock.now())
        return {one.id: one for one in list_memories(self.sides[0], everything, limit=1000) if one.id in self.receipts}

    def current(self) -> list[MemoryId]:
        return sorted(id for id, one in self.records().items() if one.status is Status.ACTIVE)

    @invariant()
    def one_value_is_current_unless_it_is_an_open_question(self) -> None:
        current = self.current()
        assert bool(current) is bool(self.claims)
        assert len(current) <= 1 or self.open_question

    @invariant()
    def every_moment_has_the_value_that_was_said_of_it_last(self) -> None:
        if self.open_question:
            return
        for at in range(DAYS + 1):
            then = MemoryFilter(namespace=HERE, as_of=day(at + 0.5), now=self.clock.now())
            found = [self.receipts[one.id] for one in list_memories(self.sides[1], then) if one.id in self.receipts]
            claims = [claim for claim in self.claims if claim[0] <= at]
            assert found == ([max(claims)[2]] if claims else [])

    @invariant()
    def no_text_is_ever_lost(self) -> None:
        lines = [json.loads(line) for line in export_lines(self.sides[0])]
        kept = {line["text"] for line in lines if line["type"] == "memory"}
        kept |= {line["detail"].get("text") for line in lines if line["type"] == "event" and "detail" in line}
        assert kept >= set(self.said)
        if self.receipts and not self.open_question:
            (current,) = self.current()
            versions = [one.id for one in history(self.sides[0], current).versions]
            assert sorted(versions) == sorted(self.receipts)


TestFacts = FactMachine.TestCase
TestFacts.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
