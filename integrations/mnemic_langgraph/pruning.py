"""The node that keeps a memory small: what does more harm than good is taken out of recall, and can be brought back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from mnemic_langgraph.nodes import make_node, memory_of, tell
from mnemic_langgraph.places import NamespaceLike, namespace_of

if TYPE_CHECKING:
    from mnemic import Memory
    from mnemic.domain.learning.refinement import Refinement


def create_prune_node(
    *, memory: Memory | None = None, namespace: NamespaceLike = None, upkeep: Sequence[str] = (),
    rule: str | Refinement | None = None, when: Callable[[Any], bool] | None = None, name: str = "prune",
) -> Runnable[Any, Any]:  # fmt: skip
    """A node that draws up a maintenance plan of ``upkeep`` (prune, expire, merge, link, consolidate; by default prune) and
    applies it in one transaction. ``rule`` is a pruning rule or its name, by default that of the settings; with ``when``
    it runs only where that is true of the state.

    Writes ``pruned``, the memories that are out of recall now, and ``prune_plan``, which `memory.learning.undo` takes
    back (`PruneState`). Streams ``{"event": "pruned", "ids", "plan"}``. A second run finds nothing left to do. Raises
    `InvalidInput`, `StoreUnavailable`.
    """

    async def prune(state: Any) -> dict[str, Any]:
        if when is not None and not when(state):
            return {}
        keeps = memory_of(memory)
        where = namespace_of(namespace, state)
        plan = await keeps.learning.plan(upkeep, rule=rule, namespace=where)
        if not plan.steps:
            return {"pruned": [], "prune_plan": ""}
        done = await keeps.learning.apply(plan.id, namespace=where)
        steps = [done.steps[place] for place in done.done]
        ids = list(dict.fromkeys(id for step in steps if step.action in ("archive", "delete") for id in step.ids))
        tell("pruned", ids=ids, plan=str(done.id))
        return {"pruned": ids, "prune_plan": str(done.id)}

    return make_node(prune, name=name)
