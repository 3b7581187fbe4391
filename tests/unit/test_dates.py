"""Which words are dates, and from when to when they last."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mnemic.domain.memory import RowKey
from mnemic.protocols import LedgerSnapshot, SearchedText
from mnemic.retrieval.datebook import Datebook
from mnemic.retrieval.dates import read_question, read_text
from mnemic.retrieval.dating import when_of
from mnemic.retrieval.question import parse_question
from mnemic.retrieval.spans import Span, days_of, moment_of, nearness_in_time, overlap

_NOW = datetime(2023, 6, 14, 12, tzinfo=UTC)  # a Wednesday
_DAY = 24 * 3_600 * 10**6

# The likeliest span: its first day and the first day after it.
_ASKED = {
    "on 7 May 2023": "2023-05-07 2023-05-08",
    "May 7, 2023": "2023-05-07 2023-05-08",
    "MAY 7TH 2023": "2023-05-07 2023-05-08",
    "on the 7th of May": "2023-05-07 2023-05-08",
    "the 3rd of June": "2023-06-03 2023-06-04",
    "June 30th": "2022-06-30 2022-07-01",
    "Sept. 4, 2022": "2022-09-04 2022-09-05",
    "on 2023-05-07": "2023-05-07 2023-05-08",
    "2023/5/7": "2023-05-07 2023-05-08",
    "31/12/2022": "2022-12-31 2023-01-01",
    "7.5.2023": "2023-05-07 2023-05-08",
    "29 February 2024": "2024-02-29 2024-03-01",
    "in May 2023": "2023-05-01 2023-06-01",
    "in June": "2023-06-01 2023-07-01",
    "in july": "2022-07-01 2022-08-01",
    "last May": "2023-05-01 2023-06-01",
    "last June": "2022-06-01 2022-07-01",
    "next March": "2024-03-01 2024-04-01",
    "during December": "2022-12-01 2023-01-01",
    "in 2021": "2021-01-01 2022-01-01",
    "the year before 2021": "2020-01-01 2021-01-01",
    "this month": "2023-06-01 2023-07-01",
    "last month": "2023-05-01 2023-06-01",
    "this year": "2023-01-01 2024-01-01",
    "last year": "2022-01-01 2023-01-01",
    "this week": "2023-06-12 2023-06-19",
    "last week": "2023-06-05 2023-06-12",
    "next week": "2023-06-19 2023-06-26",
    "the week before last": "2023-05-29 2023-06-05",
    "today": "2023-06-14 2023-06-15",
    "this morning": "2023-06-14 2023-06-15",
    "yesterday evening": "2023-06-13 2023-06-14",
    "the day before yesterday": "2023-06-12 2023-06-13",
    "tomorrow": "2023-06-15 2023-06-16",
    "three days ago": "2023-06-11 2023-06-12",
    "two weeks ago": "2023-05-28 2023-06-04",
    "a couple of weeks ago": "2023-05-24 2023-06-08",
    "a month ago": "2023-04-29 2023-05-30",
    "10 years ago": "2012-12-14 2013-12-14",
    "two weekends ago": "2023-06-03 2023-06-05",
    "in the past month": "2023-05-14 2023-06-15",
    "over the last three months": "2023-03-14 2023-06-15",
    "in the past few weeks": "2023-05-24 2023-06-15",
    "last Tuesday": "2023-06-13 2023-06-14",
    "last Friday": "2023-06-09 2023-06-10",
    "on Monday": "2023-06-12 2023-06-13",
    "on Wednesday": "2023-06-14 2023-06-15",
    "this Friday": "2023-06-16 2023-06-17",
    "next Friday": "2023-06-16 2023-06-17",
    "last weekend": "2023-06-10 2023-06-12",
    "this weekend": "2023-06-17 2023-06-19",
    "last summer": "2022-06-01 2022-09-01",
    "in summer 2021": "2021-06-01 2021-09-01",
    "in the fall of 2021": "2021-09-01 2021-12-01",
    "in the spring": "2023-03-01 2023-06-01",
    "last winter": "2022-12-01 2023-03-01",
    "last Christmas": "2022-12-24 2022-12-27",
    "on Christmas 2021": "2021-12-24 2021-12-27",
    "on New Year\u2019s Eve 2022": "2022-12-31 2023-01-01",
    "Easter 2023": "2023-04-07 2023-04-11",
    "Thanksgiving 2022": "2022-11-24 2022-11-25",
    "the week before 16 November 2023": "2023-11-09 2023-11-16",
    "the Sunday before October 25, 2022": "2022-10-23 2022-10-24",
    "last weekend before April 10, 2023": "2023-04-08 2023-04-10",
    "the day after the 3rd of June": "2023-06-04 2023-06-05",
    "two weeks before August 11, 2022": "2022-07-25 2022-08-01",
    "the week of June 5": "2023-06-05 2023-06-12",
    "the second week of November 2022": "2022-11-08 2022-11-15",
    "the last week of May": "2023-05-25 2023-06-01",
    "the last Friday of May": "2023-05-26 2023-05-27",
    "the first weekend in May": "2023-05-06 2023-05-08",
    "in the beginning of November 2022": "2022-11-01 2022-11-11",
    "in the first half of June 2022": "2022-06-01 2022-06-16",
    "in mid-May": "2023-05-11 2023-05-21",
    "in late 2022": "2022-09-01 2023-01-01",
    "between August 11 and August 15 2022": "2022-08-11 2022-08-16",
    "from June to August 2022": "2022-06-01 2022-09-01",
    "from 2019 to 2021": "2019-01-01 2022-01-01",
    "since May 2023": "2023-05-01 2023-06-15",
    "after May 2023": "2023-06-01 2023-06-15",
    "What was finished last Friday, on 23 January 2022?": "2022-01-23 2022-01-24",
}


@pytest.mark.parametrize(("words", "span"), _ASKED.items())
def test_a_question_is_about_the_days_that_its_words_name(words: str, span: str) -> None:
    spans = read_question(f"What did Ana paint {words}?", _NOW).spans
    likeliest = [one for one in spans if one.weight == 1]
    assert _shown(likeliest) == [span]


@pytest.mark.parametrize(
    "text",
    [
        "what will you do if it may rain", "we march on", "This may be it", "this march was long", "a gift from May",
        "a photo taken by April", "did June call?", "April, May and June are sisters", "sat on the sun", "a second later",
        "Friday is a nice word", "every Monday", "2023 miles", "2021", "in 2,000 steps", "at 2000 metres", "$2021",
        "version 1.2.2023.4", "10.0.0.1", "the 24/7 shop", "call 555-12-2020", "31 February 2023", "the day before my exam",
        "how many weeks ago did I move?", "in a day", "one day before the trip", "the last day of the trip", "fall in love",
        "a spring in my step", "they may 2 times a day", "march 5 miles", "the 3 may be wrong", "in the next room",
        "how many days passed between the day I came and the day I left?", "last time", "since then", "",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_date_is_none(text: str) -> None:
    assert read_question(text, _NOW).spans == ()


def test_words_that_can_mean_several_dates_mean_the_others_half_as_much() -> None:
    assert _shown(read_question("5/7/2023", _NOW).spans) == ["2023-05-07 2023-05-08", "2023-07-05 2023-07-06"]
    assert ("2022-05-01 2022-06-01", 0.5) in _weighed(read_question("in May", _NOW).spans)
    assert ("2023-06-06 2023-06-07", 0.5) in _weighed(read_question("last Tuesday", _NOW).spans)
    monday = _NOW - timedelta(days=2)
    assert ("2023-06-10 2023-06-12", 0.5) in _weighed(read_question("this weekend", monday).spans)


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("I went there last Tuesday", ["2023-05-02 2023-05-03"]),
        ("I went there yesterday and on 1 May 2022", ["2023-05-08 2023-05-09", "2022-05-01 2022-05-02"]),
        ("The library wants it back on the 3rd of June", ["2023-06-03 2023-06-04"]),
        ("We met in December", ["2022-12-01 2023-01-01"]),
        ("I have lived here since 2019", []),
        ("Long ago", []),
    ],
)
def test_a_text_speaks_of_the_days_nearest_to_when_it_was_said(text: str, spans: list[str]) -> None:
    said = read_text(text, datetime(2023, 5, 9, 8, tzinfo=UTC))  # a Tuesday
    assert _shown([one for one in said if one.weight == 1]) == spans


@settings(deadline=None, max_examples=150)
@example("999 years before 999 years ago", datetime(1900, 1, 1))
@example("the 4th friday of \u0130 february 29", datetime(2099, 12, 31))
@given(
    st.lists(
        st.sampled_from(
            "the last next first of in on may 31 29 february 999 years before after week weekend ago two 2020 1900 2099"
            " since until between and from to friday christmas half second mid- winter , . 12/12/2012 a \u0130".split()
        ),
        max_size=12,
    ).map(" ".join)
    | st.text(max_size=60),
    st.datetimes(),
)
def test_no_words_and_no_moment_break_the_reading(text: str, at: datetime) -> None:
    for spans in (read_question(text, at).spans, read_text(text, at)):
        assert all(span.start < span.end and 0 < span.weight <= 1 for span in spans)
    when = when_of(text, at)
    if when is not None:
        nearness = nearness_in_time(days_of(np.array([0, _DAY]), when.offset), when.spans, when.today)
        assert ((nearness >= 0) & (nearness <= 1)).all()


def test_nearness_is_full_inside_and_falls_off_with_the_length_of_the_span() -> None:
    start = date(2023, 5, 1).toordinal()
    month, today = Span(start, start + 31), start + 100
    at = np.array([start, start + 30.9, start + 31, start + 39, start + 47, start - 8])
    nearness = nearness_in_time(at, [month], today).tolist()
    assert nearness[:3] == [1, 1, 0.5]
    assert nearness[3] == pytest.approx(nearness[5], abs=0.05) == pytest.approx(0.24, abs=0.02)
    assert nearness[4] == 0
    assert nearness_in_time(at, [month._replace(weight=0.5)], today).tolist() == [value / 2 for value in nearness]
    day = Span(start, start + 1)
    assert nearness_in_time(np.array([start + 1.5, start + 2.6]), [day], today).tolist() == [pytest.approx(1 / 3), 0]


def test_a_plan_for_the_days_to_come_is_not_about_the_days_before() -> None:
    today = _NOW.date().toordinal()
    weekend = read_question("any tips for this weekend?", _NOW).spans
    assert nearness_in_time(np.array([today + 0.5, today + 1.5]), weekend, today).tolist() == [0, 0]


def test_what_was_said_of_a_year_hardly_speaks_of_one_of_its_days() -> None:
    day, year = Span(100, 101), Span(0, 365)
    assert overlap([day], [year]) == pytest.approx(1 / 365)
    assert overlap([year], [day]) == 1
    assert overlap([day, year._replace(weight=0.5)], [day._replace(weight=0.5)]) == 0.5
    assert overlap([day], [Span(101, 102)]) == overlap([], [day]) == 0


def test_a_day_begins_by_the_clocks_of_whoever_asks() -> None:
    cairo = timedelta(hours=3)
    when = when_of("yesterday", datetime(2023, 6, 14, 1, tzinfo=timezone(cairo)))
    assert when is not None
    assert moment_of(when.spans[0].start, when.offset) == datetime(2023, 6, 12, 21, tzinfo=UTC)
    assert days_of(np.array([0]), cairo)[0] == date(1970, 1, 1).toordinal() + 0.125


def test_a_question_with_a_name_of_a_month_in_it_asks_after_the_person() -> None:
    question = parse_question("What did April say in June?", ["April", "Ben"], asked_at=_NOW)
    assert question.named == (("April",),)
    assert question.when is not None
    assert question.when.words == {"in", "june"}
    assert parse_question("What did April say in June?", ["April", "Ben"]).when is None


def test_a_question_that_asks_for_nothing_but_a_date_has_no_search_words() -> None:
    question = parse_question("What happened on 7 May 2023?", [], asked_at=_NOW)
    assert question.words == ()
    assert question.when is not None
    assert question.when.alone
    other = parse_question("What was painted on 7 May 2023?", [], asked_at=_NOW)
    assert other.words == ("painted", "7", "may", "2023")
    assert other.when is not None
    assert not other.when.alone


class _Snapshot:
    """Tells when two memories happened, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def moments(self, keys: list[int]) -> dict[int, int]:
        self.asked += 1
        return {key: key * _DAY for key in keys if key < 3}

    def searched_texts(self, keys: list[int]) -> dict[int, SearchedText]:
        self.asked += 1
        return {key: SearchedText("", "seen yesterday") for key in keys}


