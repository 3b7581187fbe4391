"""The node that has the guard look at recalled memories before a model sees them, and the way on from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable

from mnemic.errors import BackendError
from mnemic_langgraph.conversation import asked, last_user_message, messages_in, value_in
from mnemic_langgraph.nodes import make_node, memory_of
from mnemic_langgraph.places import NamespaceLike, namespace_of, session_name, writer
from mnemic_langgraph.recalling import tell_withheld
from mnemic_langgraph.showing import lesson_text, recalled_memory, withheld_memory
from mnemic_langgraph.states import Decision, RecalledMemory, Verdict, WithheldMemory

if TYPE_CHECKING:
    from mnemic import Memory
    from mnemic.domain.recall import CheckedMemory


def create_guard_node(
    *, memory: Memory | None = None, namespace: NamespaceLike = None, name: str = "guard"
) -> Runnable[Any, Any]:
    """A node that judges the memories in the state as a set (A-MemGuard, arXiv 2510.02373): do their plans agree, counted by
    independent origins; what do trusted ones say otherwise; what do lessons warn of; what does the policy forbid.

    Reads ``recalled``, ``withheld``, ``query`` and ``lessons``, which may come from one recall or from several branches. The
    words are read from the memory again: what is in a state may be old. Writes ``verdicts``, ``kept``, ``contested``,
    ``rejected``, ``shown``, ``lesson_text`` and ``memory_notes`` (`GuardState`); go on with `route_by_guard`. Streams
    ``{"event": "withheld", "ids", "reasons"}`` for what it keeps back beyond recall. The policy of the memory decides what
    happens to contested ones. When the memory cannot be asked, everything is rejected and the graph goes on.
    Raises `InvalidInput`.
    """

    async def guard(state: Any) -> dict[str, Any]:
        asks = memory_of(memory)
        given: list[RecalledMemory] = value_in(state, "recalled", [])
        withheld: list[WithheldMemory] = value_in(state, "withheld", [])
        lessons = list(value_in(state, "lessons", []))
        question = value_in(state, "query", "") or asked(state)
        checked: Sequence[CheckedMemory] = ()
        if given:
            try:
                result = await asks.guard.check(
                    [one["id"] for one in given], task=question or None, namespace=namespace_of(namespace, state),
                    session=session_name(), origin=writer(),
                )  # fmt: skip
                checked = result.memories
                lessons += result.warnings
            except BackendError as error:
                withheld = [*withheld, *(_unasked(one, error.message) for one in given)]
        update = _shared_out(given, checked, withheld)
        tell_withheld([withheld_memory(one) for one in checked if one.hit is None])
        update["lesson_text"] = lesson_text(lessons)
        user = last_user_message(messages_in(state))
        if user is not None and user.id is not None:
            update["memory_notes"] = {user.id: update["shown"]} if update["shown"] else {}
        return update

    return make_node(guard, name=name)


def route_by_guard(state: Any) -> Decision:
    """Where to go on: "kept" if anything may be relied on, else "contested" if nobody can tell, else "rejected".

        graph.add_conditional_edges("guard", route_by_guard, {"kept": "agent", "contested": "ask", "rejected": "agent"})

    With nothing recalled it is "kept": there is nothing against going on.
    """
    if value_in(state, "kept"):
        return "kept"
    if value_in(state, "contested"):
        return "contested"
    return "rejected" if value_in(state, "rejected") else "kept"


def _shared_out(
    given: Sequence[RecalledMemory], checked: Sequence[CheckedMemory], withheld: Sequence[WithheldMemory]
) -> dict[str, Any]:
    scores = {one["id"]: one["score"] for one in given}
    shown = [recalled_memory(one.hit, score=scores.get(one.id)) for one in checked if one.hit is not None]
    alike = {one["id"]: one["alike"] for one in given if "alike" in one}
    shown = [{**one, "alike": alike[one["id"]]} if one["id"] in alike else one for one in shown]
    kept_ids = {str(one.id) for one in checked if one.decision == "kept"}
    contested = [withheld_memory(one) for one in checked if one.decision == "contested"]
    contested += [one for one in withheld if one["contested"]]
    rejected = [withheld_memory(one) for one in checked if one.decision == "rejected"]
    rejected += [one for one in withheld if not one["contested"]]
    verdicts = {str(one.id): Verdict(decision=one.decision, reasons=list(one.reasons)) for one in checked}
    for one in withheld:
        decision: Decision = "contested" if one["contested"] else "rejected"
        verdicts.setdefault(one["id"], Verdict(decision=decision, reasons=one["reasons"]))
    return {
        "verdicts": verdicts, "kept": [one for one in shown if one["id"] in kept_ids], "contested": contested,
        "rejected": rejected, "shown": shown,
    }  # fmt: skip


def _unasked(one: RecalledMemory, why: str) -> WithheldMemory:
    reasons = [f"the guard could not be asked: {why}"]
    return WithheldMemory(id=one["id"], origin=one["origin"], reasons=reasons, contested=False)
