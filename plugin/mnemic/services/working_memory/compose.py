"""Putting together what an agent should see next: its working memory and what long-term memory adds."""

from __future__ import annotations

from mnemic.domain.memory import Kind, Namespace
from mnemic.domain.quoting import quote, visible
from mnemic.domain.recall import Hit, MemoryFilter
from mnemic.domain.validation import MAX_QUERY_CHARS, check_count, check_text
from mnemic.domain.working_memory.packs import Block, ContextPack, Section, assemble, session_blocks
from mnemic.domain.working_memory.summaries import shorten
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends
from mnemic.services.recalling.recall import MAX_BUDGET_TOKENS, MIN_BUDGET_TOKENS, RecallQuery, recall
from mnemic.services.working_memory.sessions import read_session

# Lessons first: they are consulted before acting. The rest by how directly it can be used.
_RECALLED = (
    (Section.LESSONS, (Kind.LESSON,), 5),
    (Section.EXPERIENCES, (Kind.PROCEDURAL,), 5),
    (Section.MEMORIES, (Kind.SEMANTIC, Kind.EPISODIC), 20),
)


def compose(
    backends: Backends, namespace: Namespace, session: str | None, *, goal: str, budget_tokens: int
) -> ContextPack:
    """A pack for ``goal`` from a session, or without one, and from the memories of its namespace.

    The same store, session and goal give the same pack. Raises `InvalidInput`.
    """
    check_text(goal, name="goal", limit=MAX_QUERY_CHARS)
    check_count(budget_tokens, name="budget_tokens", low=MIN_BUDGET_TOKENS, high=MAX_BUDGET_TOKENS)
    blocks = [] if session is None else read_session(backends, namespace, session, session_blocks)
    for section, kinds, k in _RECALLED:
        filter = MemoryFilter(namespace=namespace, kinds=kinds)
        found = recall(backends, RecallQuery(text=goal, filter=filter, k=k))
        blocks += [
            Block(section=Section.LESSONS, id=f"warning {at}", text=warning)
            for at, warning in enumerate(found.warnings, 1)
        ]
        blocks += [Block(section=section, id=hit.memory.id, text=_cited(hit)) for hit in found.hits]
    return assemble(
        blocks, goal=goal, budget_tokens=budget_tokens, count_tokens=backends.token_counter.count,
        counter=backends.token_counter.name,
    )  # fmt: skip


def fit(backends: Backends, text: str, *, budget_tokens: int) -> str:
    """The beginning of a text that fits the budget. Raises `InvalidInput` for a budget too small to say anything."""
    check_count(budget_tokens, name="budget_tokens", low=MIN_BUDGET_TOKENS, high=MAX_BUDGET_TOKENS)
    if not isinstance(text, str):
        raise InvalidInput(f"text is {type(text).__name__}, not a string.", hint="Give the words as text.")
    return shorten(text, count_tokens=backends.token_counter.count, max_tokens=budget_tokens)


def _cited(hit: Hit) -> str:
    """A memory as quoted data with its id, origin and date."""
    memory = hit.shown_memory
    facts = [
        memory.id,
        (memory.occurred_at or memory.recorded_at).date().isoformat(),
        f"origin {memory.origin.label()}",
    ]
    facts += [memory.speaker] if memory.speaker else []
    lines = ["[" + " · ".join(visible(fact) for fact in facts) + "]"]
    lines += [] if hit.standing is None else [f"beware: {visible(label)}" for label in hit.standing.labels]
    lines += ["when: " + quote(hit.shown_when_to_use)] if hit.shown_when_to_use else []
    return "\n".join([*lines, quote(hit.shown_text)])
