"""What an edit of working memory says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from mnemic.domain.working_memory.journal import Edit


@dataclass(frozen=True, slots=True, kw_only=True)
class EditOutcome:
    """What a tool did. ``said`` is what the agent is told; ``warnings`` name what an edit has hidden."""

    said: str
    edit: Edit
    ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
