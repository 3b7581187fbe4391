"""The folding policy at work in real sessions: what a model would be sent, and what is left of it."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable

import pytest

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import hiagent, sculptor
from mnemic.domain.working_memory.auto_folding import FOLDING, AutoFolding
from mnemic.domain.working_memory.journal import Cell
from mnemic.domain.working_memory.messages import Message
from mnemic.domain.working_memory.replay import prompts_of, replay
from mnemic.domain.working_memory.transcripts import read_transcript, write_openai
from mnemic.testing import check_openai
from tests.benchmarks.folding_data import TAU_FILE, WORLDS_FILE, leaves, words
from tests.conftest import SHARED_DATA
from tests.working_memory.scripts import COUNT, message, new_session, tool_step


@pytest.fixture(scope="module")
def chats() -> list[tuple[Message, ...]]:
    path = SHARED_DATA / TAU_FILE
    if not path.is_file():
        pytest.skip(f"the recorded data {TAU_FILE} is not on this machine ({SHARED_DATA} lacks it)")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [read_transcript(line).messages for line in lines]


def sent(messages: Iterable[Message]) -> str:
    """All words of a prompt, message by message."""
    return "\x00".join(
        f" {words(part)} " for m in messages for part in (m.text, *(f"{c.name} {c.arguments}" for c in m.calls))
    )


def wanted(answer: Message) -> list[str]:
    """The values that an answer's calls are made with."""
    found: list[str] = []
    for call in answer.calls:
        if call.name == "calculate":
            found += re.findall(r"\d+(?:\.\d+)?", call.arguments)
        else:
            found += leaves(json.loads(call.arguments))
    return [words(value) for value in found if words(value)]


def test_lean_sessions_save_most_of_a_chat_and_hide_no_later_argument(
    chats: list[tuple[Message, ...]],
) -> None:
    history = full = asked = missed = 0
    for messages in chats:
        answers = iter([m for m in messages if m.role is Role.ASSISTANT])
        for memory, _ in prompts_of(messages, preset="lean", count_tokens=COUNT):
            head = " ".join(f" {words(m.text)} " for m in memory.messages if m.role is Role.SYSTEM)
            view = memory.render()
            shown, raw = sent(view), sent(memory.messages)
            system = sum(memory.raw_tokens(at) for at, m in enumerate(memory.messages) if m.role is Role.SYSTEM)
            history += memory.shown_tokens() - system
            full += memory.raw_tokens() - system
            for value in wanted(next(answers)):
                if f" {value} " in raw and f" {value} " not in head:
                    asked += 1
                    missed += f" {value} " not in shown
        assert check_openai(write_openai(view)) == []
        assert all(now == raw for now, raw in zip(view, messages, strict=False) if raw.role is Role.USER)
    assert 1 - history / full >= 0.58
    assert asked > 2_000
    assert missed == 0


def test_lossless_sessions_never_change_what_was_sent_before(chats: list[tuple[Message, ...]]) -> None:
    for messages in chats[:30]:
        before: list[Message] = []
        for memory, first_changed in prompts_of(messages, preset="lossless", count_tokens=COUNT):
            view = memory.render()
            assert view[: len(before)] == before
            assert first_changed >= len(before)
            before = view


def test_the_view_does_not_depend_on_how_many_messages_come_at_once(chats: list[tuple[Message, ...]]) -> None:
    for messages in chats[:20]:
        views = []
        for size in (1, 3, len(messages)):
            memory = new_session(**{FOLDING: "lean"})
            folding = None
            for at in range(0, len(messages), size):
                memory.append(messages[at : at + size])
                folding = folding or AutoFolding(memory, "lean")
                folding.follow()
            views.append(memory.render())
        assert views[0] == views[1] == views[2]


def test_names_in_chinese_prose_stay_in_view() -> None:
    memory = new_session(**{FOLDING: "lean"})
    memory.append([message("user", "请帮我订票。")])
    folding = AutoFolding(memory, "lean")
    stations = "北上广深成杭武南长青天重苏宁郑合福昆济西"
    for at, first in enumerate(stations):
        found = "。".join(f"第{at}-{place}条：前往{first}{second}站" for place, second in enumerate(stations)) + "。"
        memory.append(tool_step("update_search" if at % 3 == 2 else "search", json.dumps({"page": at}), found))
        folding.follow()
    view = sent(memory.render())
    assert all(f"前往{first}{second}站" in view for first in stations for second in stations)
    assert memory.shown_tokens() < memory.raw_tokens()


