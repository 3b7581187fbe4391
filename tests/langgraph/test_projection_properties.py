"""What is shown follows from the messages alone, whoever asks, in whatever order, and how many at once."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from mnemic.errors import InvalidInput
from mnemic.services.working_memory.conversation import (
    PRUNE_TOOL_NAME,
    SCULPTOR_TOOL_NAMES,
    SUBGOAL_TOOL_NAMES,
    ContextRules,
)
from mnemic_langgraph import SculptorMiddleware, SubgoalMiddleware
from mnemic_langgraph.testing import ScriptedChatModel, as_sent, call
from mnemic_langgraph.working_memory import Projection
from tests.langgraph.scripted_editing import RandomEditor, look_up, question

make_agent: Any = create_agent
CONFIG: Any = {"recursion_limit": 500}
TOOLS = frozenset((*SCULPTOR_TOOL_NAMES, PRUNE_TOOL_NAME, *SUBGOAL_TOOL_NAMES))
FOLDINGS = st.sampled_from([None, "lean", "live", "k2", "lossless"])
SEEDS = st.integers(0, 2**32)
slow = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class SubgoalsAndEdits(RandomEditor):
    """Opens, closes and retrieves subgoals besides."""

    def _call(self, rng: random.Random, messages: list[BaseMessage], id: str) -> dict[str, Any]:
        choice = rng.randrange(10)
        if choice == 0:
            return call("open_subgoal", id, text=f"look at item {id}", summary=rng.choice((None, "It is done.")))
        if choice == 1:
            return call("close_subgoal", id, summary=rng.choice((None, "Closed by hand.")))
        if choice == 2:
            return call("retrieve_subgoals", id, numbers=[rng.randint(1, 3)])
        return super()._call(rng, messages, id)


def ran(seed: int, steps: int, folding: str | None, *, turns: int = 2) -> tuple[list[BaseMessage], list[str]]:
    """The messages of a random agent in all its turns, and its prompts without the system's message."""
    middleware = [SubgoalMiddleware(folding=folding, max_steps=3), SculptorMiddleware()]
    if seed % 2:
        middleware.reverse()
    messages: list[BaseMessage] = []
    sent: list[str] = []
    for turn in range(turns):
        asked = question() if turn == 0 else HumanMessage(f"And item {turn}, beta 7?", id=f"q{turn}")
        before = sum(isinstance(message, AIMessage) for message in messages)
        model = ScriptedChatModel(script=SubgoalsAndEdits(seed + turn, before + steps))
        agent = make_agent(model, [look_up], middleware=middleware)
        messages = agent.invoke({"messages": [*messages, asked]}, CONFIG)["messages"]
        sent += [as_sent(prompt[1:]) for prompt in model.prompts]
    return messages, sent


def prompts_of(messages: list[BaseMessage]) -> list[int]:
    """How many messages there were whenever the model was asked."""
    return [at for at, message in enumerate(messages) if isinstance(message, AIMessage)]


def rules(folding: str | None) -> ContextRules:
    return ContextRules(folding=folding, max_steps=3, tools=TOOLS)


@pytest.mark.slow
@slow
@given(seed=SEEDS, steps=st.integers(0, 10), folding=FOLDINGS)
def test_growing_fresh_and_forked_projections_show_the_prompts_that_the_model_got(
    seed: int, steps: int, folding: str | None
) -> None:
    messages, sent = ran(seed, steps, folding)
    ends = prompts_of(messages)
    growing, forked = Projection(rules(folding)), Projection(rules(folding))
    assert [as_sent(growing.view(messages[:end])) for end in ends] == sent
    assert [as_sent(Projection(rules(folding)).view(messages[:end])) for end in ends] == sent
    prefixes = list(range(len(messages) + 1))
    random.Random(seed).shuffle(prefixes)
    fresh = {end: as_sent(Projection(rules(folding)).view(messages[:end])) for end in prefixes}
    assert {end: as_sent(forked.view(messages[:end])) for end in prefixes} == fresh, "halves of steps included"
    assert [fresh[end] for end in ends] == sent


@slow
@given(seed=SEEDS, steps=st.integers(1, 8), folding=FOLDINGS, cut=st.floats(0, 1))
def test_forks_that_go_on_differently_are_each_shown_as_if_they_were_alone(
    seed: int, steps: int, folding: str | None, cut: float
) -> None:
    messages, _ = ran(seed, steps, folding, turns=1)
    other, _ = ran(seed + 2, steps, folding, turns=1)
    at = prompts_of(messages)[int(cut * (len(prompts_of(messages)) - 1))]
    forks = [messages, [*messages[:at], *other[1:]], [*messages[:at], AIMessage("I stop."), HumanMessage("Why?")]]
    shared = Projection(rules(folding))
    rng = random.Random(seed)
    for _ in range(12):
        fork = rng.choice(forks)
        part = fork[: rng.randint(0, len(fork))]
        assert as_sent(shared.view(part)) == as_sent(Projection(rules(folding)).view(part))


@slow
@given(seed=SEEDS, steps=st.integers(1, 8), folding=FOLDINGS)
def test_calls_that_are_performed_and_then_refused_leave_no_trace(seed: int, steps: int, folding: str | None) -> None:
    messages, _ = ran(seed, steps, folding, turns=1)
    rng = random.Random(seed)
    shared = Projection(rules(folding))
    refused: list[BaseMessage] = []
    for message in messages:
        if isinstance(message, ToolMessage) and message.name in TOOLS and rng.random() < 0.4:
            message = message.model_copy(update={"status": "error", "content": "A person said no.", "artifact": None})
        refused.append(message)
    for at, message in enumerate(refused):
        if isinstance(message, AIMessage):
            assert as_sent(shared.view(refused[:at])) == as_sent(Projection(rules(folding)).view(refused[:at]))
            for asked in message.tool_calls:
                if asked["name"] in TOOLS:
                    with suppress(InvalidInput):
                        shared.perform(refused[: at + 1], asked["id"] or "")
    assert as_sent(shared.view(refused)) == as_sent(Projection(rules(folding)).view(refused))


@pytest.mark.slow
def test_threads_that_share_a_projection_are_shown_what_they_would_be_alone() -> None:
    conversations = [ran(seed, 8, "lean")[0] for seed in range(6)]
    alone = [
        [as_sent(Projection(rules("lean")).view(messages[:end])) for end in prompts_of(messages)]
        for messages in conversations
    ]
    shared = Projection(rules("lean"))

    def follow(number: int) -> list[str]:
        messages = conversations[number % len(conversations)]
        return [as_sent(shared.view(messages[:end])) for end in prompts_of(messages)]

    for _ in range(3):
        with ThreadPoolExecutor(12) as pool:
            seen = list(pool.map(follow, range(24)))
        assert seen == [alone[number % len(conversations)] for number in range(24)]
