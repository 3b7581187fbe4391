"""What a model is shown of a conversation: a function of the messages in a graph's state, which stay as they were said."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from mnemic.domain.working_memory.outcome import EditOutcome
from mnemic.domain.working_memory.session import WorkingMemory
from mnemic.domain.working_memory.stats import ContextStats, context_stats
from mnemic.services.working_memory.conversation import ContextRules, Conversation, Diverged, Made, Said
from mnemic.storage.token_counters import HeuristicTokenCounter
from mnemic_langgraph.messages import as_shown, said

_T = TypeVar("_T")
_KEPT = 32


class Projection:
    """Shows conversations by ``rules``. Thread-safe; keeps nothing but what can be had again from the messages.

    The same messages give the same view in every process, byte for byte, however often the graph was interrupted, resumed
    or forked. ``count_tokens`` decides what is worth folding and must therefore be the same everywhere: by default the
    engine's rules of thumb, which need no encoding. The last 32 conversations are remembered, so that a view costs what
    was added since the one before.
    """

    def __init__(self, rules: ContextRules | None = None, *, count_tokens: Callable[[str], int] | None = None) -> None:
        self.rules = rules or ContextRules()
        self._count = count_tokens or HeuristicTokenCounter().count
        self._lock = threading.RLock()
        self._known: OrderedDict[int, tuple[list[BaseMessage], Conversation]] = OrderedDict()

    def view(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """The messages as a model is to see them: as many, in the same order, with the same ids, calls and results paired.

        Those that nothing is changed about are the same objects. (Answers in the text protocol that only asked for a
        subgoal's details are left out.) Raises `InvalidInput` for what is no message.
        """
        with self._conversation(messages) as conversation:
            originals = conversation.memory.messages
            shown = conversation.view()
            view: list[BaseMessage] = []
            at = 0
            for message, seen in zip(messages, shown, strict=True):
                if seen is not None:
                    view.append(as_shown(message, originals[at], seen))
                    at += 1
            return view

    def perform(
        self, messages: Sequence[BaseMessage], call_id: str, *, made: Made | None = None, summary: str | None = None
    ) -> EditOutcome:
        """Make the edit that a call in the last assistant's message asks for, or ``made``, when it runs otherwise than it
        was asked for. It lasts once ``messages`` hold a result of the call that says so (`EDIT` in its artifact). Raises
        `InvalidInput` when the edit is not possible.
        """
        with self._asked(messages, made) as (conversation, answers):
            return conversation.perform(call_id, made=made, summary=summary, answers=answers)

    def to_summarise(
        self, messages: Sequence[BaseMessage], call_id: str, *, made: Made | None = None
    ) -> tuple[str, str] | None:
        """The text and the focus for a model's summary, if the call wants one."""
        with self._asked(messages, made) as (conversation, _):
            return conversation.to_summarise(call_id, made=made)

    def history(self, messages: Sequence[BaseMessage], *, budget_tokens: int | None = None) -> str:
        """The conversation as one text in HiAgent's form: closed subgoals as two lines each, the one at work in full."""
        with self._conversation(messages) as conversation:
            return conversation.history(budget_tokens=budget_tokens)

    def stats(self, messages: Sequence[BaseMessage]) -> ContextStats:
        """Tokens of every message and fragment, and what could be folded."""
        return self.read(messages, context_stats)

    def read(self, messages: Sequence[BaseMessage], look: Callable[[WorkingMemory], _T]) -> _T:
        """What ``look`` finds in the working memory of these messages. It must not edit."""
        with self._conversation(messages) as conversation:
            return look(conversation.memory)

    def active_chunk(self, messages: Sequence[BaseMessage]) -> tuple[str, str] | None:
        """The text of what was done for the open subgoal, and the subgoal; None when there is none."""
        with self._conversation(messages) as conversation:
            return conversation.active_chunk()

    def answer(self, messages: Sequence[BaseMessage], answer: AIMessage) -> str | None:
        """The action that an answer in the text protocol asks for, None for a retrieve. The messages go on with it.

        Raises `InvalidInput` with what to tell a model that left the protocol; nothing has changed then.
        """
        with self._conversation(messages) as conversation:
            action = conversation.answer(said(answer, len(messages)))
            self._keep([*messages, answer], conversation)
            return action

    @contextmanager
    def _asked(
        self, messages: Sequence[BaseMessage], made: Made | None
    ) -> Iterator[tuple[Conversation, Sequence[Said]]]:
        """The conversation up to the calls that wait, and the answers that some of them have already."""
        end = len(messages)
        while end and isinstance(messages[end - 1], ToolMessage):
            end -= 1
        if end == len(messages) and made is None:
            with self._conversation(messages) as conversation:
                yield conversation, ()
            return
        # What the other calls of the message are told must not depend on which of them runs first.
        conversation = Conversation(self.rules, self._count)
        taken = [said(message, at) for at, message in enumerate(messages)]
        conversation.take(taken[:end])
        yield conversation, taken[end:]

    @contextmanager
    def _conversation(self, messages: Sequence[BaseMessage]) -> Iterator[Conversation]:
        with self._lock:
            taken, conversation = self._find(messages)
            fresh = [said(message, at) for at, message in enumerate(messages[taken:], taken)]
            try:
                conversation.take(fresh)
            except Diverged:
                self._forget(conversation)
                conversation = Conversation(self.rules, self._count)
                conversation.take([said(message, at) for at, message in enumerate(messages)])
            except BaseException:
                self._forget(conversation)
                raise
            if _is_whole(messages):
                self._keep(list(messages), conversation)
            else:
                self._forget(conversation)
            yield conversation

    def _find(self, messages: Sequence[BaseMessage]) -> tuple[int, Conversation]:
        for key in reversed(self._known):
            known, conversation = self._known[key]
            if _begins_with(messages, known):
                return len(known), conversation
        return 0, Conversation(self.rules, self._count)

    def _keep(self, messages: list[BaseMessage], conversation: Conversation) -> None:
        self._known[id(conversation)] = messages, conversation
        self._known.move_to_end(id(conversation))
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def _forget(self, conversation: Conversation) -> None:
        self._known.pop(id(conversation), None)


@lru_cache(maxsize=64)
def projection_for(rules: ContextRules) -> Projection:
    """The projection by these rules that all of a process share: it holds nothing but what follows from messages."""
    return Projection(rules)


def _begins_with(messages: Sequence[BaseMessage], known: Sequence[BaseMessage]) -> bool:
    if len(known) > len(messages):
        return False
    # The last is compared first: conversations of other threads differ there, if not in the first.
    return all(a is b or a == b for a, b in zip(reversed(known), reversed(messages[: len(known)]), strict=True))


def _is_whole(messages: Sequence[BaseMessage]) -> bool:
    """Whether the last calls have no results yet, or all of them: halves come when a step of a graph was interrupted."""
    answered = 0
    for message in reversed(messages):
        if isinstance(message, ToolMessage):
            answered += 1
        else:
            return not answered or not isinstance(message, AIMessage) or answered >= len(message.tool_calls)
    return True
