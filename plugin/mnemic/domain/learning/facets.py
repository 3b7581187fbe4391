"""What an experience is besides its text: how sure it is, what it is about, by which further words it is found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mnemic.domain.validation import MAX_LABEL_CHARS, MAX_TAGS, check_share, check_text
from mnemic.errors import InvalidInput

MAX_TASK_CHARS = 4_000
_MAX_CATEGORY_CHARS = 40

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


def check_facets(facets: object) -> Facets:
    """Facets that can be stored. Raises `InvalidInput`; texts that are empty become None."""
    if not isinstance(facets, Facets):
        raise InvalidInput(f"The facets are {type(facets).__name__}.", hint="Give Facets.")
    if not isinstance(facets.tools, tuple | list) or len(facets.tools) > MAX_TAGS:
        raise InvalidInput(f"tools is {facets.tools!r:.60}.", hint=f"Give a list of at most {MAX_TAGS} names.")
    limits = {"task": MAX_TASK_CHARS, "generalized_query": MAX_TASK_CHARS, "author": MAX_LABEL_CHARS}
    texts = {name: getattr(facets, name) or None for name in limits}
    return replace(
        facets,
        category=check_text(facets.category, name="category", limit=_MAX_CATEGORY_CHARS),
        confidence=check_share(facets.confidence, name="confidence"),
        tools=tuple(check_text(tool, name="a tool", limit=MAX_LABEL_CHARS) for tool in facets.tools),
        **{
            name: None if text is None else check_text(text, name=name, limit=limits[name])
            for name, text in texts.items()
        },
    )


def cut_facets(facets: Facets) -> Facets:
    """Facets with texts cut to the longest that are kept, for those that others wrote."""
    return replace(
        facets,
        tools=tuple(tool[:MAX_LABEL_CHARS] for tool in facets.tools if tool.strip())[:MAX_TAGS],
        task=(facets.task or "")[:MAX_TASK_CHARS].strip() or None,
        generalized_query=(facets.generalized_query or "")[:MAX_TASK_CHARS].strip() or None,
        author=(facets.author or "")[:MAX_LABEL_CHARS].strip() or None,
    )


def facet_texts(when_to_use: str | None, content: str, facets: Facets) -> dict[str, str]:
    """The texts of `SCENARIO_INDEX`, by facet; those that are empty are left out."""
    texts = {WHEN_TO_USE: when_to_use or "", CONTENT: content, GENERALIZED_QUERY: facets.generalized_query or ""}
    return {name: texts[name] for name in SCENARIO_INDEX if texts[name].strip()}
