"""What always came before what: statements in CLIN's forms, MAY and SHOULD by how often trajectories showed it.

CLIN (2310.10134) lets a model write "X MAY / SHOULD BE NECESSARY to Y" and "X MAY NOT / DOES NOT CONTRIBUTE to Y"
after each trial. Here the statements are counted: SHOULD after three successes and no exception.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from mnemic.domain.experience.experience import Experience, Facet, confidence_of
from mnemic.domain.experience.trajectory import Trajectory
from mnemic.domain.experience.wording import cite, generalise, listed, shown_tool, task_line
from mnemic.domain.folding.segmentation import is_read_by_name

SURE_FROM = 3
LEAST_SEEN = 2
_MOST_BEFORE = 4
_MOST_CITED = 24


def distil_preconditions(successes: Sequence[Trajectory], others: Sequence[Trajectory] = ()) -> tuple[Experience, ...]:
    """For each tool that acts: the tools that came before its first successful call, in every trajectory that has
    one.

    Needs two successes; from three on it SHOULD BE NECESSARY, before that it MAY. One trajectory, successful or of
    ``others``, in which the tool worked without the earlier one is an exception, and nothing is said. Ordered by
    tool.
    """
    before: dict[str, list[frozenset[str]]] = defaultdict(list)
    shown: dict[str, list[Trajectory]] = defaultdict(list)
    for trajectory in successes:
        for tool, earlier in _firsts(trajectory).items():
            before[tool].append(earlier)
            shown[tool].append(trajectory)
    excepted: dict[str, list[frozenset[str]]] = defaultdict(list)
    for trajectory in others:
        for tool, earlier in _firsts(trajectory).items():
            excepted[tool].append(earlier)
    found = []
    for tool in sorted(before):
        always = frozenset.intersection(*before[tool], *excepted[tool])
        if len(before[tool]) >= LEAST_SEEN and always and not is_read_by_name(tool):
            found.append(_experience(tool, always, shown[tool]))
    return tuple(found)


def idle_tools(successes: Sequence[Trajectory], failures: Sequence[Trajectory]) -> tuple[str, ...]:
    """Sentences on the tools that only failed trials of a task used."""
    used = Counter(tool for trajectory in failures for tool in _worked(trajectory))
    never = [tool for tool in used if not any(tool in _tried(trajectory) for trajectory in successes)]
    sentences = []
    for tool in sorted(never):
        sure = used[tool] >= SURE_FROM and len(successes) >= SURE_FROM
        sentences.append(f"{shown_tool(tool)} {'DOES NOT' if sure else 'MAY NOT'} CONTRIBUTE to this task.")
    return tuple(sentences) if successes else ()


def _experience(tool: str, always: frozenset[str], shown: Sequence[Trajectory]) -> Experience:
    order = [step.tool for step in shown[0].steps if step.tool in always and step.error is None]
    earlier = list(dict.fromkeys(order))[:_MOST_BEFORE]
    modal = "SHOULD" if len(shown) >= SURE_FROM else "MAY"
    task = task_line(shown[0].task)
    goal = shown_tool(tool)
    statements = " ".join(f"{shown_tool(name)} {modal} BE NECESSARY to {goal}." for name in earlier)
    return Experience(
        facet=Facet.SUCCESS,
        when_to_use=f"When about to call {goal}.",
        content=f"Call {listed([shown_tool(name) for name in earlier])} before {goal}. {statements}",
        confidence=confidence_of(len(shown)),
        tools=(*earlier, tool),
        task_query=task,
        generalized_query=generalise(task, shown[0].steps),
        evidence=tuple(cite(trajectory) for trajectory in shown[:_MOST_CITED]),
        support=len(shown),
    )


def _worked(trajectory: Trajectory) -> frozenset[str]:
    return frozenset(step.tool for step in trajectory.steps if step.error is None)


def _tried(trajectory: Trajectory) -> frozenset[str]:
    return frozenset(step.tool for step in trajectory.steps)


def _firsts(trajectory: Trajectory) -> dict[str, frozenset[str]]:
    """For each tool that worked: what had worked before its first such call."""
    earlier: dict[str, frozenset[str]] = {}
    done: set[str] = set()
    for step in trajectory.steps:
        if step.error is None:
            earlier.setdefault(step.tool, frozenset(done))
            done.add(step.tool)
    return earlier
