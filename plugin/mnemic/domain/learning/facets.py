"""What an experience is besides its text: how sure it is, what it is about, by which further words it is found."""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = ("success", "failure", "comparative", "external")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperience:
    """An experience to be stored: ReMe's ⟨usage scenario, content, keywords, confidence, tools⟩ and where it comes from.

    ``when_to_use``: the situation in which it helps. ``evidence``: ids of the memories that it was drawn from. The other
    fields are those of `Facets`.
    """

    when_to_use: str
    content: str
    keywords: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    facets: Facets = Facets()


def facet_texts(when_to_use: str | None, content: str, facets: Facets) -> dict[str, str]:
    """The texts of `SCENARIO_INDEX`, by facet; those that are empty are left out."""
    texts = {WHEN_TO_USE: when_to_use or "", CONTENT: content, GENERALIZED_QUERY: facets.generalized_query or ""}
    return {name: texts[name] for name in SCENARIO_INDEX if texts[name].strip()}
