"""Working memory of messages that somebody else keeps, such as the state of a graph.

What is shown is a function of the messages alone. Edits stand in the messages themselves, as calls of the editing tools that
were answered or as lines of the text protocol; taking the messages in one by one makes the same edits again. So whoever has
the messages, a checkpoint, a fork or another process, comes to the same view, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from mnemic.domain.memory import Role
from mnemic.domain.working_memory import hiagent
from mnemic.domain.working_memory.auto_folding import FOLDING, MAX_STEPS
from mnemic.domain.working_memory.hiagent import RETRIEVE, SUBGOAL_SUMMARY
from mnemic.domain.working_memory.messages import Message, ToolCall
from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.safety import SAFE_FOLDING
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.errors import InvalidInput
from mnemic.services.live_sessions import LiveSession
from mnemic.services.working_memory.sculpt import check_options, edit
from mnemic.services.working_memory.sessions import set_options

SCULPTOR_TOOL_NAMES = (
    "fragment_context", "fold_fragment", "summarize_fragment", "restore_fragment", "search_context", "get_search_detail",
)  # fmt: skip
PRUNE_TOOL_NAME = "prune_context"
SUBGOAL_TOOL_NAMES = ("open_subgoal", "close_subgoal", "retrieve_subgoals")

# What the engine calls a tool, and its arguments, where that differs.
_ACTIONS: Mapping[str, str] = {"retrieve_subgoals": RETRIEVE}
_ARGUMENTS: Mapping[str, Mapping[str, str]] = {PRUNE_TOOL_NAME: {"memory": "memory_text"}}
# Every conversation has a session of its own: ids of fragments must not depend on what a thread is called.
_SESSION = "context"


class Diverged(Exception):  # not an error: whoever holds the messages takes them in again
    """An edit that was made here did not happen, by what the messages say now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextRules:
    """By what rules a conversation is shown.

    ``folding`` names a preset by which the past folds itself, None none; ``max_steps`` closes a chunk of an agent at the
    latest. ``safe_folding`` False hides even the latest values of keys, as published. ``subgoal_summary``:
    ``last_observation`` as published, or ``values`` (None). ``tools`` are the names of editing tools that this conversation
    has. ``text_protocol``: the assistant speaks HiAgent's lines. Raises `InvalidInput`.
    """

    folding: str | None = None
    max_steps: int | None = None
    safe_folding: bool | None = None
    subgoal_summary: str | None = None
    tools: frozenset[str] = frozenset()
    text_protocol: bool = False

    def __post_init__(self) -> None:
        self.options()
        unknown = sorted(self.tools - {*SCULPTOR_TOOL_NAMES, PRUNE_TOOL_NAME, *SUBGOAL_TOOL_NAMES})
        if unknown:
            raise InvalidInput(
                f"There is no editing tool {unknown[0]!r}.",
                hint=f"Use some of: {', '.join((*SCULPTOR_TOOL_NAMES, PRUNE_TOOL_NAME, *SUBGOAL_TOOL_NAMES))}.",
            )

    def options(self) -> dict[str, Any]:
        return check_options(
            {
                FOLDING: self.folding, MAX_STEPS: self.max_steps, SAFE_FOLDING: self.safe_folding,
                SUBGOAL_SUMMARY: self.subgoal_summary,
            }
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The edit that was made for a call, by its tool's ``name``, which may be another's: a person may have changed the call
    before it ran. ``arguments`` are None where they are those of the call.
    """

    name: str
    arguments: Mapping[str, Any] | None = None

    def of(self, call: ToolCall) -> ToolCall:
        """The call as it was made."""
        arguments = call.arguments if self.arguments is None else json.dumps(self.arguments)
        return replace(call, name=self.name, arguments=arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message, with the ``summary`` that a model made for the edit in it: of an answer in the text protocol that begins a
    subgoal, or of a tool's result. A model is never asked twice for what stands in the messages.

    ``made`` is of a tool's result: the edit that was made. Without one there was none, whatever was asked for: somebody else
    may have answered in the tool's place.
    """

    message: Message
    summary: str | None = None
    made: Made | None = None


@dataclass(slots=True)
class Conversation:
    """One conversation as far as it was taken in. Not safe for several threads at once."""

    rules: ContextRules
    count_tokens: Callable[[str], int]
    memory: WorkingMemory = field(init=False)
    _live: LiveSession = field(init=False)
    _places: list[int | None] = field(default_factory=list)
    _caller: int = -1
    _calls: tuple[ToolCall, ...] = ()
    _done: dict[str, EditOutcome | InvalidInput] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.memory = WorkingMemory(_SESSION, count_tokens=self.count_tokens)
        self._live = LiveSession(self.memory, key=0)
        set_options(self.memory, self.rules.options())

    @property
    def taken(self) -> int:
        """How many messages were taken in."""
        return len(self._places)

    def take(self, said: Sequence[Said]) -> None:
        """Take in the messages that come next. Raises `Diverged` when they tell of refusals of what was done already."""
        for at, one in enumerate(said):
            if self._calls:
                self._settle(said[at:])
            self._append(one)
            self._live.fold()

    def view(self) -> list[Message | None]:
        """What is shown of every message taken in; None for an answer that was only a question for a subgoal's details."""
        return [None if place is None else self.memory.render_of(place) for place in self._places]

    def history(self, *, budget_tokens: int | None = None) -> str:
        """The conversation as one text in HiAgent's form (`render_history`)."""
        return hiagent.render_history(self.memory, budget_tokens=budget_tokens)

    def perform(
        self, call_id: str, *, made: Made | None = None, summary: str | None = None, answers: Sequence[Said] = ()
    ) -> EditOutcome:
        """Make the edit of a call in the last message, after those before it in that message.

        ``made`` says how the call runs, ``answers`` how others of that message have ended; without an answer they count as
        made as they were asked for. The edit counts from now on; if its own answer turns out to be an error, `take` says
        so. Raises `InvalidInput`.
        """
        known = _by_call(answers)
        asked = next((call for call in self._calls if call.id == call_id), None)
        real = asked if asked is None or made is None else made.of(asked)
        if real is None or real.name not in self.rules.tools:
            raise InvalidInput(
                f"The call {call_id!r} is not an edit of the last message.",
                hint="Answer each editing call once, in its step.",
            )
        for call in self._calls:
            if call.id == call_id:
                break
            if call.id in known:
                self._redo(call, known[call.id])
            elif call.id not in self._done and call.name in self.rules.tools:
                self._edit(call, None)
        if call_id not in self._done:
            self._edit(real, summary)
        found = self._done[call_id]
        if isinstance(found, InvalidInput):
            raise found
        return found

    def to_summarise(self, call_id: str, *, made: Made | None = None) -> tuple[str, str] | None:
        """The text and the focus that a model's summary for a waiting call is to be made of; None where none is wanted."""
        asked = next((call for call in self._calls if call.id == call_id and call.id not in self._done), None)
        if asked is None:
            return None
        call = asked if made is None else made.of(asked)
        arguments = _arguments(call)
        if call.name == "summarize_fragment":
            try:
                text = self.memory.original(self.memory.fragment(arguments.get("fragment_id", "")))
            except InvalidInput:
                return None
            return text, str(arguments.get("focus", ""))
        if call.name in ("open_subgoal", "close_subgoal") and not arguments.get("summary"):
            return self.active_chunk()
        return None

    def active_chunk(self) -> tuple[str, str] | None:
        """The text of what was done for the open subgoal, and the subgoal; None when there is none."""
        found = hiagent.active_chunk(self.memory)
        return None if found is None else (found[1], found[0])

    def answer(self, said: Said) -> str | None:
        """Take in an answer in the text protocol: the action for the environment, None after a retrieve.

        Raises `InvalidInput` with what to tell a model that left the protocol, and nothing was taken in then.
        """
        before = len(self.memory.messages)
        action = hiagent.take_answer(
            self.memory, said.message, summarise=_given(said.summary), fold=hiagent.folds_by_hand(self.memory)
        )
        self._places.append(None if action is None else before)
        self._live.fold()
        return action

    def _append(self, said: Said) -> None:
        message = said.message
        if self.rules.text_protocol and message.role is Role.ASSISTANT and not message.calls:
            try:
                self.answer(said)
            except InvalidInput:
                pass  # words outside of the protocol are words
            else:
                return
        self._places.append(len(self.memory.messages))
        self.memory.append([message], trusted=True)
        if message.role is not Role.TOOL:
            self._caller = len(self.memory.messages) - 1
            self._calls = message.calls
            self._done.clear()

    def _settle(self, rest: Sequence[Said]) -> None:
        """Make the edits whose answers come now; what was made already must be among them."""
        answers = _by_call(takewhile(lambda said: said.message.role is Role.TOOL, rest))
        for call in self._calls:
            answer = answers.get(call.id)
            if answer is not None:
                self._redo(call, answer)
            elif isinstance(self._done.get(call.id), EditOutcome):
                raise Diverged(call.id)
        self._calls = ()

    def _redo(self, call: ToolCall, answer: Said) -> None:
        """Make the edit that an answer tells of. Raises `Diverged` when another was made here, or none was to be made."""
        real = None if answer.made is None or answer.message.is_error else answer.made.of(call)
        if real is not None and real.name not in self.rules.tools:
            real = None
        done = self._done.get(call.id)
        if done is not None:
            if real != call and (real is not None or isinstance(done, EditOutcome)):
                raise Diverged(call.id)
        elif real is not None:
            self._edit(real, answer.summary)

    def _edit(self, call: ToolCall, summary: str | None) -> None:
        arguments = {_ARGUMENTS.get(call.name, {}).get(name, name): value for name, value in _arguments(call).items()}
        # Ids must not depend on what became of the calls beside this one: its answer names them before that is known.
        self.memory.occasion = f"{self._caller} {call.id}"
        try:
            outcome = edit(self.memory, _ACTIONS.get(call.name, call.name), arguments, at=self._caller, summary=summary)
        except InvalidInput as error:
            self._done[call.id] = error
        else:
            self._done[call.id] = outcome
        finally:
            self.memory.occasion = None


def _by_call(answers: Iterable[Said]) -> dict[str, Said]:
    return {said.message.answers: said for said in answers if said.message.answers is not None}


def _given(summary: str | None) -> hiagent.SummariseChunk | None:
    return None if summary is None else lambda _subgoal, _text: summary


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        found = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return {}
    return {name: value for name, value in found.items() if value is not None} if isinstance(found, dict) else {}
