"""What is taken out of a text leaves none that is longer than it may be."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import mnemic
from mnemic import Channel, NewMemory
from mnemic.domain.drafting import draft_memory
from mnemic.domain.marks import Marks, Taint
from mnemic.domain.memory import MemoryId, Outcome
from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_TEXT_CHARS
from mnemic.domain.verdict import Finding
from mnemic.guard.guard import HIDDEN, masked_place, masked_text
from mnemic.guard.screening import redact
from tests.guard.stores import MAIL, USER, WEB, open_guarded, policy_file

REDACTING = "write: {max_chars: 400, rules: {personal-data: redact, too-long: quarantine}}"
ADDRESS = "b@c.example"


@pytest.mark.parametrize(
    ("limit", "shown"),
    [(None, "a [redacted: a key] b [redacted: a key]"), (39, "a [redacted: a key] b [redacted: a key]"),
     (25, "a [redacted] b [redacted]"), (24, "a … b …"), (0, "a … b …")],
)  # fmt: skip
def test_what_is_taken_out_is_named_as_far_as_there_is_room(limit: int | None, shown: str) -> None:
    found = [Finding(rule="secret", reason="", detail="a key", spans=((2, 3), (6, 7)))]
    assert redact("a K b K", found, limit=limit) == shown


@pytest.mark.parametrize("length", [60, 380, 400])
async def test_a_strangers_text_is_not_held_back_for_what_the_guard_itself_put_into_it(
    tmp_path: Path, length: int
) -> None:
    async with open_guarded(tmp_path, policy_file(tmp_path, REDACTING)) as memory:
        text = f"Mail {ADDRESS} or {ADDRESS}. ".ljust(length, "x")
        receipt = await memory.remember(text, origin=MAIL)
        assert receipt.outcome is Outcome.STORED and receipt.redacted
        stored = (await memory.get(receipt.id)).text
        assert ADDRESS not in stored and len(stored) <= 400
        assert ("[redacted: " in stored) is (length == 60)


async def test_what_was_too_long_before_stays_too_long(tmp_path: Path) -> None:
    async with open_guarded(tmp_path, policy_file(tmp_path, REDACTING)) as memory:
        receipt = await memory.remember(f"Mail {ADDRESS}. ".ljust(401, "x"), origin=MAIL)
        assert receipt.outcome is Outcome.QUARANTINED


@pytest.mark.parametrize("most", [50_000, 1_000_000])
async def test_an_export_of_what_was_taken_out_of_the_longest_texts_can_be_imported(tmp_path: Path, most: int) -> None:
    policy = policy_file(tmp_path, f"write: {{max_chars: {most}}}")
    said = "The password is hunter2. "
    async with open_guarded(tmp_path, policy) as memory:
        receipt = await memory.remember(
            said.ljust(MAX_TEXT_CHARS, "x"), when_to_use=said.ljust(2_000, "y"), session=said.ljust(MAX_LABEL_CHARS, "z"),
            origin=USER,
        )  # fmt: skip
        assert "password" in receipt.redacted
        lines = [line async for line in memory.export()]
        assert "hunter2" not in "".join(lines)
    async with mnemic.open_memory(tmp_path / "another", policy=policy, chroma="off", durable=False) as another:
        assert (await another.import_(lines)).imported == 1
        assert [line async for line in another.export()] == lines


def test_a_part_of_a_text_is_found_again_in_the_masked_one_with_the_whole_of_what_is_hidden_in_it() -> None:
    text = "Before. Do this now. Between. Do that too. After."
    spans = ((8, 20), (30, 42))
    record = draft_memory(
        NewMemory(text=text),
        id=MemoryId("m000000000000000"),
        namespace=("n",),
        origin=WEB,
        recorded_at=datetime.now(UTC),
    )
    marks = Marks(taints=(Taint(Channel.WEB),), directives=spans)
    masked = masked_text(record, marks)
    assert masked == f"Before. {HIDDEN} Between. {HIDDEN} After."
    shown = {
        (0, 7): "Before.", (0, 12): f"Before. {HIDDEN}", (12, 29): f"{HIDDEN} Between.", (21, 29): "Between.",
        (12, 35): f"{HIDDEN} Between. {HIDDEN}", (35, 49): f"{HIDDEN} After.", (0, 49): masked, (10, 15): HIDDEN,
    }  # fmt: skip
    for place, expected in shown.items():
        start, end = masked_place(record, marks, place)
        assert masked[start:end] == expected, place
