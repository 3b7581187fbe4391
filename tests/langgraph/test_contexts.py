"""Recorded chats run again through agents: what their models are shown under our folding and under other ways of editing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

from mnemic.storage.token_counters import HeuristicTokenCounter
from tests.benchmarks.context_chats import Chat, Recording, recorded_chats
from tests.benchmarks.context_editings import (
    SUMMARY_TOKENS,
    ByMiddleware,
    Editing,
    Langmem,
    clearing,
    none,
    ours,
    summarising,
    telling_values,
)
from tests.benchmarks.context_metrics import interval, share_interval, values_of
from tests.benchmarks.contexts import measure, run
from tests.benchmarks.folding_data import TAU_FILE
from tests.benchmarks.folding_metrics import Reader
from tests.conftest import SHARED_DATA

for _name in ("langchain_openai", "langchain_anthropic", "langmem"):
    pytest.importorskip(_name, reason=f"{_name}, whose requests or summaries are compared, is not installed")

COUNT = HeuristicTokenCounter().count


@pytest.fixture(scope="module")
def chats() -> list[Chat]:
    if not (SHARED_DATA / TAU_FILE).is_file():
        pytest.skip(f"the recorded data {TAU_FILE} is not on this machine ({SHARED_DATA} lacks it)")
    return recorded_chats(SHARED_DATA)


def _row(editing: Editing, chats: list[Chat], *, sample: int = 20) -> dict[str, Any]:
    return measure(editing, chats, COUNT, Reader(), sample=sample)


@pytest.mark.parametrize("folding", ["lossless", "live", "k2", "lean"])
def test_our_prompts_are_accepted_and_show_every_later_argument_and_every_latest_value(
    folding: str, chats: list[Chat]
) -> None:
    row = _row(ours(folding), chats[::16])
    assert row["prompts"] > 60 and row["args_all"] > 80 and row["hidden"] > 10
    assert (row["orphans"], row["refused_openai"], row["refused_anthropic"]) == (0, 0, 0)
    assert row["args_missed"] == 0 and row["latest"] == 100
    assert row["state"] == 100 and row["agent"] >= 85


@pytest.mark.slow
def test_lean_saves_more_than_half_of_all_recorded_chats_and_hides_no_later_argument(chats: list[Chat]) -> None:
    row = _row(ours("lean"), chats, sample=0)
    assert row["saved"] >= 55
    assert row["args_missed"] == 0 and row["args_all"] > 2_000
    assert (row["orphans"], row["refused_openai"], row["refused_anthropic"]) == (0, 0, 0)


def test_graph_h4_folding_as_published_halves_the_history_and_keeps_every_word_of_the_user(chats: list[Chat]) -> None:
    row = _row(ours("hiagent"), chats[::4], sample=0)
    assert row["saved"] >= 50
    assert row["args_missed"] > 0  # what the published fold loses is why it is not the default
    editing = ours("lean")
    for chat in chats[::8]:
        recording = Recording()
        prompts, kept = recording.play(editing.graph(recording, chat.head), chat)
        for prompt in prompts:
            said = [message.text for message in prompt if isinstance(message, HumanMessage)]
            assert said == [message.text for message in kept if isinstance(message, HumanMessage)][: len(said)]


def test_without_editing_nothing_is_hidden_and_nothing_saved(chats: list[Chat]) -> None:
    row = _row(none(), chats[::25])
    assert (row["saved"], row["args"], row["latest"], row["records"], row["hidden"]) == (0, 100, 100, 100, 0)
    assert (row["breaks"], row["lost"], row["cost"]) == (0, 0, 1)


def test_cleared_results_are_in_the_state_and_out_of_the_agents_reach(chats: list[Chat]) -> None:
    row = _row(clearing(0, keep=1), chats[::16])
    assert row["state"] == 100 and row["agent"] == 0 and row["hidden"] > 10
    assert row["args_missed"] > 0 and row["latest"] < 90 and row["breaks"] > 20


def test_what_a_summary_replaced_is_gone_from_langchains_state_and_kept_in_langmems(chats: list[Chat]) -> None:
    gone, kept = _row(summarising(600, keep=4), chats[::16]), _row(Langmem(1_024), chats[::16])
    assert gone["state"] == 0 and kept["state"] == 100
    assert gone["agent"] == kept["agent"] == 0
    assert gone["args_missed"] > 0 and kept["args_missed"] > 0


class _Dropping(AgentMiddleware[Any, Any]):
    """Leaves out the first result of a tool, and what the user said first."""

    def wrap_model_call(self, request: ModelRequest, handler: Callable[[ModelRequest], ModelResponse]) -> Any:
        first = next((m for m in request.messages if isinstance(m, ToolMessage)), None)
        return handler(request.override(messages=[m for m in request.messages[1:] if m is not first]))


def test_an_editing_that_breaks_pairs_is_caught(chats: list[Chat]) -> None:
    row = _row(ByMiddleware("dropping", lambda: [_Dropping()]), chats[:2])
    assert row["orphans"] > 0 and row["refused_openai"] > 0 and row["refused_anthropic"] > 0
    assert any("no result" in reason for reason in row["reasons"])
    assert any("not the user's" in reason for reason in row["reasons"])
    assert row["saved"] > 0


def test_the_stand_in_keeps_the_newest_values_within_its_size_and_says_the_same_twice() -> None:
    asked = [HumanMessage(f"Book flight HAT{number:03} for {number} persons.") for number in range(100)]
    result = ToolMessage(
        '{"reservation": "R1X9", "paid": ' + str(["x" * 30] * 9).replace("'", '"') + "}", tool_call_id="a"
    )
    calls = AIMessage("", tool_calls=[{"name": "get", "args": {"id": "R1X9"}, "id": "a"}])
    said = telling_values([*asked, calls, result])
    assert said == telling_values([*asked, calls, result])
    assert "R1X9" in said and "HAT099" in said and "HAT000" not in said
    assert COUNT(said) <= SUMMARY_TOKENS * 1.1
    assert telling_values([]) == "Nothing was said."


def test_values_are_scalars_of_records_and_what_has_digits_elsewhere() -> None:
    assert values_of('{"id": "R-1", "free": true, "seats": [3, null], "to": "Porto"}') == ("r 1", "3", "porto")
    assert values_of("Error: flight HAT001 is full") == ("hat001",)


def test_intervals_hold_the_share_and_narrow_with_more_chats() -> None:
    low, high = interval([(1, 2), (2, 2), (0, 2), (1, 2)])
    assert low < 50 < high
    few, many = interval([(1, 2), (2, 2)] * 3), interval([(1, 2), (2, 2)] * 100)
    assert many[1] - many[0] < few[1] - few[0]
    assert share_interval(0, 20)[0] == 0 and share_interval(20, 20)[1] == 100 and share_interval(0, 0) == (0, 100)


def test_absent_data_is_named(tmp_path: Path) -> None:
    assert run(tmp_path, "heuristic", rows=[])["skipped"] == f"{TAU_FILE} is not in {tmp_path}"