def test_dates_of_memories_are_read_once_until_they_change() -> None:
    book, ledger = Datebook(), _Snapshot()
    snapshot: LedgerSnapshot = ledger  # type: ignore[assignment]
    keys = [RowKey(1), RowKey(2), RowKey(3)]
    unix = date(1970, 1, 1).toordinal()
    for _ in range(2):
        assert book.moments(snapshot, keys).tolist() == [_DAY, 2 * _DAY, 0]
        assert book.said(snapshot, keys[:2], read_text) == [(Span(unix, unix + 1),), (Span(unix + 1, unix + 2),)]
    asked = ledger.asked
    book.said(snapshot, keys[:2], read_text)
    assert ledger.asked == asked
    book.forget([1])
    book.said(snapshot, keys[:2], read_text)
    assert ledger.asked == asked + 2


def test_a_question_without_words_of_time_reads_no_dates() -> None:
    code = (
        "import sys; from datetime import datetime, UTC; import mnemic.services.recalling.recall\n"
        "from mnemic.retrieval.question import parse_question\n"
        "now = datetime.now(UTC); parse_question('What did Ana paint?', ['Ana'], asked_at=now)\n"
        "print('mnemic.retrieval.dates' in sys.modules); parse_question('today?', [], asked_at=now)\n"
        "print('mnemic.retrieval.dates' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]


def _shown(spans: list[Span] | tuple[Span, ...]) -> list[str]:
    return [f"{date.fromordinal(int(one.start))} {date.fromordinal(int(one.end))}" for one in spans]


def _weighed(spans: tuple[Span, ...]) -> list[tuple[str, float]]:
    return list(zip(_shown(spans), [one.weight for one in spans], strict=True))
