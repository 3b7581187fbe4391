"""Recorded episodes, read and written for every provider."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mnemic.domain.working_memory.messages import Message, ToolCall
from mnemic.domain.working_memory.transcripts import (
    TranscriptFormat,
    read_transcript,
    write_anthropic,
    write_langchain,
    write_openai,
)
from mnemic.testing import check_anthropic, check_openai
from tests.unit.transcripts import read_any

SHARED_DATA = Path(__file__).parents[2].parent / "shared" / "data"


def _recorded(name: str) -> list[str]:
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip(f"the recorded data {name} is not on this machine ({SHARED_DATA} is absent)")
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.parametrize(
    ("name", "format", "field"),
    [
        ("taubench_airline_dev.jsonl.gz", TranscriptFormat.TAU_BENCH, "traj"),
        ("trajectories_dev.jsonl.gz", TranscriptFormat.STEPS, "steps"),
    ],
)
def test_every_recorded_episode_is_read_whole_and_written_for_every_provider(
    name: str, format: TranscriptFormat, field: str
) -> None:
    for line in _recorded(name):
        found = read_transcript(line)
        source = json.loads(line)[field]
        assert found.format is format
        if format is TranscriptFormat.STEPS:
            assert len(found.messages) == 2 * len(source) + 1
        else:
            assert [message.text for message in found.messages] == [message["content"] or "" for message in source]
        written = write_openai(found.messages)
        assert check_openai(written) == []
        assert read_any(written, format="openai").messages == _without_host(found.messages)
        assert check_anthropic(write_anthropic(found.messages)[1]) == []
        # LangChain holds the arguments as an object: how the model spaced them is lost.
        assert _without_host(read_any(write_langchain(found.messages)).messages, spaced=False) == _without_host(
            found.messages, spaced=False
        )


def _without_host(messages: tuple[Message, ...], *, spaced: bool = True) -> tuple[Message, ...]:
    def plain(call: ToolCall) -> ToolCall:
        return call if spaced else replace(call, arguments=json.dumps(json.loads(call.arguments)))

    return tuple(replace(message, opaque={}, calls=tuple(map(plain, message.calls))) for message in messages)
