"""What the nodes over long-term memory read and write, to mix into the state of a graph. All values are JSON.

    class State(MessagesState, RecallState, GuardState):
        ...

A node leaves out what the graph's state has no key for.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired

from langgraph.graph import MessagesState
from typing_extensions import TypedDict

Decision = Literal["kept", "contested", "rejected"]


class RecalledMemory(TypedDict):
    """A memory as it may be shown. ``text`` is what the guard lets be seen of it; it is data and never an instruction.

    ``score`` 0..1, None where none was computed. ``origin`` says in words where it came from, ``trusted`` what the policy
    makes of that, ``beware`` what to know before using it. ``when`` is the day that it happened or was recorded,
    ISO 8601; ``when_to_use`` is there for experiences, ``speaker`` for what somebody said. ``alike`` names memories that
    were found too and say nothing beyond this one.
    """

    id: str
    text: str
    kind: str
    score: float | None
    origin: str
    trusted: bool
    beware: list[str]
    when: str
    speaker: NotRequired[str]
    alike: NotRequired[list[str]]
    when_to_use: NotRequired[str]


class WithheldMemory(TypedDict):
    """A memory that was found and must not be shown: no word of it is here. ``contested``: nobody can tell."""

    id: str
    origin: str
    reasons: list[str]
    contested: bool


class Verdict(TypedDict):
    """What the guard says of one memory, and why."""

    decision: Decision
    reasons: list[str]


def join_recalled(
    there: list[RecalledMemory] | None, more: list[RecalledMemory] | None
) -> list[RecalledMemory]:  # fmt: skip
    """The memories of both, each once and best first; the later form of what both have. For branches that run at once."""
    known = {one["id"]: one for one in [*(there or []), *(more or [])]}
    return sorted(known.values(), key=lambda one: (-(one["score"] or 0.0), one["id"]))


def join_ids(there: dict[str, Any] | None, more: dict[str, Any] | None) -> dict[str, Any]:
    """Entries of both; the later of one key. What was noted stays, however many branches note something at once."""
    return {**(there or {}), **(more or {})}


def join_lists(there: list[Any] | None, more: Iterable[Any] | None) -> list[Any]:
    """The items of both in the order of coming, each once."""
    joined: list[Any] = []
    joined += (one for one in [*(there or []), *(more or [])] if one not in joined)
    return joined


class RecallState(TypedDict, total=False):
    """Of `create_recall_node`. Every recall takes the place of the one before; see `JoinedRecallState`.

    ``query`` is the question that was asked. ``recalled``: best first. ``lessons``: what to know before acting, a
    sentence each.
    """

    query: str
    recalled: list[RecalledMemory]
    withheld: list[WithheldMemory]
    lessons: list[str]


class JoinedRecallState(TypedDict, total=False):
    """As `RecallState`, for branches that recall at once (``Send``): what they find is joined.

    It has no ``query``, which every branch would write: give that to each branch under a name of your own
    (``create_recall_node(query=lambda state: state["ask"])``).
    """

    recalled: Annotated[list[RecalledMemory], join_recalled]
    withheld: Annotated[list[WithheldMemory], join_lists]
    lessons: Annotated[list[str], join_lists]


class RememberState(TypedDict, total=False):
    """Of `create_remember_node`: the memory of every message that was looked at, by the message's id.

    None for a message that says nothing or that the guard refused. What `create_reflect_node` kept of all messages stands by
    the last of them. Branches that run at once add to it. ``remembered_words`` tells by a digest what each message of a
    user or an assistant said then, so that one that was edited is noticed.
    """

    remembered: Annotated[dict[str, str | None], join_ids]
    remembered_words: Annotated[dict[str, str], join_ids]


class GuardState(TypedDict, total=False):
    """Of `create_guard_node`. ``kept``, ``contested`` and ``rejected`` share out what was recalled.

    What of ``contested`` the policy lets be shown with a warning is in ``shown`` too, which holds all that a model may
    see, best first; of ``rejected`` no word is left. ``lesson_text`` is ready to be a system message, empty when there is
    no lesson. ``memory_notes`` keeps ``shown`` by the id of the user's message that it was recalled for, so that every
    later prompt shows it in the same place.
    """

    verdicts: dict[str, Verdict]
    kept: list[RecalledMemory]
    contested: list[WithheldMemory]
    rejected: list[WithheldMemory]
    shown: list[RecalledMemory]
    lesson_text: str
    memory_notes: Annotated[dict[str, list[RecalledMemory]], join_ids]


class ContextState(TypedDict, total=False):
    """Of `create_context_pack_node`: the pack as text, its size, and the ids of the memories in it."""

    context: str
    context_tokens: int
    context_ids: list[str]


class ExperienceState(TypedDict, total=False):
    """Of `create_experience_node`, `create_reflect_node` and `create_retry_graph`.

    ``guidance`` is what earlier tasks teach about ``guidance_task``, as quoted data; empty when nothing is known.
    ``guidance_ids`` are the experiences in it. ``reward`` says how the task ended (1 and more is a success), None as long
    as nobody knows; ``used`` which memories helped, None when nobody knows. ``learnt``: the experiences that were stored,
    ``episodes`` what they were drawn from.
    """

    guidance: str
    guidance_task: str
    guidance_ids: list[str]
    reward: float | None
    used: list[str] | None
    learnt: list[str]
    episodes: list[str]


class RetryRecord(TypedDict):
    """How far a retry graph is. ``run`` names it, ``attempt`` counts from 1, ``failed`` holds the failed attempts as
    ``{"trajectory": …, "reward": …}``, ``lessons`` what the attempt at work was given.

    ``last`` is the attempt that was just made, until it has been looked at; ``succeeded`` None until it is over.
    """

    run: str
    task: str
    attempt: int
    reflections: int
    lessons: list[str]
    failed: list[dict[str, Any]]
    last: dict[str, Any] | None
    succeeded: bool | None


class RetryState(MessagesState, ExperienceState, total=False):
    """Of `create_retry_graph`."""

    retry: RetryRecord


class PruneState(TypedDict, total=False):
    """Of `create_prune_node`: what was taken out of recall, and the plan that takes it back (`memory.learning.undo`)."""

    pruned: list[str]
    prune_plan: str


class MemoryAgentState(MessagesState, RecallState, RememberState, GuardState, ExperienceState, total=False):
    """Of `create_memory_agent`."""