@pytest.mark.parametrize("preset", ["lean", "live", "k2", "lossless", "hiagent"])
@pytest.mark.parametrize("lives", [1, 3, 7])
def test_the_view_does_not_depend_on_how_often_another_process_takes_over(preset: str, lives: int) -> None:
    """A command line is a process of its own for every message; a server lives on."""
    one, other = (new_session(**{FOLDING: preset}) for _ in range(2))
    kept: AutoFolding | None = None
    taken: AutoFolding | None = None
    records = [{"id": f"Bestellung_{at}", "Stadt": f"Łódź {at}", "Preis": at * 17} for at in range(8)]
    said: list[Message] = [message("user", "Welche Bestellungen sind offen?")]
    for at in range(24):
        name = "get_order" if at % 3 else "update_order"
        said += tool_step(name, json.dumps({"nr": at}), json.dumps(records[at % 8 :], ensure_ascii=False))
        said += [message("user", f"Weiter mit Nummer {at}.")] if at % 5 == 4 else []
    for at, added in enumerate(said):
        for memory in (one, other):
            memory.append([added])
        kept = kept or AutoFolding(one, preset)
        taken = AutoFolding(other, preset) if taken is None or at % lives == 0 else taken
        kept.follow()
        taken.follow()
        if at % 11 == 10:
            for memory in (one, other):
                hiagent.open_subgoal(memory, text=f"Teil {at}", fold=False)
            kept.follow()
            taken.follow()
    assert other.render() == one.render()
    assert other.shown_tokens() == one.shown_tokens() < one.raw_tokens()


def test_text_worlds_in_the_text_protocol_are_folded_too() -> None:
    path = SHARED_DATA / WORLDS_FILE
    if not path.is_file():
        pytest.skip(f"the recorded data {WORLDS_FILE} is not on this machine ({SHARED_DATA} lacks it)")
    rows: dict[str, list[tuple[int, int]]] = {"sci": [], "alf": []}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number % 4:
                continue
            record = json.loads(line)
            messages = [message("system", record["task"])]
            for step in record["steps"]:
                thought = (step.get("thought") or "").strip()
                said = f"{thought}\nAction: {step['action']}" if thought else f"Action: {step['action']}"
                messages += [message("assistant", said), message("tool", step["observation"])]
            found = replay(messages, preset="lean", count_tokens=COUNT, max_steps=12)
            rows["sci" if record["id"].startswith("sci") else "alf"].append((found.history, found.full_history))
    saved = {name: 1 - sum(h for h, _ in found) / sum(f for _, f in found) for name, found in rows.items()}
    # Counted by the heuristic on a quarter of the episodes; the whole is in the figures of folding.
    assert saved["sci"] >= 0.55
    assert saved["alf"] >= 0.45


def test_what_was_edited_by_hand_the_policy_leaves_alone() -> None:
    memory = new_session(**{FOLDING: "lean"})
    memory.append(
        [
            message("user", "Find all flights."),
            *tool_step("search_flights", '{"to": "OPO"}', "TP-1 to Porto, 300 EUR\n" * 30),
        ]
    )
    folding = AutoFolding(memory, "lean")
    folding.follow()
    for turn in range(3):
        memory.append([message("assistant", f"Found some, see {turn}."), message("user", f"And more like {turn}?")])
        memory.append(
            tool_step("search_flights", f'{{"to": "LIS", "page": {turn}}}', f"IB-{turn} to Lisbon, 20{turn} EUR\n" * 30)
        )
        folding.follow()
    result = memory.messages[2]
    folded = next(f for f in memory.values(Cell.FRAGMENT).values() if f.message_id == result.id)
    assert memory.render()[2] != result
    sculptor.restore_fragment(memory, fragment_id=folded.id)
    for turn in range(3, 6):
        memory.append(
            [message("assistant", "ok"), message("user", f"Again {turn}"), *tool_step("get_x", "{}", "nothing " * 40)]
        )
        folding.follow()
    assert memory.render()[2] == result
    assert all(
        change.after is None or change.after.reason
        for edit in memory.edits
        if edit.automatic
        for change in edit.changes
        if change.cell is Cell.DISPLAY
    )
