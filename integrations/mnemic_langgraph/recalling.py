"""Nodes that read from long-term memory: recall, and a context pack within a budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from mnemic.errors import InvalidInput
from mnemic.filters import Filters
from mnemic_langgraph.conversation import EPISODE, asked, message_keys, messages_in, said_by, value_in
from mnemic_langgraph.nodes import make_node, memory_of, tell
from mnemic_langgraph.places import NamespaceLike, namespace_of, session_name, writer
from mnemic_langgraph.showing import recalled_memory, render_hit, withheld_memory
from mnemic_langgraph.states import RecalledMemory, WithheldMemory

if TYPE_CHECKING:
    from mnemic import Memory
    from mnemic.domain.recall import Mode
    from mnemic.services.recalling.valuing import Rank

_MEMORY_ID = re.compile(r"m[0-9a-z]{15}")


def create_recall_node(
    *, memory: Memory | None = None, namespace: NamespaceLike = None, query: Callable[[Any], str] | None = None,
    k: int = 10, budget_tokens: int | None = 2_000, min_score: float | None = None, rank: Rank = "relevance",
    mode: Mode | None = None, filters: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]] | None = None,
    name: str = "recall",
) -> Runnable[Any, Any]:  # fmt: skip
    """A node that finds what was remembered about the user's last words, or about what ``query`` makes of the state.

    Without ``memory`` it uses the one behind the graph's store. At most ``k`` (1..100) memories within
    ``budget_tokens`` (None: no limit); ``filters`` are those of `Memory.recall` (kinds, tags, since …) with its
    ``asked_at``, ``expand_links`` and ``per_session``, or a function of the state that gives them. What
    `create_remember_node` and `create_reflect_node` kept of messages that stand in the state is left out.

    Writes ``query``, ``recalled``, ``withheld`` and ``lessons`` (`RecallState`); with nothing to ask, empty ones. Streams
    ``{"event": "recalled", "query", "ids"}`` and, where the guard kept something back, ``{"event": "withheld", "ids",
    "reasons"}`` as custom events. Raises `InvalidInput`, `StoreUnavailable`.
    """

    async def recall(state: Any) -> dict[str, Any]:
        found_in = memory_of(memory)
        question = said_by(query, state, otherwise=asked, name="query")
        if not question.strip():
            return {"query": "", "recalled": [], "withheld": [], "lessons": []}
        given = _checked(filters(state) if callable(filters) else filters or {})
        where = namespace_of(namespace, state)
        if where is not None:
            given["namespace"] = where
        found = await _recall_beside(
            found_in, question, own=_own(state), k=k, budget_tokens=budget_tokens, min_score=min_score, rank=rank,
            mode=mode, origin=writer(), **given,
        )  # fmt: skip
        recalled, withheld, lessons = found
        tell("recalled", query=question, ids=[one["id"] for one in recalled])
        tell_withheld(withheld)
        return {"query": question, "recalled": recalled, "withheld": withheld, "lessons": lessons}

    return make_node(recall, name=name)


def create_context_pack_node(
    *, memory: Memory | None = None, namespace: NamespaceLike = None, goal: Callable[[Any], str] | None = None,
    budget_tokens: int = 4_000, with_session: bool = False, name: str = "context_pack",
) -> Runnable[Any, Any]:  # fmt: skip
    """A node that puts together what long-term memory has for a goal, by default the user's last words.

    Writes ``context``, one text of at most ``budget_tokens`` in which what memories say is quoted, ``context_tokens`` and
    ``context_ids`` (`ContextState`). ``with_session`` adds the engine's own working memory of the thread, as soon as
    something was appended to it (`Memory.session`, with the thread's id as its name). Streams
    ``{"event": "recalled", "query", "ids"}``. Raises `InvalidInput`, `StoreUnavailable`.
    """

    async def pack(state: Any) -> dict[str, Any]:
        found_in = memory_of(memory)
        question = said_by(goal, state, otherwise=asked, name="goal")
        if not question.strip():
            return {"context": "", "context_tokens": 0, "context_ids": []}
        where = namespace_of(namespace, state)
        name = session_name() if with_session else None
        session = None if name is None else found_in.session(name, namespace=where)
        if session is not None and await session.exists():
            packed = await session.compose(question, budget_tokens=budget_tokens)
        else:
            packed = await found_in.compose(question, budget_tokens=budget_tokens, namespace=where)
        # Warnings and the parts of a session are no memories.
        ids = [block.id for block in packed.blocks if _MEMORY_ID.fullmatch(block.id)]
        tell("recalled", query=question, ids=ids)
        return {"context": packed.text, "context_tokens": packed.tokens, "context_ids": ids}

    return make_node(pack, name=name)


def _checked(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters without what is an argument of the node. Raises `InvalidInput`."""
    if not isinstance(filters, Mapping):
        raise InvalidInput(
            f"The filters of the recall node are {type(filters).__name__}.",
            hint='Give an object, such as {"tags": ["code"]}, or a function of the state that gives one.',
        )
    known = (*Filters.__annotations__, "asked_at", "expand_links", "per_session")
    strange = sorted(str(name) for name in filters if name not in known)
    if strange:
        raise InvalidInput(
            f"The filters of the recall node hold {', '.join(strange)[:200]}, which it cannot filter by.",
            hint=f"Filters are {', '.join(known)}; k, budget_tokens, min_score, rank, mode and query are arguments of "
            "create_recall_node.",
        )
    return dict(filters)


async def _recall_beside(
    memory: Memory, question: str, *, own: set[str], k: int, budget_tokens: int | None, **asked: Any
) -> tuple[list[RecalledMemory], list[WithheldMemory], list[str]]:  # fmt: skip
    """The best ``k`` that are not in ``own``, what was withheld on the way, and the warnings.

    A long conversation about one thing holds the best answers to every question about it: they take no room in the budget,
    and recall goes on behind them.
    """
    from mnemic.domain.recall import MAX_K
    from mnemic.services.recalling.recall import MIN_BUDGET_TOKENS

    recalled: list[RecalledMemory] = []
    withheld: list[WithheldMemory] = []
    lessons: list[str] = []
    left, cursor = budget_tokens, None
    while True:
        # More than MAX_K is for recall to refuse.
        wanted = max(k, min(k + len(own), MAX_K))
        result = await memory.recall(
            question, k=wanted, budget_tokens=left, cursor=cursor,
            render=lambda hit: "" if hit.memory.id in own else render_hit(hit), **asked,
        )  # fmt: skip
        recalled += (recalled_memory(hit) for hit in result.hits if hit.memory.id not in own)
        withheld += (withheld_memory(one) for one in result.withheld)
        lessons += result.warnings
        cursor = result.cursor
        if left is not None and result.tokens is not None:
            left -= result.tokens
        spent = len(result.hits) < wanted or (left is not None and left < MIN_BUDGET_TOKENS)
        if cursor is None or spent or len(recalled) >= k:
            return recalled[:k], withheld, list(dict.fromkeys(lessons))


def _own(state: Any) -> set[str]:
    """The memories of messages that the state holds, and of all of them together: a model reads those anyway."""
    remembered = value_in(state, "remembered", {})
    if not remembered:
        return set()
    keys = set(message_keys(messages_in(state)))
    return {id for key, id in remembered.items() if id is not None and key.partition(EPISODE)[0] in keys}


def tell_withheld(withheld: Any) -> None:
    """Stream what the guard kept back, if there is any."""
    if withheld:
        tell("withheld", ids=[one["id"] for one in withheld], reasons={one["id"]: one["reasons"] for one in withheld})
