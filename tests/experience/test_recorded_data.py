"""Distilling recorded trajectories: what is said stands in the evidence, and it is not trivial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mnemic.domain.experience.extraction import distil
from mnemic.domain.experience.faithful import unsupported
from mnemic.domain.experience.forms import check_form
from mnemic.domain.experience.trajectory import Trajectory
from mnemic.storage.static_embedder import StaticEmbedder
from tests.benchmarks.deduplicating import Compared, deduplicate
from tests.benchmarks.distilling import (
    POOLS,
    STEPS,
    TAU,
    cosine_of,
    load_trajectories,
    measure_held_out,
    measure_tampered,
    read_lines,
    texts_of,
    texts_of_pool,
)
from tests.experience.citing import cited_texts

Find = Callable[[str], Path]


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder()


def sources(shared_data: Find) -> dict[str, list[Trajectory]]:
    return {**load_trajectories(shared_data(TAU)), **load_trajectories(shared_data(STEPS))}


@pytest.mark.slow
def test_nothing_is_distilled_from_recorded_trajectories_that_they_do_not_say(
    shared_data: Find, embedder: StaticEmbedder
) -> None:
    similarity = cosine_of(embedder)
    for name, trajectories in sources(shared_data).items():
        by_id = {trajectory.id: trajectory for trajectory in trajectories}
        experiences = distil(trajectories, similarity=similarity)
        assert len(experiences) > 20, name
        for found in experiences:
            assert unsupported(found.text, cited_texts(found, by_id)) == (), found
            problems = check_form(
                when_to_use=found.when_to_use,
                content=found.content,
                keywords=found.keywords,
                confidence=found.confidence,
                query=found.task_query,
                tools=found.tools,
            )
            assert problems == (), found


@pytest.mark.slow
def test_a_tampered_value_is_caught_in_what_was_distilled_and_in_a_models_prose(
    shared_data: Find, embedder: StaticEmbedder
) -> None:
    similarity = cosine_of(embedder)
    texts = {
        name: texts_of(distil(found, similarity=similarity), found) for name, found in sources(shared_data).items()
    }
    texts["ReMe"] = texts_of_pool(read_lines(shared_data(POOLS)))
    for name, of in texts.items():
        figures = measure_tampered(of, seed=3)
        assert figures["untouched"] == 0.0, name
        assert figures["invented"] > 95, name
        assert figures["foreign"] > 95, name


def test_the_procedure_of_other_trials_foretells_the_tools_of_a_success_better_than_the_usual_tools(
    shared_data: Find,
) -> None:
    for name, trajectories in sources(shared_data).items():
        figures = measure_held_out(trajectories)
        assert figures["held out"] >= 20, name
        for column in ("precision", "recall", "order precision", "order recall"):
            assert figures["procedure"][column] > figures["baseline"][column], (name, column)


def test_the_recorded_pools_have_good_form_and_lose_nothing_to_deduplication(
    shared_data: Find, embedder: StaticEmbedder
) -> None:
    records = read_lines(shared_data(POOLS))
    for record in records:
        problems = check_form(
            when_to_use=record["when_to_use"], content=record["content"], query=record["metadata"]["task_query"]
        )
        assert problems == (), record["content"]
    items = [
        Compared(id=record["memory_id"], when_to_use=record["when_to_use"], content=record["content"])
        for record in records
        if record["pool"] == "appworld_qwen3_14b"
    ]

    def embed(texts: list[str]) -> list[list[float]]:
        return [list(map(float, vector)) for vector in embedder.embed(texts)]

    done = deduplicate(items, (), embed)  # type: ignore[arg-type]
    assert done.dropped == ()
    assert len(done.apart) > 0
    assert deduplicate(items[:50], items, embed).kept == ()  # type: ignore[arg-type]
