"""The tool over working memory: one name, an action, flat arguments with the published names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, NotRequired

from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult
from pydantic import Field
from typing_extensions import TypedDict

from mnemic import Memory, Session
from mnemic.domain.access import Right
from mnemic.domain.working_memory.stats import nudge
from mnemic.errors import InvalidInput
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.tool_building import open_memory_of, tool_result

DEFAULT_BUDGET_TOKENS = 2_000
DEFAULT_SESSION = "default"
_LEFT_OUT_TOKENS = 150
_IDS_SHOWN = 50
_LEAST_PACK_TOKENS = 300

Action = Literal[
    "append", "view", "stats", "log", "compose", "fragment_context", "fold_fragment", "summarize_fragment",
    "restore_fragment", "search_context", "get_search_detail", "prune_context", "open_subgoal", "close_subgoal",
    "retrieve", "set_task", "pin", "unpin", "undo", "redo",
]  # fmt: skip

# What each action takes: the argument's name here and in the engine; those with "!" must be given.
_TAKES: Mapping[str, Mapping[str, str]] = {
    "append": {"text": "text", "role": "role", "messages": "messages", "folding": "folding"},
    "view": {"cursor": "start"},
    "stats": {"cursor": "start"},
    "log": {"cursor": "start"},
    "compose": {"text": "goal!"},
    "fragment_context": {
        "start_marker": "start_marker!", "end_marker": "end_marker!", "num_fragments": "num_fragments", "role": "role",
    },
    "fold_fragment": {"fragment_id": "fragment_id!"},
    "summarize_fragment": {"fragment_id": "fragment_id!", "focus": "focus!"},
    "restore_fragment": {"fragment_id": "fragment_id!"},
    "search_context": {
        "query": "query!", "role": "role", "max_results": "max_results", "context_size": "context_size",
    },
    "get_search_detail": {"search_id": "search_id!", "extended_context": "extended_context"},
    "prune_context": {"memory": "memory_text!", "delete_ids": "delete_ids!"},
    "open_subgoal": {"text": "text!"},
    "close_subgoal": {"text": "summary", "satisfied": "satisfied"},
    "retrieve": {"ids": "numbers!"},
    "set_task": {"id": "id!", "text": "title", "ids": "after", "status": "status"},
    "pin": {"id": "message_id!"},
    "unpin": {"id": "message_id!"},
    "undo": {},
    "redo": {},
}  # fmt: skip


class SculptView(TypedDict):
    text: str
    ids: NotRequired[list[str]]
    shown_tokens: NotRequired[int]
    next_cursor: NotRequired[int]


def sculpt_tool(holder: MemoryHolder) -> Callable[..., Any]:
    async def sculpt_context(
        action: Action,
        session: Annotated[str, Field(description="The conversation or task.")] = DEFAULT_SESSION,
        text: Annotated[
            str | None,
            Field(description="The message, subgoal, outcome (close_subgoal), goal (compose) or task title."),
        ] = None,
        role: Annotated[
            Literal["user", "assistant", "tool", "system", "all"] | None,
            Field(description="Whose text; default user. all: cut or search everywhere."),
        ] = None,
        messages: Annotated[list[dict[str, Any]] | None, Field(description="append: OpenAI chat messages.")] = None,
        folding: Annotated[
            Literal["lean", "live", "k2", "lossless", "hiagent", "none"] | None,
            Field(description="append: fold the past automatically."),
        ] = None,
        start_marker: Annotated[str | None, Field(description="First words, exact.")] = None,
        end_marker: Annotated[str | None, Field(description="Last words, exact.")] = None,
        num_fragments: Annotated[int | None, Field(description="1-20, default 5.")] = None,
        fragment_id: str | None = None,
        focus: Annotated[str | None, Field(description="What a summary keeps.")] = None,
        query: Annotated[str | None, Field(description="Exact text to find.")] = None,
        max_results: Annotated[int | None, Field(description="1-50, default 10.")] = None,
        context_size: Annotated[int | None, Field(description="Characters around, 50-1000.")] = None,
        search_id: str | None = None,
        extended_context: Annotated[int | None, Field(description="100-2000.")] = None,
        memory: Annotated[str | None, Field(description="What to keep of what is pruned.")] = None,
        delete_ids: Annotated[list[str] | None, Field(description="Tool results to prune.")] = None,
        id: Annotated[str | None, Field(description="Message to pin, or task.")] = None,
        ids: Annotated[list[str | int] | None, Field(description="Subgoals to retrieve; tasks it depends on.")] = None,
        status: Literal["pending", "active", "done"] | None = None,
        satisfied: bool | None = None,
        budget_tokens: int = DEFAULT_BUDGET_TOKENS,
        cursor: int | None = None,
    ) -> Annotated[CallToolResult, SculptView]:
        """Working memory of a long task. append what happens; cut, fold, summarise, restore, search it; prune results you
        are done with; work in subgoals, folded when closed until you retrieve them; compose all that matters for a goal
        within budget_tokens. Originals are kept: every edit can be undone.
        """
        given = {
            "text": text, "role": role, "messages": messages, "folding": folding, "start_marker": start_marker,
            "end_marker": end_marker, "num_fragments": num_fragments, "fragment_id": fragment_id, "focus": focus,
            "query": query, "max_results": max_results, "context_size": context_size, "search_id": search_id,
            "extended_context": extended_context, "memory": memory, "delete_ids": delete_ids, "id": id, "ids": ids,
            "status": status, "satisfied": satisfied, "cursor": cursor,
        }  # fmt: skip
        arguments = _arguments(action, given)
        async with open_memory_of(holder) as opened:
            view = await _do(opened, opened.session(session), action, arguments, budget_tokens)
        lines = [view["text"]]
        if "next_cursor" in view:
            lines.append(f"More: the same with cursor={view['next_cursor']}.")
        if "shown_tokens" in view:
            lines.append(f"({view['shown_tokens']} tokens in view)")
        return tool_result("\n".join(lines), view)

    return sculpt_context


def _arguments(action: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of an action under the engine's names. What it does not take is named, not dropped."""
    takes = _TAKES[action]
    values = {name: value for name, value in given.items() if value is not None}
    useless = [name for name in values if name not in takes]
    if useless:
        known = ", ".join(takes) or "nothing else"
        raise ToolError(f"{action} does not take {', '.join(useless)}. It takes: {known}.")
    missing = [name for name, meant in takes.items() if meant.endswith("!") and name not in values]
    if missing:
        raise ToolError(f"{action} needs {' and '.join(missing)}.")
    return {takes[name].rstrip("!"): value for name, value in values.items()}


