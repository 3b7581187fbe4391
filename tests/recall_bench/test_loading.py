"""Reading data sets, and saying what is wrong with them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mnemic.errors import InvalidInput
from mnemic.testing.recall_bench import Case, count_locomo, load_cases
from mnemic.testing.recall_bench.cases import all_together, take_questions
from tests.conftest import ROOT

EXAMPLE = ROOT / "docs" / "recall-example.jsonl"


def written(tmp_path: Path, *lines: Any) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines) + "\n")
    return path


MEMORY = {"memory": {"id": "a", "text": "Ana lives in Lisbon."}}
QUESTION = {"question": "Where does Ana live?", "gold": ["a"]}


def test_lines_of_memories_and_questions_become_one_case_for_each_namespace() -> None:
    home, team = load_cases(EXAMPLE, "jsonl")
    assert (home.name, len(home.turns), len(home.questions)) == ("default", 7, 4)
    assert (team.name, len(team.turns), len(team.questions)) == ("team/ops", 3, 2)
    assert home.turns[0][0] == "flat" and home.turns[0][1].speaker == "Ana"
    assert home.questions[3].gold == {"knee", "doctor"}
    assert home.questions[3].asked_at == datetime(2026, 8, 1, tzinfo=UTC) and home.questions[0].asked_at is None
    assert {question.category for question in team.questions} == {"notes"}


def test_a_file_may_be_gzipped_and_questions_may_come_first(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, [QUESTION, MEMORY])).encode()))
    (case,) = load_cases(path, "jsonl")
    assert case.questions[0].category == "all questions" and case.turns[0][1].text == "Ana lives in Lisbon."


def test_questions_without_a_category_beside_others_are_not_called_all_questions(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join(map(json.dumps, [MEMORY, QUESTION, {**QUESTION, "category": "homes"}])), encoding="utf-8")
    (case,) = load_cases(path, "jsonl")
    assert [question.category for question in case.questions] == ["without a category", "homes"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['{"memory": '], "line 1: this is not JSON (Expecting value"),
        (["[" * 100_000], "line 1: this is not JSON (nested too deeply)"),
        ([{"text": "x"}], 'line 1: this is neither a memory nor a question: {"text": "x"}'),
        ([{**MEMORY, **QUESTION}], "line 1: this is neither a memory nor a question"),
        ([7], "line 1: this is neither a memory nor a question: 7"),
        ([MEMORY, "", {"memory": "x"}], 'line 3: memory is "x", not an object'),
        ([{"memory": {"text": "x"}}], "line 1: id is missing"),
        ([{"memory": {"id": "a"}}], "line 1: the memory 'a' has no text"),
        ([{"memory": {"id": "a", "text": "  "}}], "line 1: text is empty"),
        ([{"memory": {"id": "a", "text": "x", "evidence": ["m1"]}}], "line 1: a memory has no field 'evidence'"),
        ([{"memory": {"id": "a", "text": "x", "role": "boss"}}], "line 1: role"),
        ([{"memory": {"id": "a", "text": "x", "occurred_at": "May"}}], "line 1: occurred_at is 'May'"),
        ([{"memory": {"id": "a", "text": "x", "subject": "Ana"}}], "line 1: Only one of subject and attribute"),
        ([{**MEMORY, "namespace": ""}], "line 1: The namespace has the label ''"),
        ([{**MEMORY, "tags": []}], "line 1: a memory's line has no field 'tags'"),
        ([MEMORY, MEMORY], "line 2: the id 'a' is taken"),
        ([MEMORY, {"question": "Where?"}], "line 2: gold is null"),
        ([MEMORY, {"question": "", "gold": ["a"]}], "line 2: question is empty"),
        ([MEMORY, {**QUESTION, "gold": ["a", "b"]}], "line 2: gold names 'b', which is no memory of the namespace"),
        ([MEMORY, {**QUESTION, "namespace": "b"}], "line 2: gold names 'a', which is no memory of the namespace 'b'"),
        ([MEMORY, {**QUESTION, "asked_at": 5}], "line 2: asked_at is int"),
        ([MEMORY, {**QUESTION, "answer": "Lisbon"}], "line 2: a question's line has no field 'answer'"),
        ([MEMORY], "asks nothing"),
    ],
)
def test_a_wrong_line_is_named_with_its_number_and_what_to_write(tmp_path: Path, lines: list[Any], said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        load_cases(written(tmp_path, *lines), "jsonl")
    assert said in raised.value.message and raised.value.hint


@pytest.mark.parametrize("format", ["locomo", "longmemeval", "jsonl"])
def test_a_file_that_is_something_else_is_a_clear_error(tmp_path: Path, format: Any) -> None:
    broken = tmp_path / "broken"
    for content in (b"\xff\xfe\x00", b"\x1f\x8bnothing", b"not JSON", b'[{"a": 1}]', b"[3]", b'{"a": 1}'):
        broken.write_bytes(content)
        with pytest.raises(InvalidInput, match="broken"):
            load_cases(broken, format)
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_cases(tmp_path / "nowhere", format)
    with pytest.raises(InvalidInput, match="There is no format"):
        load_cases(EXAMPLE, "csv")  # type: ignore[arg-type]


LOCOMO = [
    {
        "sample_id": "conv-1",
        "conversation": {
            "session_2_date_time": "1:56 pm on 8 May, 2023",
            "session_2": [{"speaker": "Ana", "dia_id": "D2:1", "text": "Look!", "blip_caption": "a dog"}],
            "session_1_date_time": "9:00 am on 7 May, 2023",
            "session_1": [
                {"speaker": "Ana", "dia_id": "D1:1", "text": "Hi Rui."},
                {"speaker": "Rui", "dia_id": "D1:2", "text": "Hi!"},
            ],
        },
        "qa": [
            {"question": "Who?", "evidence": ["D1:01", "D:1:2", "D9:9"], "category": 1},
            {"question": "Never said", "evidence": ["D1:1"], "category": 5},
            {"question": "No evidence", "evidence": [], "category": 4},
        ],
    }
]


def test_locomo_keeps_sessions_in_order_and_reads_ids_however_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps(LOCOMO))
    (case,) = load_cases(path, "locomo")
    assert [id for id, _ in case.turns] == ["D1:1", "D1:2", "D2:1"]
    last = case.turns[2][1]
    assert (last.text, last.session, last.occurred_at) == (
        "Look! [picture: a dog]", "session 2", datetime(2023, 5, 8, 13, 56, tzinfo=UTC),
    )  # fmt: skip
    (question,) = case.questions
    assert question.gold == {"D1:1", "D1:2"} and question.category == "multi-hop"
    assert count_locomo(path) == (1, 3)


def test_both_forms_of_longmemeval_give_the_same_cases(tmp_path: Path) -> None:
    asked = "2023/05/30 (Tue) 23:40"
    messages = [
        {"role": "user", "content": "I moved to Lisbon.", "has_answer": True},
        {"role": "assistant", "content": "Nice!"},
    ]
    published = [
        {
            "question_id": id, "question": "Where do I live?", "question_type": "update", "question_date": asked,
            "haystack_session_ids": ["s1"], "haystack_dates": ["2023/05/20 (Sat) 02:21"], "haystack_sessions": [messages],
        }
        for id in ("q1", "q2_abs")
    ]  # fmt: skip
    lines = [
        {
            "case_id": item["question_id"],
            "queries": [
                {
                    "question": item["question"],
                    "metadata": {"question_type": "update", "question_date": asked},
                }
            ],
            "sessions": [{"session_id": "s1", "metadata": {"date": "2023/05/20 (Sat) 02:21"}, "messages": messages}],
        }
        for item in published
    ]
    one, other = tmp_path / "published.json", tmp_path / "lines.jsonl"
    one.write_text(json.dumps(published))
    other.write_text("\n".join(map(json.dumps, lines)))
    (case,) = load_cases(one, "longmemeval")
    assert load_cases(other, "longmemeval") == [case]
    assert case.name == "q1" and len(case.turns) == 1
    assert case.questions[0].asked_at == datetime(2023, 5, 30, 23, 40, tzinfo=UTC)
    (both,) = load_cases(one, "longmemeval", assistant=True)
    assert [str(new.role) for _, new in both.turns] == ["user", "assistant"]


def test_the_recorded_data_has_the_questions_that_it_should(shared_data: Callable[[str], Path]) -> None:
    conversations = load_cases(shared_data("locomo_dev.json.gz"), "locomo")
    assert [len(conversations), sum(len(case.turns) for case in conversations)] == [5, 2_760]
    assert sum(len(case.questions) for case in conversations) == 760
    histories = load_cases(shared_data("longmemeval_dev.jsonl.gz"), "longmemeval")
    assert len(histories) == 15 and all(case.questions[0].asked_at for case in histories)


def test_all_together_mixes_up_no_ids_and_no_sessions() -> None:
    cases = load_cases(EXAMPLE, "jsonl")
    joined = all_together(
        [*cases, *(Case(name="copy", turns=case.turns, questions=case.questions) for case in cases[:1])]
    )
    ids = [id for id, _ in joined.turns]
    assert len(set(ids)) == len(ids) == 17
    assert {new.namespace for _, new in joined.turns} == {"together"}
    assert {new.session for _, new in joined.turns} == {
        "default/may", "default/july", "copy/may", "copy/july", None,
    }  # fmt: skip
    assert all(question.gold <= set(ids) for question in joined.questions)


def test_the_same_seed_draws_the_same_questions_and_leaves_every_turn() -> None:
    cases = load_cases(EXAMPLE, "jsonl")
    drawn = take_questions(cases, 3, seed=1)
    assert drawn == take_questions(cases, 3, seed=1) != take_questions(cases, 3, seed=2)
    assert sum(len(case.questions) for case in drawn) == 3
    assert [case.turns for case in drawn] == [case.turns for case in cases]
    assert take_questions(cases, 100, seed=1) == take_questions(cases, None, seed=1) == cases
