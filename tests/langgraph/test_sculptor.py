"""Sculptor and Memory-as-Action through compiled graphs (methods S1, S2, S5)."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, messages_from_dict
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.sqlite import SqliteSaver

from mnemic.domain.working_memory.transcripts import read_transcript, write_langchain
from mnemic.errors import InvalidInput
from mnemic.services.working_memory.conversation import PRUNE_TOOL_NAME, SCULPTOR_TOOL_NAMES, ContextRules
from mnemic_langgraph.editing_tools import create_sculptor_tools
from mnemic_langgraph.sculptor import create_sculpt_node
from mnemic_langgraph.testing import ScriptedChatModel, as_sent, call
from mnemic_langgraph.working_memory import Projection
from tests.langgraph.scripted_editing import RandomEditor, editing_graph, question

RULES = ContextRules(tools=frozenset((*SCULPTOR_TOOL_NAMES, PRUNE_TOOL_NAME)))
THREAD: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 500}


def same_shape(originals: list[BaseMessage], shown: list[BaseMessage]) -> None:
    """As many messages, in the same order, of the same kinds, with the same ids and calls."""
    assert [(m.type, m.id, m.name) for m in originals] == [(m.type, m.id, m.name) for m in shown]
    for raw, now in zip(originals, shown, strict=True):
        assert bool(raw.text) == bool(now.text)
        if isinstance(raw, AIMessage) and isinstance(now, AIMessage):
            assert [(c["id"], c["name"]) for c in raw.tool_calls] == [(c["id"], c["name"]) for c in now.tool_calls]
        if isinstance(raw, ToolMessage) and isinstance(now, ToolMessage):
            assert (raw.tool_call_id, raw.status) == (now.tool_call_id, now.status)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), steps=st.integers(0, 14))
def test_graph_s1_any_edits_keep_order_kinds_ids_and_originals(seed: int, steps: int) -> None:
    model = ScriptedChatModel(script=RandomEditor(seed, steps))
    final = editing_graph(model, Projection(RULES)).invoke({"messages": [question()]}, THREAD)["messages"]
    assert final[0] == question()
    for prompt in model.prompts:
        same_shape(final[: len(prompt)], prompt)
        # Whoever comes new to the messages shows the same.
        assert as_sent(Projection(RULES).view(final[: len(prompt)])) == as_sent(prompt)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32))
def test_graph_s1_everything_restored_is_the_original_byte_for_byte(seed: int) -> None:
    projection = Projection(RULES)
    model = ScriptedChatModel(script=RandomEditor(seed, 12))
    messages = editing_graph(model, projection).invoke({"messages": [question()]}, THREAD)["messages"]

    def fragments(memory: Any) -> list[str]:
        from mnemic.domain.working_memory.journal import Cell

        return list(memory.values(Cell.FRAGMENT))

    left = projection.read(messages, fragments)
    while left:
        # At most twenty edits are allowed in one turn of the user.
        now, left = left[:20], left[20:]
        calls = [call("restore_fragment", f"r{len(left)}_{n}", fragment_id=id) for n, id in enumerate(now)]
        restored = ScriptedChatModel(script=[AIMessage("", tool_calls=calls), AIMessage("done")])
        said = [*messages, HumanMessage("Show it all.")]
        messages = editing_graph(restored, projection).invoke({"messages": said}, THREAD)["messages"]
    assert projection.view(messages) == messages


def test_graph_s1_an_agent_that_calls_no_tool_has_the_prompts_that_it_would_have_without_them() -> None:
    model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call("look_up", "c1", item="x")]), "done"])
    final = editing_graph(model, Projection(RULES)).invoke({"messages": [question()]}, THREAD)["messages"]
    assert model.prompts == [final[:1], final[:3]]
    assert all(seen is said for seen, said in zip(Projection(RULES).view(final), final, strict=True))


def test_graph_s1_a_graph_resumed_from_the_database_at_every_step_sees_the_same_prompts(tmp_path: Path) -> None:
    for seed in range(4):
        whole = ScriptedChatModel(script=RandomEditor(seed, 12))
        editing_graph(whole, Projection(RULES)).invoke({"messages": [question()]}, THREAD)
        sent: list[str] = []
        start: Any = {"messages": [question()]}
        for _ in range(100):
            model = ScriptedChatModel(script=RandomEditor(seed, 12))
            with SqliteSaver.from_conn_string(str(tmp_path / f"{seed}.db")) as saver:
                step = editing_graph(model, Projection(RULES), checkpointer=saver, interrupt=True)
                step.invoke(start, THREAD)
                going_on = bool(step.get_state(THREAD).next)
            sent += model.sent
            start = None
            if not going_on:
                break
        assert sent == whole.sent


def test_graph_s2_names_fields_defaults_and_ranges_are_the_published_ones() -> None:
    tools = {tool.name: convert_to_openai_tool(tool)["function"]["parameters"] for tool in create_sculptor_tools()}
    assert list(tools) == [*SCULPTOR_TOOL_NAMES, PRUNE_TOOL_NAME]
    required = {name: schema["required"] for name, schema in tools.items()}
    assert required == {
        "fragment_context": ["start_marker", "end_marker"],
        "fold_fragment": ["fragment_id"],
        "summarize_fragment": ["fragment_id", "focus"],
        "restore_fragment": ["fragment_id"],
        "search_context": ["query"],
        "get_search_detail": ["search_id"],
        "prune_context": ["memory", "delete_ids"],
    }
    optional = {
        (name, field): (spec["default"], spec.get("minimum"), spec.get("maximum"), spec.get("enum"))
        for name, schema in tools.items()
        for field, spec in schema["properties"].items()
        if field not in schema["required"]
    }
    roles = ["user", "assistant", "all"]
    assert optional == {
        ("fragment_context", "num_fragments"): (5, 1, 20, None),
        ("fragment_context", "role"): ("user", None, None, roles),
        ("search_context", "role"): ("user", None, None, roles),
        ("search_context", "max_results"): (10, 1, 50, None),
        ("search_context", "context_size"): (200, 50, 1000, None),
        ("get_search_detail", "extended_context"): (500, 100, 2000, None),
    }
    assert all(schema["additionalProperties"] is False for schema in tools.values())


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("fragment_context", {"start_marker": "alpha", "end_marker": "that", "num_fragments": 21}),
        ("search_context", {"query": "alpha", "context_size": 49}),
        ("search_context", {"query": "alpha", "max_results": 51}),
        ("search_context", {"query": "alpha", "regex": True}),
        ("get_search_detail", {"search_id": "s00000", "extended_context": 99}),
        ("fold_fragment", {"fragment_id": 7}),
        ("fold_fragment", {}),
        ("prune_context", {"memory": "x", "delete_ids": []}),
    ],
)
def test_graph_s2_what_is_out_of_range_is_answered_with_an_error_and_changes_nothing(name: str, arguments: Any) -> None:
    model = ScriptedChatModel(script=[AIMessage("", tool_calls=[call(name, "c1", **arguments)]), "done"])
    final = editing_graph(model, Projection(RULES)).invoke({"messages": [question()]}, THREAD)["messages"]
    assert (final[2].status, final[2].name) == ("error", name)
    assert model.prompts[1] == final[:3]


def test_graph_s2_the_twenty_first_edit_in_a_turn_is_refused_with_an_explanation() -> None:
    calls = [call("search_context", f"c{n}", query="alpha") for n in range(21)]
    model = ScriptedChatModel(
        script=[AIMessage("", tool_calls=calls[:12]), AIMessage("", tool_calls=calls[12:]), "done"]
    )
    final = editing_graph(model, Projection(RULES)).invoke({"messages": [question()]}, THREAD)["messages"]
    results = [message for message in final if isinstance(message, ToolMessage)]
    assert [message.status for message in results] == ["success"] * 20 + ["error"]
    assert "20 tool steps" in results[-1].text


def test_edits_asked_for_at_once_build_on_each_other_in_the_order_of_the_calls() -> None:
    projection = Projection(RULES)
    cut = call("fragment_context", "c1", start_marker="alpha", end_marker="of that", num_fragments=3)
    text = "\n".join(f"alpha {n}" for n in range(40)) + "\nend of that"
    first = ScriptedChatModel(
        script=[AIMessage("", tool_calls=[cut | {"args": {**cut["args"], "start_marker": "alpha 0"}}]), "ok"]
    )
    messages = editing_graph(first, projection).invoke({"messages": [HumanMessage(text, id="q")]}, THREAD)["messages"]
    ids = [line.split(":")[0] for line in messages[2].text.splitlines()[1:]]
    both = [call("fold_fragment", "c2", fragment_id=ids[0]), call("fold_fragment", "c3", fragment_id=ids[1])]
    second = ScriptedChatModel(script=[AIMessage("", tool_calls=both), "done"])
    final = editing_graph(second, projection).invoke({"messages": messages}, THREAD)["messages"]
    shown = projection.view(final)[0].text
    assert f"folded {ids[0]}" in shown
    assert f"folded {ids[1]}" in shown
    assert shown.endswith("end of that")


def test_a_call_that_somebody_refused_is_no_edit() -> None:
    projection = Projection(RULES)
    text = "\n".join(f"alpha {n}" for n in range(40))
    cut = call("fragment_context", "c1", start_marker="alpha 0", end_marker="alpha 39", num_fragments=2)
    model = ScriptedChatModel(script=[AIMessage("", tool_calls=[cut]), "ok"])
    messages = editing_graph(model, projection).invoke({"messages": [HumanMessage(text, id="q")]}, THREAD)["messages"]
    fragment = messages[2].text.splitlines()[1].split(":")[0]
    asked = AIMessage("", tool_calls=[call("fold_fragment", "c2", fragment_id=fragment)], id="a")
    projection.perform([*messages, asked], "c2")
    refused = ToolMessage("A person said no.", tool_call_id="c2", status="error", id="t")
    assert projection.view([*messages, asked, refused])[0].text == text
    answered = refused.model_copy(update={"status": "success"})
    assert projection.view([*messages, asked, answered])[0].text == text, "somebody answered in the tool's place"
    agreed = answered.model_copy(update={"artifact": {"mnemic": {"edit": "fold_fragment"}}})
    assert fragment in projection.view([*messages, asked, agreed])[0].text


def test_a_summary_by_a_model_is_asked_for_once_and_stands_in_the_messages() -> None:
    writer = ScriptedChatModel(script=["Forty alphas, the last is 39."])
    tools = {tool.name: tool for tool in create_sculptor_tools(projection=Projection(RULES), model=writer)}
    text = "\n".join(f"alpha number {n}" for n in range(40))
    cut = call("fragment_context", "c1", start_marker="alpha number 0", end_marker="alpha number 39", num_fragments=1)
    from langgraph.graph import END, START, StateGraph
    from langgraph.prebuilt import ToolNode

    from tests.langgraph.scripted_editing import State

    builder = StateGraph(State)
    builder.add_node("tools", ToolNode(list(tools.values())))
    builder.add_edge(START, "tools")
    builder.add_edge("tools", END)
    graph = builder.compile()
    messages = graph.invoke({"messages": [HumanMessage(text, id="q"), AIMessage("", tool_calls=[cut])]})["messages"]
    id = messages[2].text.splitlines()[1].split(":")[0]
    asked = AIMessage("", tool_calls=[call("summarize_fragment", "c2", fragment_id=id, focus="count")])
    answered = [*messages, AIMessage("Noted."), HumanMessage("Go on."), asked]
    messages = graph.invoke({"messages": answered})["messages"]
    assert messages[-1].status == "success", messages[-1].text
    assert "Forty alphas" in Projection(RULES).view(messages)[0].text
    assert len(writer.prompts) == 1


def episodes(path: Path) -> list[list[BaseMessage]]:
    with gzip.open(path, "rt") as lines:
        return [messages_from_dict(write_langchain(read_transcript(line).messages)) for line in lines]


def test_graph_s5_random_prunes_of_real_traces_keep_every_pair_and_every_word_of_users(
    shared_data: Callable[[str], Path],
) -> None:
    rng = random.Random(11)
    for number, messages in enumerate(episodes(shared_data("taubench_airline_dev.jsonl.gz"))):
        results = [message for message in messages if isinstance(message, ToolMessage)]
        if not results or number % 2:
            continue
        chosen = rng.sample(results, min(len(results), rng.randint(1, 6)))
        asked = call("prune_context", "prune", memory="kept facts", delete_ids=[m.tool_call_id for m in chosen])
        model = ScriptedChatModel(script=[AIMessage("", tool_calls=[asked]), "done"])
        final = editing_graph(model, Projection(RULES)).invoke({"messages": messages}, THREAD)["messages"]
        assert [message.text for message in final[: len(messages)]] == [message.text for message in messages]
        prompt = model.prompts[1]
        same_shape(final[: len(prompt)], prompt)
        gone = {message.tool_call_id for message in chosen}
        for raw, now in zip(final, prompt, strict=False):
            if isinstance(raw, HumanMessage) or raw.type == "system":
                assert now is raw
            if isinstance(raw, ToolMessage) and raw.tool_call_id in gone:
                assert now.text == ("·" if raw.text else "")
        left = sum(len(m.text) for m in prompt[: len(messages)] if isinstance(m, ToolMessage) and m.text != "·")
        assert left == sum(len(m.text) for m in results) - sum(len(m.text) for m in chosen)


def test_graph_s5_prunes_resumed_from_the_database_at_every_step_show_the_same_prompts(
    tmp_path: Path, shared_data: Callable[[str], Path]
) -> None:
    rng = random.Random(5)
    for number, messages in enumerate(episodes(shared_data("taubench_airline_dev.jsonl.gz"))[::12]):
        results = [message.tool_call_id for message in messages if isinstance(message, ToolMessage)]
        if len(results) < 4:
            continue
        rng.shuffle(results)
        halves = [results[: len(results) // 2], results[len(results) // 2 :]]
        asked = [call("prune_context", f"p{n}", memory=f"kept {n}", delete_ids=ids) for n, ids in enumerate(halves)]
        script = [*(AIMessage("", tool_calls=[one]) for one in asked), AIMessage("done")]
        whole = ScriptedChatModel(script=script)
        editing_graph(whole, Projection(RULES)).invoke({"messages": messages}, THREAD)
        sent: list[str] = []
        start: Any = {"messages": messages}
        for turn in (0, 0, 1, 1, 2):
            model = ScriptedChatModel(script=script[turn:])
            with SqliteSaver.from_conn_string(str(tmp_path / f"{number}.db")) as saver:
                editing_graph(model, Projection(RULES), checkpointer=saver, interrupt=True).invoke(start, THREAD)
            sent += model.sent
            start = None
        assert sent == whole.sent


@pytest.mark.parametrize("arguments", [{"memory": "", "delete_ids": ["c1"]}, {"memory": "x", "delete_ids": ["nobody"]}])
def test_graph_s5_pruning_is_all_or_nothing(arguments: Any) -> None:
    script = [
        AIMessage("", tool_calls=[call("look_up", "c1", item="x")]),
        AIMessage("", tool_calls=[call("prune_context", "c2", **arguments)]), "done",
    ]  # fmt: skip
    model = ScriptedChatModel(script=script)
    final = editing_graph(model, Projection(RULES)).invoke({"messages": [question()]}, THREAD)["messages"]
    assert final[4].status == "error"
    assert model.prompts[2] == final[:5]


def test_a_process_that_invoked_a_graph_ends_quietly() -> None:
    code = (
        "from langchain_core.messages import HumanMessage\n"
        "from mnemic_langgraph import create_subgoal_node\n"
        "from mnemic_langgraph.testing import ScriptedChatModel\n"
        "node = create_subgoal_node(model=ScriptedChatModel(script=['Subgoal: a\\nAction: b']))\n"
        "print(node.invoke({'messages': [HumanMessage('go')]})['action'])\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "b", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_a_process_that_was_forked_off_invokes_graphs_as_its_parent_did() -> None:
    code = (
        "import os\n"
        "from langchain_core.messages import HumanMessage\n"
        "from mnemic_langgraph import create_subgoal_node\n"
        "from mnemic_langgraph.testing import ScriptedChatModel\n"
        "def ask():\n"
        "    node = create_subgoal_node(model=ScriptedChatModel(script=['Subgoal: a\\nAction: b']))\n"
        # In one write each: both processes write to one pipe, and an unbuffered `print` writes the end of the line apart.
        "    os.write(1, node.invoke({'messages': [HumanMessage('go')]})['action'].encode() + b'\\n')\n"
        "ask()\n"
        "child = os.fork()\n"
        "ask()\n"
        "if child:\n"
        "    os.write(1, b'%d\\n' % os.waitpid(child, 0)[1])\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (0, ["0", "b", "b", "b"], "")


@pytest.mark.parametrize("make", [create_sculptor_tools, create_sculpt_node])
def test_tools_whose_projection_does_not_know_them_are_refused_when_they_are_made(make: Callable[..., Any]) -> None:
    with pytest.raises(InvalidInput, match="does not know the tools fold_fragment, fragment_context"):
        make(projection=Projection())
    without_pruning = Projection(ContextRules(tools=frozenset(SCULPTOR_TOOL_NAMES)))
    with pytest.raises(InvalidInput, match="does not know the tools prune_context"):
        make(projection=without_pruning)
    make(projection=without_pruning, prune=False)
