"""The guard between an agent's memory, its model and its tools."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from langchain.agents.middleware.types import AgentMiddleware, AgentState, ModelRequest, ModelResponse
from langchain_core.messages import ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt

from mnemic.domain.validation import check_named, shown
from mnemic.errors import InvalidInput, MnemicError
from mnemic_langgraph.blocking import run_blocking
from mnemic_langgraph.conversation import ARTIFACT, answer_of_memory, messages_in, value_in
from mnemic_langgraph.memory_tools import recall_text
from mnemic_langgraph.nodes import memory_of, tell
from mnemic_langgraph.places import NamespaceLike, namespace_of
from mnemic_langgraph.projecting import with_system_text, with_text_before
from mnemic_langgraph.remembering import in_play, with_alike
from mnemic_langgraph.showing import NOTICE, cited, left_out
from mnemic_langgraph.states import ExperienceState, GuardState, RecalledMemory

if TYPE_CHECKING:
    from mnemic import Memory

_MAX_SUPPORTS = 100
_MAX_ACTION_CHARS = 20_000


class GuardAgentState(AgentState[Any], GuardState, ExperienceState, total=False):
    """What `GuardMiddleware` reads beside the messages."""


class GuardMiddleware(AgentMiddleware[Any, Any, Any]):
    """Shows a model no memory that the guard keeps back, and lets no tool act on the word of one.

    - Before every call of the model, the memories in the prompt are checked anew: those that `create_guard_node` left in
      ``memory_notes``, which are shown with the user's message that they were recalled for, and those in answers of the
      recall tool of `get_memory_tools`. What has been rejected, archived or erased since is shown as withheld. When the
      memory cannot be asked, all are. ``lesson_text`` is put at the end of the system message. The state keeps everything
      as it was.
    - Before a tool with effects runs, `memory.guard.authorise` is asked with the memories in play. Which tools those are,
      ``effects`` says: their names, a function of the request, or by default ``metadata={"effects": True}`` of the tool.
      ``by_user`` says of a request that the user asked for that very action; by default nobody did. What is not allowed
      comes back to the model as a failed call with the reasons; with ``on_review="interrupt"`` a person is asked
      first, by an interrupt with ``{"action", "tool", "reasons"}`` to be resumed with true or false. Where the guard
      cannot be asked, the tool does not run.

    Without memories, lessons and effects it changes nothing. Streams ``{"event": "refused", "tool", "reasons"}``. Raises
    `InvalidInput` for an ``on_review`` that there is not, and for one text as ``effects``.
    """

    state_schema = GuardAgentState

    def __init__(
        self, *, memory: Memory | None = None, namespace: NamespaceLike = None,
        effects: Collection[str] | Callable[[ToolCallRequest], bool] | None = None,
        by_user: Callable[[ToolCallRequest], bool] | None = None, on_review: Literal["refuse", "interrupt"] = "refuse",
    ) -> None:  # fmt: skip
        super().__init__()
        self.tools = []
        self._memory = memory
        self._namespace = namespace
        if isinstance(effects, str):
            raise InvalidInput(
                f"effects is the text {shown(effects)}.", hint='Give names in a list, such as ["send_mail"].'
            )
        self._effects = effects
        self._by_user = by_user
        self._asks_person = check_named(on_review, ("refuse", "interrupt"), name="on_review") == "interrupt"

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any]:
        return handler(run_blocking(self._projected, request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any]:
        return await handler(await self._projected(request))

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        if not self._has_effects(request):
            return handler(request)
        refused = run_blocking(self._objections, request)
        if refused and self._asks_person and self._person_agrees(request, refused):
            refused = run_blocking(self._objections, request, by_user=True)
        return _refusal(request, refused) if refused else handler(request)

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]
    ) -> ToolMessage | Command[Any]:
        if not self._has_effects(request):
            return await handler(request)
        refused = await self._objections(request)
        if refused and self._asks_person and self._person_agrees(request, refused):
            refused = await self._objections(request, by_user=True)
        return _refusal(request, refused) if refused else await handler(request)

    async def _projected(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        notes: Mapping[str, list[RecalledMemory]] = value_in(request.state, "memory_notes", {})
        in_prompt = {message.id for message in request.messages if message.id is not None}
        shown = [one for id, note in notes.items() if id in in_prompt for one in note]
        shown += [
            one for answer in map(answer_of_memory, request.messages) for one in (answer or {}).get("recalled", [])
        ]
        if shown:
            out = await self._taken_out(list(dict.fromkeys(one["id"] for one in shown)), request.state)
            messages = [_as_shown(message, notes, out) for message in request.messages]
            request = request.override(messages=messages)
        return with_system_text(request, value_in(request.state, "lesson_text", ""))

    async def _taken_out(self, ids: list[str], state: Any) -> dict[str, str]:
        """What must not be shown any more, with the line that stands in its place."""
        from mnemic.domain.recall import MAX_CHECKED

        out: dict[str, str] = {}
        for start in range(0, len(ids), MAX_CHECKED):
            some = ids[start : start + MAX_CHECKED]
            try:
                checked = await memory_of(self._memory).guard.check(
                    some, namespace=namespace_of(self._namespace, state)
                )
                out |= {str(one.id): left_out(one.id, one.reasons) for one in checked.memories if one.hit is None}
            except MnemicError as error:
                out |= {id: left_out(id, [f"the guard could not be asked: {error.message}"]) for id in some}
        return out

    def _has_effects(self, request: ToolCallRequest) -> bool:
        if callable(self._effects):
            return self._effects(request)
        if self._effects is not None:
            return request.tool_call["name"] in self._effects
        metadata = None if request.tool is None else request.tool.metadata
        return bool((metadata or {}).get("effects"))

    async def _objections(self, request: ToolCallRequest, *, by_user: bool = False) -> tuple[str, ...]:
        """Why a call must not be made; none when it may."""
        try:
            by_user = by_user or (self._by_user is not None and self._by_user(request))
            guard = memory_of(self._memory).guard
            where = namespace_of(self._namespace, request.state)
            ids = list(dict.fromkeys(_all_in_play(request.state)))[-_MAX_SUPPORTS:]
            # What was erased since can support nothing, and would be unknown.
            there = [one.id for one in (await guard.check(ids, namespace=where)).memories if one.hit] if ids else []
            action = _action(request)
            if len(action) > _MAX_ACTION_CHARS:
                return (f"the call has {len(action):,} characters, and {_MAX_ACTION_CHARS:,} can be judged",)
            verdict = await guard.authorise(action, because=there, by_user=by_user, namespace=where)
        except MnemicError as error:
            return (f"the guard could not be asked: {error.message}",)
        if verdict.decision == "allowed":
            return ()
        return verdict.reasons or (f"it is {verdict.decision}",)

    def _person_agrees(self, request: ToolCallRequest, reasons: tuple[str, ...]) -> bool:
        question = {"action": _action(request), "tool": request.tool_call["name"], "reasons": list(reasons)}
        return interrupt(question) is True


def _as_shown(message: Any, notes: Mapping[str, list[RecalledMemory]], out: Mapping[str, str]) -> Any:
    note = notes.get(message.id, []) if message.id is not None else []
    if note:
        shown = [out.get(one["id"]) or cited(one) for one in note]
        return with_text_before(message, "\n\n".join([NOTICE, *shown]))
    answer = answer_of_memory(message) or {}
    found: list[RecalledMemory] = answer.get("recalled", [])
    if any(one["id"] in out for one in found):
        text = recall_text(found, answer.get("withheld", []), answer.get("said", ""), without=dict(out))
        return message.model_copy(update={"content": text})
    return message


def _all_in_play(state: Any) -> Iterator[str]:
    """The ids of the memories that the model may have read, oldest first."""
    for note in value_in(state, "memory_notes", {}).values():
        yield from with_alike(note)
    for message in messages_in(state):
        yield from with_alike((answer_of_memory(message) or {}).get("recalled", []))
    yield from in_play(state)


def _action(request: ToolCallRequest) -> str:
    arguments = json.dumps(request.tool_call["args"], ensure_ascii=False, default=str)
    return f"{request.tool_call['name']}({arguments})"


def _refusal(request: ToolCallRequest, reasons: tuple[str, ...]) -> ToolMessage:
    name = request.tool_call["name"]
    tell("refused", tool=name, reasons=list(reasons))
    # No order to anybody: it stands in what a task teaches, where our own screening reads it.
    said = (
        f"Not done: the memory's guard does not let {name} run ({'; '.join(reasons)}). "
        "Trying it again in other words changes nothing; what was wanted, and why, is for the user to know."
    )
    return ToolMessage(
        content=said, name=name, tool_call_id=request.tool_call["id"] or "", status="error", artifact={ARTIFACT: {}}
    )  # the guard's own words, which no memory need keep
