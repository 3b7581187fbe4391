"""What a model is told of the tools by which it edits its own context.

Names, required fields, defaults and ranges of Sculptor's six are the published ones (Active Context Management, section F),
those of ``prune_context`` are Memory-as-Action's; the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnemic.errors import InvalidInput

_Role = Literal["user", "assistant", "all"]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)


class FragmentContext(_Arguments):
    """Cut a stretch of the conversation into fragments, each with an id of six characters, which can then be folded or
    summarised one by one.
    """

    start_marker: str = Field(description="The first words of the stretch, exactly as they stand there.")
    end_marker: str = Field(description="The last words of the stretch, exactly as they stand there.")
    num_fragments: int = Field(5, ge=1, le=20, description="How many fragments.")
    role: _Role = Field("user", description="Whose messages are searched for the markers; all includes tool results.")


class FoldFragment(_Arguments):
    """Hide a fragment that is not needed now. It can be restored at any time."""

    fragment_id: str = Field(description="As fragment_context gave it.")


class SummarizeFragment(_Arguments):
    """Show a short summary in the place of a fragment. It can be restored at any time."""

    fragment_id: str = Field(description="As fragment_context gave it.")
    focus: str = Field(description="What the summary keeps: technical details, key decisions, open problems…")


class RestoreFragment(_Arguments):
    """Show the original of a folded or summarised fragment again."""

    fragment_id: str


class SearchContext(_Arguments):
    """Find an exact text in the whole conversation, what is hidden included. Nothing that is shown changes."""

    query: str = Field(description="The text, letter for letter.")
    role: _Role = Field("user", description="Whose messages are searched; all includes tool results.")
    max_results: int = Field(10, ge=1, le=50)
    context_size: int = Field(200, ge=50, le=1000, description="Characters shown on each side.")


class GetSearchDetail(_Arguments):
    """Show more of the text around something that search_context found in this turn."""

    search_id: str = Field(description="As search_context gave it.")
    extended_context: int = Field(500, ge=100, le=2000, description="Characters shown on each side.")


class PruneContext(_Arguments):
    """Take results of tools that are done with out of view and keep what you have learnt from them in your own words."""

    memory: str = Field(description="All that is still needed of them: facts, values, decisions, open ends.")
    delete_ids: Annotated[list[str], Field(min_length=1)] = Field(description="Ids of the tool calls whose results go.")


class OpenSubgoal(_Arguments):
    """Begin the next subgoal, a milestone on the way to the goal. The one before is closed: its steps are folded, its
    outcome stays.
    """

    text: str = Field(description="The milestone, in one line.")
    summary: str | None = Field(None, description="What came of the subgoal before, in one line.")


class CloseSubgoal(_Arguments):
    """End the subgoal at work: its steps are folded, its outcome stays."""

    summary: str | None = Field(None, description="What came of it, in one line.")
    satisfied: bool | None = Field(None, description="Whether it was met.")


class RetrieveSubgoals(_Arguments):
    """Show all steps of closed subgoals again, until the next subgoal begins."""

    numbers: Annotated[list[int], Field(min_length=1)] = Field(description="Their numbers, as in [1, 3].")


ARGUMENTS: Mapping[str, type[BaseModel]] = {
    "fragment_context": FragmentContext,
    "fold_fragment": FoldFragment,
    "summarize_fragment": SummarizeFragment,
    "restore_fragment": RestoreFragment,
    "search_context": SearchContext,
    "get_search_detail": GetSearchDetail,
    "prune_context": PruneContext,
    "open_subgoal": OpenSubgoal,
    "close_subgoal": CloseSubgoal,
    "retrieve_subgoals": RetrieveSubgoals,
}


def description_of(name: str) -> str:
    """What a tool does, in one paragraph."""
    return " ".join((ARGUMENTS[name].__doc__ or "").split())


def schema_of(name: str) -> dict[str, Any]:
    """The JSON schema of a tool's arguments; what it does not name is not allowed."""
    schema = ARGUMENTS[name].model_json_schema()
    schema.pop("description", None)
    schema.pop("title", None)
    for field in schema["properties"].values():
        field.pop("title", None)
    return schema


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` that names every wrong argument with what was given for it."""
    try:
        ARGUMENTS[name].model_validate(dict(arguments))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or name}: {problem['msg']} (given: {problem['input']!r:.60})"
            for problem in error.errors(include_url=False)
        )
        raise InvalidInput(
            f"{name} was called with wrong arguments: {problems}.", hint="Call it with others."
        ) from None
