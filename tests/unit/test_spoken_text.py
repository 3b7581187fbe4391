"""What a person or the model said in a session of Claude Code, and what the program wrote where they speak."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mnemic.domain.working_memory.transcripts import read_transcript, spoken_text


def spoken(text: str, **more: Any) -> str:
    message = {"role": "user", "content": text}
    line = {"type": "user", "uuid": "u", "parentUuid": None, "isSidechain": False, "sessionId": "s", "message": message}
    return spoken_text(read_transcript(json.dumps({**line, **more})).messages[0])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<command-name>/clear</command-name>\n  <command-args></command-args>", ""),
        ("<ide_selection>x = 1</ide_selection> Rename it.", "Rename it."),
        ("<system-reminder>Be quick.</system-reminder><ide_opened_file>a</ide_opened_file>Go on.", "Go on."),
        ("[Request interrupted by user for tool use]", ""),
        ('<teammate-message from="b">Done.</teammate-message>', ""),
    ],
)
def test_what_the_program_puts_before_a_users_words_is_not_what_the_user_said(text: str, left: str) -> None:
    assert spoken(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "<div> stands in the middle of the page </div>",
        "/srv/logs is full. <system-reminder>x</system-reminder>",
        "<command-name> is never closed",
        "<ide_selection>a</ide_opened_file> are not a pair",
    ],
)
def test_a_users_own_marks_and_paths_are_the_users_words(text: str) -> None:
    assert spoken(text) == text


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"isMeta": True}, ""),
        ({"isCompactSummary": True}, ""),
        ({"origin": {"kind": "task-notification"}}, ""),
        ({"origin": {"kind": "human"}}, "All is done."),
        ({"origin": "x"}, "All is done."),
    ],
)
def test_a_line_that_the_program_wrote_itself_is_said_by_nobody(told: dict[str, Any], left: str) -> None:
    assert spoken("All is done.", **told) == left


def test_an_answer_that_no_model_gave_is_said_by_nobody() -> None:
    message = {"id": "m", "role": "assistant", "content": [{"type": "text", "text": "No response requested."}]}
    line = {"type": "assistant", "uuid": "a", "parentUuid": None, "sessionId": "s"}
    for model, left in (("<synthetic>", ""), ("a-model", "No response requested.")):
        text = json.dumps({**line, "message": {**message, "model": model}})
        assert spoken_text(read_transcript(text).messages[0]) == left