async def _do(
    memory: Memory, session: Session, action: str, arguments: dict[str, Any], budget_tokens: int
) -> SculptView:
    if action == "append":
        added = await _append(session, **arguments)
        told = ", ".join(added) if len(added) <= 5 else f"{len(added)} messages, the last is {added[-1]}"
        view = SculptView(text=f"Appended {told}.", ids=list(added[-_IDS_SHOWN:]))
        if memory.may(Right.READ):
            view["shown_tokens"], reminder = await session.read(lambda kept: (kept.shown_tokens(), nudge(kept)))
            view["text"] += f"\n{reminder}" if reminder else ""
        return view
    if action in ("view", "stats", "log"):
        page = await session.page(action, budget_tokens=budget_tokens, **arguments)
        view = SculptView(text=page.text)
        if page.next is not None:
            view["next_cursor"] = page.next
        return view
    if action == "compose":
        pack = await session.compose(arguments["goal"], budget_tokens=budget_tokens)
        if pack.left_out and pack.tokens > budget_tokens - _LEFT_OUT_TOKENS:
            # What was left out is told within the same budget.
            room = max(budget_tokens - _LEFT_OUT_TOKENS, min(budget_tokens, _LEAST_PACK_TOKENS))
            with suppress(InvalidInput):  # with less room the pinned part alone may be too long
                pack = await session.compose(arguments["goal"], budget_tokens=room)
        left = [
            f"Left out of {part.section.value}: {len(part.ids)} parts, {part.tokens} tokens ({part.how})."
            for part in pack.left_out
        ]
        text = "\n\n".join([pack.text, *(["\n".join(left)] if left else [])])
        return SculptView(text=await memory.fit(text, budget_tokens=budget_tokens))
    if action == "retrieve":
        arguments["numbers"] = [_number(number) for number in arguments["numbers"]]
    if action == "prune_context":
        arguments["inline"] = True
    if action == "set_task" and "after" in arguments:
        arguments["after"] = [str(other) for other in arguments["after"]]
    outcome = await session.sculpt(action, **arguments)
    said = "\n".join([outcome.said, *outcome.warnings])
    view = SculptView(text=await memory.fit(said, budget_tokens=budget_tokens))
    if outcome.ids:
        view["ids"] = list(outcome.ids[:_IDS_SHOWN])
    view["shown_tokens"] = outcome.edit.tokens_after
    return view


async def _append(
    session: Session, *, text: str | None = None, role: str | None = None,
    messages: list[dict[str, Any]] | None = None, folding: str | None = None,
) -> tuple[str, ...]:  # fmt: skip
    if (text is None) == (messages is None):
        raise ToolError("append needs text with its role, or messages, and not both.")
    if text is not None:
        if not text.strip():
            raise ToolError("The text is empty. Append what was said or found.")
        return await session.append(text, role=role or "user", folding=folding)
    return await session.append_transcript(json.dumps(messages), folding=folding)


def _number(value: str | int) -> int:
    try:
        return int(value)
    except ValueError:
        raise ToolError(f"{str(value)[:40]!r} is not the number of a subgoal.") from None
