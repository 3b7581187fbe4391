"""What an experience is besides its text: how sure it is, what it is about, by which further words it is found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """ReMe's ⟨usage scenario, content, keywords, confidence, tools⟩ without what the memory has anyway.

    The scenario is the memory's ``when_to_use``, the content its text, the keywords its tags. ``confidence`` 0..1.
    ``category``: success, failure, comparative or external. ``task``: the task it was drawn from;
    ``generalized_query``: that task without its particulars, searched beside the text. ``author``: who or what wrote
    it.
    """

    category: str = "external"
    confidence: float = 0.5
    tools: tuple[str, ...] = ()
    task: str | None = None
    generalized_query: str | None = None
    author: str | None = None


WHEN_TO_USE = "when_to_use"
CONTENT = "content"
GENERALIZED_QUERY = "generalized_query"

SCENARIO_INDEX = (WHEN_TO_USE, GENERALIZED_QUERY, CONTENT)
"""The parts that have a vector each, so that a scenario is found however long its content is."""
