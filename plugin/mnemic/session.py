"""The public API of working memory: one session of an open memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mnemic.domain.memory import Namespace, Role
from mnemic.domain.validation import check_count, check_several, shown
from mnemic.errors import InvalidInput

if TYPE_CHECKING:
    from mnemic.domain.working_memory.journal import Edit
    from mnemic.domain.working_memory.messages import Message
    from mnemic.domain.working_memory.outcome import EditOutcome
    from mnemic.domain.working_memory.packs import ContextPack
    from mnemic.domain.working_memory.pages import Page
    from mnemic.domain.working_memory.session import WorkingMemory
    from mnemic.domain.working_memory.stats import ContextStats
    from mnemic.memory import Memory

_T = TypeVar("_T")


class Session:
    """Working memory of one conversation; `mnemic.Memory.session` gives it. It begins with the first `append`.

    Messages are kept as they were said. Edits change what `view` shows of them, are durable when they return, can all be
    undone, and are seen by every process at its next call. Edits raise `InvalidInput` when they are not possible, and
    nothing has changed then.
    """

    def __init__(self, memory: Memory, name: str, namespace: Namespace) -> None:
        self.name = name
        self.namespace = namespace
        self._memory = memory

    async def append(
        self, messages: Message | str | Iterable[Message], *, role: Role | str = Role.USER, folding: str | None = None,
        max_steps: int | None = None, safe_folding: bool | None = None, batching: bool | None = None,
        nudge_at_tokens: Sequence[int] | None = None, subgoal_summary: str | None = None,
    ) -> tuple[str, ...]:  # fmt: skip
        """Add messages, or one text of ``role``, at the end; their ids. The options are set first and stay set.

        ``folding``: the name of a preset by which the past folds itself (``lean``, ``live``, ``k2``, ``lossless``,
        ``hiagent``, ``none``); ``max_steps`` of an agent before a chunk of it is closed. ``safe_folding``: False hides even
        the latest values of keys, as published. ``batching``: edits wait until they pay for the prompt cache they break.
        ``nudge_at_tokens``: where `stats` reminds, and where it urges, to tidy up. ``subgoal_summary``: a closed subgoal
        shows its ``last_observation`` alone, as published, or its ``values`` too.
        """
        from mnemic.domain.working_memory.messages import Message
        from mnemic.services.working_memory.sculpt import check_options
        from mnemic.services.working_memory.sessions import append_messages

        options = check_options(
            {
                "folding": folding, "max_steps": max_steps, "safe_folding": safe_folding, "batching": batching,
                "nudge_at_tokens": nudge_at_tokens, "subgoal_summary": subgoal_summary,
            }
        )  # fmt: skip
        if isinstance(messages, str):
            messages = Message(id="", role=_role(role), text=messages)  # type: ignore[arg-type]  # the session names it
        several = [messages] if isinstance(messages, Message) else messages
        found = list(check_several(several, name="messages", hint="Give a text, a mnemic.Message, or a list of those."))
        return await self._run(append_messages, found, options=options)

    async def append_transcript(
        self, transcript: str | Sequence[dict[str, Any]], *, format: str | None = None, whole: bool = False,
        **options: Any,
    ) -> tuple[str, ...]:  # fmt: skip
        """Add the messages of a transcript: OpenAI's, LangChain's or Anthropic's as JSON text or as dicts, a Claude Code
        session, and others.

        It may go on from what the session holds, and answer calls made there. With ``whole`` it is the conversation from
        its beginning, and what the session holds of it is not added again. ``options`` are those of `append`.
        """
        from mnemic.services.working_memory.sculpt import check_options
        from mnemic.services.working_memory.sessions import append_transcript

        text = transcript if isinstance(transcript, str) else _as_json(transcript)
        return await self._run(append_transcript, text, format=format, options=check_options(options), whole=whole)

    async def exists(self) -> bool:
        """Whether anything was ever appended."""
        from mnemic.services.working_memory.sessions import session_exists

        return await self._run(session_exists)

    async def view(self) -> list[Message]:
        """The messages as they are shown: as many, in the same order, calls and results paired as they were."""
        return await self._read(lambda memory: memory.render())

    async def originals(self) -> list[Message]:
        """The messages as they were said."""
        return await self._read(lambda memory: list(memory.messages))

    async def history(self, *, budget_tokens: int | None = None) -> str:
        """The session as text in HiAgent's form: closed subgoals as two lines each, the one at work in full."""
        from mnemic.domain.working_memory.hiagent import render_history

        if budget_tokens is not None:
            check_count(budget_tokens, name="budget_tokens", low=0, high=10**9)
        return await self._read(lambda memory: render_history(memory, budget_tokens=budget_tokens))

    async def stats(self) -> ContextStats:
        """Tokens of every message and fragment, what could be folded, and what edits cost a prompt cache."""
        from mnemic.domain.working_memory.stats import context_stats

        return await self._read(context_stats)

    async def log(self) -> list[Edit]:
        """Every edit, oldest first, with the reasons of automatic ones."""
        return await self._read(lambda memory: list(memory.edits))

    async def page(self, what: str, *, start: int = 0, budget_tokens: int = 2_000) -> Page:
        """A page of the session as text: its ``view``, its ``stats`` or its ``log``, from entry ``start`` on."""
        from mnemic.domain.working_memory.pages import Shown, page

        try:
            part = Shown(what)
        except ValueError:
            raise InvalidInput(f"what is {shown(what)}.", hint=f"Use one of: {', '.join(Shown)}.") from None
        return await self._read(lambda memory: page(memory, part, start=start, budget_tokens=budget_tokens))

    async def read(self, look: Callable[[WorkingMemory], _T]) -> _T:
        """What ``look`` finds in the session as it is now. It runs in a worker thread and must not edit."""
        return await self._read(look)

    async def sculpt(self, action: str, **arguments: Any) -> EditOutcome:
        """Do the edit named ``action``: Sculptor's six tools, ``prune_context``, ``open_subgoal``, ``close_subgoal``,
        ``retrieve``, ``set_task``, ``pin``, ``unpin``, ``undo``, ``redo``, ``release``, ``set_options``.
        """
        from mnemic.services.working_memory.sculpt import sculpt

        return await self._run(sculpt, action, arguments)

    async def fragment_context(
        self, start_marker: str, end_marker: str, *, num_fragments: int = 5, role: str = "user"
    ) -> EditOutcome:
        """Cut the text between two exact markers, both included, into 1-20 fragments. ``role``: user, assistant, all."""
        return await self.sculpt(
            "fragment_context", start_marker=start_marker, end_marker=end_marker, num_fragments=num_fragments, role=role
        )

    async def fold_fragment(self, fragment_id: str) -> EditOutcome:
        """Hide a fragment behind a marker; lines with the latest value of a key stay (``safe_folding``)."""
        return await self.sculpt("fold_fragment", fragment_id=fragment_id)

    async def summarize_fragment(self, fragment_id: str, focus: str) -> EditOutcome:
        """Show a summary of a fragment with a focus: the model's if the memory has one, else its telling lines."""
        return await self.sculpt("summarize_fragment", fragment_id=fragment_id, focus=focus)

    async def restore_fragment(self, fragment_id: str) -> EditOutcome:
        """Show a fragment's original again."""
        return await self.sculpt("restore_fragment", fragment_id=fragment_id)

    async def search_context(
        self, query: str, *, role: str = "user", max_results: int = 10, context_size: int = 200
    ) -> EditOutcome:
        """Find an exact text in the originals, folded or not: 1-50 hits with 50-1000 characters on each side."""
        return await self.sculpt(
            "search_context", query=query, role=role, max_results=max_results, context_size=context_size
        )

    async def get_search_detail(self, search_id: str, *, extended_context: int = 500) -> EditOutcome:
        """A wider look at a hit: 100-2000 characters on each side."""
        return await self.sculpt("get_search_detail", search_id=search_id, extended_context=extended_context)

    async def prune_context(self, memory: str, delete_ids: Sequence[str], *, inline: bool = False) -> EditOutcome:
        """Hide tool results, named by call or message id, and keep ``memory`` about them. All of them or none."""
        several = [delete_ids] if isinstance(delete_ids, str) else delete_ids
        ids = list(check_several(several, name="delete_ids", hint="Give the id of a result, or a list of them."))
        return await self.sculpt("prune_context", memory_text=memory, delete_ids=ids, inline=inline)

    async def open_subgoal(self, text: str, *, summary: str | None = None) -> EditOutcome:
        """Begin the next subgoal; the one at work is closed, with ``summary`` if given."""
        return await self.sculpt("open_subgoal", text=text, summary=summary)

    async def take_answer(self, text: str) -> str | None:
        """Append a model's answer in HiAgent's text protocol and do what it says.

        ``Subgoal:`` and ``Action:`` lines begin the next subgoal; returns the action for the environment, whose observation
        is appended with role *tool*. ``Action: retrieve(1, 3)`` shows those subgoals in full: nothing is appended, and None
        says that the model is to be asked again. Raises `InvalidInput` with what to tell a model that left the protocol;
        `mnemic.domain.working_memory.subgoals.PROTOCOL` explains it to one.
        """
        from mnemic.services.working_memory.sculpt import take_answer

        return await self._run(take_answer, text)

    async def close_subgoal(self, *, summary: str | None = None, satisfied: bool | None = None) -> EditOutcome:
        """End the subgoal at work and show its outcome in its place."""
        return await self.sculpt("close_subgoal", summary=summary, satisfied=satisfied)

    async def retrieve(self, numbers: int | Sequence[int]) -> EditOutcome:
        """Show closed subgoals in full until the next one begins; at most twice before the next observation."""
        several = [numbers] if isinstance(numbers, int) else numbers
        named = check_several(several, name="numbers", hint="Give the number of a subgoal, or a list of them.")
        return await self.sculpt("retrieve", numbers=list(named))

    async def undo(self) -> EditOutcome:
        """Take the last edit back."""
        return await self.sculpt("undo")

    async def redo(self) -> EditOutcome:
        """Do again what was undone last."""
        return await self.sculpt("redo")

    async def compose(self, goal: str, *, budget_tokens: int = 4_000) -> ContextPack:
        """One text for ``goal`` that fits the budget: instructions, history, subgoal, lessons, experiences, memories."""
        from mnemic.services.working_memory.compose import compose

        return await self._memory.run(compose, self.namespace, self.name, goal=goal, budget_tokens=budget_tokens)

    async def erase(self) -> None:
        """Destroy the session for good, with everything said in it."""
        from mnemic.services.working_memory.sessions import erase_session

        await self._run(erase_session)

    async def _read(self, look: Callable[[WorkingMemory], _T]) -> _T:
        from mnemic.services.working_memory.sessions import read_session

        return await self._run(read_session, look)

    async def _run(self, use_case: Callable[..., _T], *arguments: Any, **named: Any) -> _T:
        return await self._memory.run(use_case, self.namespace, self.name, *arguments, **named)


def _as_json(transcript: Sequence[dict[str, Any]]) -> str:
    several = check_several(transcript, name="transcript", hint="Give JSON text, or a list of dicts.")
    try:
        return json.dumps(list(several))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"The transcript cannot be written as JSON ({error}).",
            hint="Give dicts; langchain_core.messages.messages_to_dict makes them of LangChain's messages.",
        ) from None


def _role(role: Role | str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise InvalidInput(f"role is {shown(role)}.", hint=f"Use one of: {', '.join(Role)}.") from None
