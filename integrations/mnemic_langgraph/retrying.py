"""Trying a task again with what the last failure taught, as a graph (ReMe's failure-aware reflection, arXiv 2512.10696).

begin → attempt → weigh ─ succeeded → keep → END
           ↑        ├─ failed → reflect ─┐
           └────────┼────────────────────┘
                    └─ no reflection is left → END
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.runnables import Runnable, RunnableLambda
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from mnemic.domain.quoting import quote
from mnemic.reflection import MAX_REFLECTIONS, Attempt, Trial, read_attempt
from mnemic_langgraph.conversation import asked, messages_in, value_in
from mnemic_langgraph.experience import task_of
from mnemic_langgraph.nodes import make_node, memory_of, tell
from mnemic_langgraph.places import NamespaceLike, namespace_of, writer
from mnemic_langgraph.showing import note_text, recalled_memory
from mnemic_langgraph.states import RetryRecord, RetryState
from mnemic_langgraph.trajectories import trajectory_of

if TYPE_CHECKING:
    from langgraph.store.base import BaseStore
    from langgraph.types import Checkpointer

    from mnemic import Memory
    from mnemic.domain.experience.trajectory import Trajectory

Reflect = Callable[[Sequence["Trajectory"]], "Sequence[str] | Awaitable[Sequence[str]]"]
LESSONS_OF_FAILURES = "Earlier attempts at this very task failed. What they teach, as quoted data:"


def create_retry_graph(
    attempt: Runnable[Any, Any] | Callable[[Any], Any], *, memory: Memory | None = None,
    namespace: NamespaceLike = None, task: Callable[[Any], str] | None = None,
    reward: Callable[[Any], float] | None = None, trajectory: Callable[[Any], Any] | None = None,
    used: Callable[[Any], Sequence[str] | None] | None = None, k: int = 5, max_reflections: int = MAX_REFLECTIONS,
    keep_winning_lessons: bool = False, reflect: Reflect | None = None, state_schema: type[Any] = RetryState,
    checkpointer: Checkpointer = None, store: BaseStore | None = None, name: str = "retry",
) -> CompiledStateGraph[Any, Any, Any, Any]:  # fmt: skip
    """A graph that runs ``attempt`` until it succeeds, at most 1 + ``max_reflections`` (0..10) times.

    The task is the user's last words, or what ``task`` makes of the state; a thread may have several, one after the other.
    ``attempt`` is a compiled graph, a node or a function of the state. Every attempt gets the state as it was in the
    beginning and, under ``guidance``, what is known: the first one the ``k`` best experiences, each further one what the
    failures so far teach, and nothing is recalled for it. `ExperienceMiddleware` shows that to a model. Of what an attempt
    gives, ``reward`` reads 0..1 (by default its ``reward``; 1 is a success), ``trajectory`` what happened (its messages)
    and ``used`` the memories that helped (its ``used``). ``reflect`` says what failures teach, by default the memory's
    model or the rules; it may be a coroutine function, and may ask a person with ``interrupt``.

    Experiences are stored only from the attempt that succeeded, with ``keep_winning_lessons`` its lessons too; the first
    attempt's outcome credits what it was given. In the end the state has what the last attempt gave, ``retry`` (see
    `RetryRecord`) and ``learnt``. A run that is resumed does no step twice and credits once. It can be a node of another
    graph. Streams ``{"event": "recalled" | "reflected" | "learnt", …}``. Raises what ``attempt`` raises, `InvalidInput`,
    `StoreUnavailable`.
    """
    once = attempt if isinstance(attempt, Runnable) else _as_runnable(attempt)
    steps = _Steps(
        memory=memory, namespace=namespace, task=task or asked, reward=reward or _reward_of, trajectory=trajectory,
        used=used or _used_of, k=k, max_reflections=max_reflections, keep_winning_lessons=keep_winning_lessons,
        reflect=reflect,
    )  # fmt: skip

    # LangGraph finds a graph in these two by looking at what they enclose.
    def attempt_now(state: Any) -> dict[str, Any]:
        return steps.made(state, once.invoke(_given(state)))

    async def attempt_later(state: Any) -> dict[str, Any]:
        return steps.made(state, await once.ainvoke(_given(state)))

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(state_schema)
    graph.add_node("begin", make_node(steps.begin, name="begin"))
    graph.add_node("attempt", RunnableLambda(attempt_now, afunc=attempt_later, name="attempt"))
    graph.add_node("weigh", make_node(steps.weigh, name="weigh"))
    graph.add_node("reflect", make_node(steps.reflect_on_failures, name="reflect"))
    graph.add_node("keep", make_node(steps.keep, name="keep"))
    graph.add_edge(START, "begin")
    graph.add_edge("begin", "attempt")
    graph.add_edge("attempt", "weigh")
    graph.add_conditional_edges("weigh", _onwards, {"keep": "keep", "reflect": "reflect", "__end__": END})
    graph.add_edge("reflect", "attempt")
    graph.add_edge("keep", END)
    return graph.compile(checkpointer=checkpointer, store=store, name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Steps:
    """What the nodes of a retry graph do, with the arguments of `create_retry_graph`."""

    memory: Memory | None
    namespace: NamespaceLike
    task: Callable[[Any], str]
    reward: Callable[[Any], Any]
    trajectory: Callable[[Any], Any] | None
    used: Callable[[Any], Any]
    k: int
    max_reflections: int
    keep_winning_lessons: bool
    reflect: Reflect | None

    def trial(self, state: Any, about: str) -> Trial:
        return Trial(
            memory_of(self.memory), about, max_reflections=self.max_reflections,
            namespace=namespace_of(self.namespace, state), origin=writer(),
        )  # fmt: skip

    async def begin(self, state: Any) -> dict[str, Any]:
        about = task_of(state, self.task)
        found = [recalled_memory(hit) for hit in (await self.trial(state, about).begin(k=self.k)).experiences]
        ids = [one["id"] for one in found]
        tell("recalled", query=about, ids=ids)
        record = RetryRecord(
            run=uuid.uuid4().hex, task=about, attempt=1, reflections=0, lessons=[], failed=[], last=None, succeeded=None
        )
        return {
            "retry": record, "guidance": note_text(found), "guidance_task": about, "guidance_ids": ids, "learnt": [],
            # A thread may have had another task before, whose end says nothing of this one.
            "reward": None, "used": None,
        }  # fmt: skip

    def made(self, state: Any, output: Any) -> dict[str, Any]:
        """What an attempt leaves in the state: what came of it, and of the last one all that it gave."""
        record: RetryRecord = value_in(state, "retry")
        happened = (
            self.trajectory(output) if self.trajectory else trajectory_of(messages_in(output), task=record["task"])
        )
        last = {"trajectory": happened, "reward": self.reward(output), "used": self.used(output)}
        over = bool(_read(record, last, record["attempt"]).outcome()) or record["attempt"] > self.max_reflections
        result = dict(output) if over and isinstance(output, Mapping) else {}
        return {**result, "retry": {**record, "last": last}}

    async def weigh(self, state: Any) -> dict[str, Any]:
        record: RetryRecord = value_in(state, "retry")
        last = record["last"] or {}
        number = record["attempt"]
        trial = self.trial(state, record["task"])
        if number == 1:
            shown = value_in(state, "guidance_ids", [])
            await trial.credit(_attempt(last), shown, key=f"retry {record['run']}")
        if _read(record, last, number).outcome():
            return {"retry": {**record, "succeeded": True}}
        failed = [*record["failed"], {"trajectory": last["trajectory"], "reward": last["reward"]}]
        over = not trial.may_reflect(number)
        return {"retry": {**record, "failed": failed, "last": None, "succeeded": False if over else None}}

    async def reflect_on_failures(self, state: Any) -> dict[str, Any]:
        record: RetryRecord = value_in(state, "retry")
        failed = [_read(record, one, at) for at, one in enumerate(record["failed"], 1)]
        if self.reflect is None:
            said: Any = await self.trial(state, record["task"]).lessons(failed)
        else:
            said = self.reflect(failed)
            said = await said if inspect.isawaitable(said) else said
        lessons = [str(lesson) for lesson in said]
        tell("reflected", attempt=record["attempt"], lessons=lessons)
        following = {
            **record, "attempt": record["attempt"] + 1, "reflections": record["reflections"] + 1, "lessons": lessons,
        }  # fmt: skip
        text = "\n".join([LESSONS_OF_FAILURES, *map(quote, lessons)]) if lessons else ""
        return {"retry": following, "guidance": text, "guidance_ids": []}

    async def keep(self, state: Any) -> dict[str, Any]:
        record: RetryRecord = value_in(state, "retry")
        last = record["last"] or {}
        distilled = await self.trial(state, record["task"]).keep(
            _read(record, last, record["attempt"]), lessons=record["lessons"] if self.keep_winning_lessons else ()
        )
        ids = [str(one.id) for one in distilled.report.stored]
        tell("learnt", ids=ids, reward=last["reward"])
        return {"learnt": ids, "episodes": [str(id) for id in distilled.episodes]}


def _given(state: Any) -> dict[str, Any]:
    return {name: value for name, value in _values(state).items() if name != "retry"}


def _onwards(state: Any) -> Literal["keep", "reflect", "__end__"]:
    succeeded = value_in(state, "retry")["succeeded"]
    return "reflect" if succeeded is None else "keep" if succeeded else "__end__"


def _values(state: Any) -> dict[str, Any]:
    """A state by its keys, which may be a mapping, a dataclass or a model of pydantic."""
    return {field.name: getattr(state, field.name) for field in fields(state)} if is_dataclass(state) else dict(state)


def _as_runnable(attempt: Callable[[Any], Any]) -> Runnable[Any, Any]:
    if inspect.iscoroutinefunction(attempt):
        return make_node(attempt, name="attempt")
    return RunnableLambda(attempt, name="attempt")


def _attempt(last: Mapping[str, Any]) -> Attempt:
    return Attempt(trajectory=last["trajectory"], reward=last["reward"], used=last.get("used"))


def _read(record: RetryRecord, one: Mapping[str, Any], number: int) -> Trajectory:
    return read_attempt(_attempt(one), task=record["task"], attempt=number)


def _reward_of(output: Any) -> Any:
    return value_in(output, "reward")


def _used_of(output: Any) -> Any:
    return value_in(output, "used")
