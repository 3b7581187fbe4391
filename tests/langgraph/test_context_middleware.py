"""The middlewares that edit what a model is shown, in agents of LangChain."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ContextEditingMiddleware, ToolCallLimitMiddleware
from langchain_core.messages import AIMessage, BaseMessage, ChatMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver

from mnemic.errors import InvalidInput
from mnemic_langgraph.context_middleware import (
    SCULPTOR_INSTRUCTIONS,
    SUBGOAL_INSTRUCTIONS,
    SculptorMiddleware,
    SubgoalMiddleware,
    messages_shown,
)
from mnemic_langgraph.testing import ScriptedChatModel, as_sent, call

THREAD: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 500}


@tool
def get_order(number: str) -> str:
    """Details of an order."""
    words = "The parcel was packed with care and goes out with the next van; we thank you for your patience. "
    return f"Order {number} has the code XK-{number}. {words * 12}It will ring twice for {number}."


def script(orders: int) -> list[AIMessage | str]:
    said: list[AIMessage | str] = []
    for number in range(1, orders + 1):
        begin = call(
            "open_subgoal", f"s{number}", text=f"look at order {number}", summary="Done." if number > 1 else None
        )
        said.append(AIMessage("", tool_calls=[begin, call("get_order", f"g{number}", number=str(number))]))
    return [*said, "All orders are ready."]


def by_turn(answers: list[AIMessage | str]) -> Any:
    def answer(prompt: list[BaseMessage]) -> AIMessage | str:
        return answers[sum(isinstance(message, AIMessage) for message in prompt)]

    return answer


def question() -> Any:
    return {"messages": [HumanMessage("Check my orders.", id="q")]}


def test_a_finished_subgoal_is_folded_and_the_state_keeps_what_was_said() -> None:
    model = ScriptedChatModel(script=by_turn(script(4)))
    agent = create_agent(model, [get_order], middleware=[SubgoalMiddleware()])
    final = agent.invoke(question(), THREAD)["messages"]
    results = [message for message in final if isinstance(message, ToolMessage) and message.name == "get_order"]
    assert all("It will ring twice" in message.text for message in results)
    prompt = model.prompts[-1][1:]
    assert [message.id for message in prompt] == [message.id for message in final[: len(prompt)]]
    shown = {message.tool_call_id: message.text for message in prompt if isinstance(message, ToolMessage)}
    assert "packed with care" in shown["g4"]
    assert "packed with care" not in shown["g1"] + shown["g2"]
    assert "XK-1" in as_sent(prompt)
    assert len(as_sent(prompt)) < 0.7 * len(as_sent(final))


def test_the_tools_and_the_instructions_come_with_the_middleware_and_keep_the_prefix_the_same() -> None:
    model = ScriptedChatModel(script=by_turn(script(3)))
    middleware = [SubgoalMiddleware(), SculptorMiddleware()]
    agent = create_agent(model, [get_order], system_prompt="Be brief.", middleware=middleware)
    agent.invoke(question(), THREAD)
    heads = {prompt[0].text for prompt in model.prompts}
    assert heads == {f"Be brief.\n\n{SUBGOAL_INSTRUCTIONS}\n\n{SCULPTOR_INSTRUCTIONS}"}
    names = {tool.name for tool in model.options[0]["tools"]}
    assert {"open_subgoal", "retrieve_subgoals", "fold_fragment", "prune_context", "get_order"} <= names


@pytest.mark.parametrize("reverse", [False, True])
def test_two_middlewares_agree_on_one_set_of_rules(reverse: bool) -> None:
    middleware: list[Any] = [SubgoalMiddleware(folding="k2"), SculptorMiddleware(safe_folding=False)]
    middleware = middleware[::-1] if reverse else middleware
    agent = create_agent(
        ScriptedChatModel(script=["Done."]), [get_order], middleware=middleware, checkpointer=InMemorySaver()
    )
    agent.invoke(question(), THREAD)
    rules = agent.get_state(THREAD).values["context_rules"]
    assert (rules["folding"], rules["safe_folding"]) == ("k2", False)
    assert {"open_subgoal", "fold_fragment", "prune_context"} <= set(rules["tools"])


def test_retrieved_subgoals_are_shown_in_full_until_the_next_one_begins() -> None:
    answers: list[AIMessage | str] = [
        *script(3)[:3], AIMessage("", tool_calls=[call("retrieve_subgoals", "r", numbers=[1])]),
        AIMessage("", tool_calls=[call("open_subgoal", "s4", text="last", summary="Seen.")]), "Done.",
    ]  # fmt: skip
    model = ScriptedChatModel(script=by_turn(answers))
    final = create_agent(model, [get_order], middleware=[SubgoalMiddleware()]).invoke(question(), THREAD)["messages"]
    original = next(m.text for m in final if isinstance(m, ToolMessage) and m.tool_call_id == "g1")
    texts = [[message.text for message in prompt] for prompt in model.prompts]
    assert [original in prompt for prompt in texts] == [False, True, False, False, True, False]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_middlewares_work_in_any_order_and_among_others(order: tuple[int, ...]) -> None:
    def middlewares() -> list[Any]:
        found = [
            SubgoalMiddleware(), SculptorMiddleware(), ContextEditingMiddleware(), ToolCallLimitMiddleware(run_limit=50),
        ]  # fmt: skip
        return [found[at] for at in order]

    answers = script(3)
    answers.insert(
        3, AIMessage("", tool_calls=[call("prune_context", "p", memory="Order 1 is ready.", delete_ids=["g1"])])
    )
    model = ScriptedChatModel(script=by_turn(answers))
    final = create_agent(model, [get_order], middleware=middlewares()).invoke(question(), THREAD)["messages"]
    prompt = model.prompts[-1][1:]
    assert [m.id for m in prompt] == [m.id for m in final[: len(prompt)]]
    shown = {m.tool_call_id: m.text for m in prompt if isinstance(m, ToolMessage)}
    assert shown["g1"] == "·"
    assert shown["p"].startswith("Pruned 1 record,")


def test_an_agent_resumed_from_the_database_at_every_step_sees_the_same_prompts(tmp_path: Path) -> None:
    answers = script(5)
    whole = ScriptedChatModel(script=by_turn(answers))

    def agent(model: Any, saver: Any = None, *, stop: bool = False) -> Any:
        middleware: list[Any] = [SculptorMiddleware(), SubgoalMiddleware(max_steps=3)]
        return create_agent(
            model,
            [get_order],
            middleware=middleware,
            checkpointer=saver,
            interrupt_after=["model", "tools"] if stop else None,
        )

    agent(whole).invoke(question(), THREAD)
    sent: list[str] = []
    start: Any = question()
    for _ in range(50):
        model = ScriptedChatModel(script=by_turn(answers))
        with SqliteSaver.from_conn_string(str(tmp_path / "agent.db")) as saver:
            step = agent(model, saver, stop=True)
            step.invoke(start, THREAD)
            state = step.get_state(THREAD)
        sent += model.sent
        start = None
        if not state.next:
            break
    assert sent == whole.sent
    assert as_sent(messages_shown(state.values)[:-1]) == as_sent(model.prompts[-1][1:])


async def test_folding_is_told_to_whoever_streams() -> None:
    model = ScriptedChatModel(script=by_turn(script(4)))
    agent = create_agent(model, [get_order], middleware=[SubgoalMiddleware()])
    events = [event async for event in agent.astream(question(), THREAD, stream_mode="custom")]
    folded = [event for event in events if event["event"] == "folded"]
    assert sum(event["tokens"] for event in folded) > 500
    assert all(event["shown_tokens"] < event["whole_tokens"] for event in folded if "shown_tokens" in event)


def test_without_tools_the_past_folds_by_itself() -> None:
    calls: list[AIMessage | str] = [
        AIMessage("", tool_calls=[call("get_order", f"g{n}", number=str(n))]) for n in range(9)
    ]
    model = ScriptedChatModel(script=by_turn([*calls, "Done."]))
    agent = create_agent(model, [get_order], middleware=[SubgoalMiddleware(tools=False, max_steps=3)])
    agent.invoke(question(), THREAD)
    assert model.prompts[0] == [HumanMessage("Check my orders.", id="q")]
    assert "packed with care" not in model.prompts[-1][2].text
    assert [tool.name for tool in model.options[0]["tools"]] == ["get_order"]


def test_a_preset_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="no folding preset 'lien'"):
        SubgoalMiddleware(folding="lien")


@pytest.mark.parametrize("subgoals_first", [True, False])
def test_both_middlewares_agree_on_one_set_of_rules_and_tools_know_what_is_shown(subgoals_first: bool) -> None:
    search = call("search_context", "q", query="XK-1", role="all")
    model = ScriptedChatModel(script=by_turn([*script(3)[:3], AIMessage("", tool_calls=[search]), "Done."]))
    both: list[Any] = [SubgoalMiddleware(), SculptorMiddleware()]
    agent = create_agent(model, [get_order], middleware=both if subgoals_first else both[::-1])
    final = agent.invoke(question(), THREAD)["messages"]
    assert "packed with care" not in next(m.text for m in model.prompts[-1] if getattr(m, "tool_call_id", "") == "g1")
    assert "(tool, folded in " in final[-2].text
    assert "visible" not in final[-2].text


@pytest.mark.parametrize("role", ["critic", "user", "system", "tool"])
def test_a_chat_message_of_any_role_is_shown_and_folds_like_another(role: str) -> None:
    pages = [f"Page {at}: " + f"The ferry {at}-{at} leaves at dawn from the pier. " * 40 for at in range(3)]
    said: list[Any] = []
    for at, page in enumerate(pages):
        said += [HumanMessage(f"Read page {at}."), ChatMessage(content=page, role=role)]
    model = ScriptedChatModel(script=["Read."])
    agent = create_agent(model, middleware=[SubgoalMiddleware(), SculptorMiddleware()])
    state = agent.invoke({"messages": said})
    assert [message.content for message in state["messages"][:6]] == [message.content for message in said]
    shown = [message for message in model.prompts[0] if isinstance(message, ChatMessage)]
    assert [message.role for message in shown] == [role] * 3 and shown[-1].content == pages[-1]


@pytest.mark.parametrize("given", ["invalid", "nameless", "as sent"])
def test_a_call_that_a_model_broke_off_before_its_id_does_not_end_the_thread(given: str) -> None:
    broken = {"name": None, "id": None, "args": '{"page": 1', "error": None, "type": "invalid_tool_call"}
    sent = {"id": None, "type": "function", "function": {"name": "read", "arguments": '{"page": 1'}}
    words = "I shall read page after page of it now. " * 40
    cut_off = {
        "invalid": AIMessage(words, invalid_tool_calls=[broken]),
        "nameless": AIMessage(words, tool_calls=[{"name": "read", "id": "", "args": {}, "type": "tool_call"}]),
        "as sent": AIMessage(words, additional_kwargs={"tool_calls": [sent]}),
    }[given]
    said: list[Any] = [
        HumanMessage("Read."),
        cut_off,
        HumanMessage("Go on."),
        AIMessage("Read."),
        HumanMessage("More."),
    ]
    model = ScriptedChatModel(script=["Done."])
    create_agent(model, middleware=[SubgoalMiddleware()]).invoke({"messages": said})
    shown = next(message for message in model.prompts[0] if isinstance(message, AIMessage))
    assert len(shown.text) < len(words), "it folds as any other"
    assert (shown.tool_calls, shown.invalid_tool_calls) == (cut_off.tool_calls, cut_off.invalid_tool_calls)
