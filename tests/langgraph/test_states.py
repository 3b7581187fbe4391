"""What the state fragments promise, whatever comes together in them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage

import mnemic_langgraph
from mnemic.domain.experience.reading import read_trajectory
from mnemic_langgraph.conversation import message_keys
from mnemic_langgraph.states import join_ids, join_lists, join_recalled
from mnemic_langgraph.trajectories import trajectory_of

ids = st.sampled_from(["m1", "m2", "m3", "m4"])
memories = st.lists(
    st.fixed_dictionaries({"id": ids, "score": st.none() | st.floats(0, 1), "text": st.text(max_size=3)}),
    unique_by=lambda one: one["id"],
)  # fmt: skip


@given(parts=st.lists(memories, max_size=5))
def test_joined_recalls_have_every_memory_once_and_best_first(parts: list[Any]) -> None:
    joined: Any = []
    for part in parts:
        joined = join_recalled(joined, part)
    found = [one["id"] for one in joined]
    assert sorted(found) == sorted({one["id"] for part in parts for one in part})
    scores = [one["score"] or 0.0 for one in joined]
    assert scores == sorted(scores, reverse=True)
    assert join_recalled(joined, []) == joined == join_recalled(joined, joined), "a resumed step changes nothing"


@given(one=st.dictionaries(ids, st.integers()), other=st.dictionaries(ids, st.integers()), more=st.lists(ids))
def test_joined_notes_lose_nothing(one: dict[str, int], other: dict[str, int], more: list[str]) -> None:
    joined = join_ids(one, other)
    assert joined.keys() == one.keys() | other.keys() and join_ids(joined, other) == joined
    assert join_lists(join_lists(None, more), more) == list(dict.fromkeys(more))


said = st.builds(HumanMessage, st.text(max_size=5)) | st.builds(AIMessage, st.text(max_size=5))


@given(st.lists(said, max_size=8), st.integers(0, 8))
def test_messages_without_ids_keep_their_names_as_more_are_said(messages: list[Any], cut: int) -> None:
    keys = message_keys(messages)
    assert len(set(keys)) == len(messages) and message_keys(messages[:cut]) == keys[:cut]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=5))
def test_messages_are_a_trajectory_that_the_engine_reads(results: list[str]) -> None:
    messages: list[Any] = [HumanMessage("Do it")]
    for at, result in enumerate(results):
        messages.append(AIMessage("", tool_calls=[{"name": "step", "args": {"at": at}, "id": f"c{at}"}]))
        messages.append(ToolMessage(result, tool_call_id=f"c{at}", name="step"))
    read = read_trajectory({"messages": json.loads(json.dumps(trajectory_of(messages, task="Do it"))), "reward": 1.0})
    assert read.task == "Do it" and [step.tool for step in read.steps] == ["step"] * len(results)
    assert [step.observation for step in read.steps] == [result.replace("\0", "\ufffd") for result in results]


def test_every_export_is_there_and_importing_the_package_imports_nothing_of_langgraph() -> None:
    for name in mnemic_langgraph.__all__:
        assert getattr(mnemic_langgraph, name) is not None
    code = (
        "import sys, mnemic_langgraph; "
        "assert not {'langgraph', 'langchain', 'langchain_core', 'chromadb'} & set(sys.modules); "
        "mnemic_langgraph.create_memory_agent; "
        "assert not {'chromadb', 'numpy', 'onnxruntime', 'mnemic.storage.sqlite.ledger'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
