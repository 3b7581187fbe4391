"""A text keeps to its evidence: honest wordings pass, tampered values are caught."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.domain.experience.faithful import coverage, unsupported
from mnemic.domain.experience.values import ValueKind

EVIDENCE = (
    "I am Aarav Garcia and want to move reservation M05KNL from New York to Seattle on May 24th.",
    "There are three bags.",
    '{"user_id": "aarav_garcia_1177", "email": "aarav.g@example.com", "flights": [{"flight_number": "HAT136",'
    ' "price": 1203.50,'
    ' "date": "2024-05-24", "departs": "14:00:00"}], "origin": "JFK", "refund": -114.0}',
    "Wrote /srv/app/conf.yaml and https://example.com/docs?id=3. Called getUserDetails with gift_card_8887175.",
    "Error: gift card balance is not enough",
)
HONEST = [
    "Refund $1,203.50 to Aarav Garcia.",
    "The price was 1203.5 dollars; 3 bags are checked.",
    "The flight leaves on 24 May 2024 at 2 pm.",
    "The flight leaves on 05/24/2024 at 14:00.",
    "Garcia's reservation m05knl is for Seattle.",
    "Look up `user_id` first, then call get_user_details.",
    'When it answers "gift card balance is not enough", ask for another card.',
    'It says "Gift card … not enough".',
    "Edit /srv/app/conf.yaml; see https://example.com/docs?id=3.",
    "Write to AARAV.G@example.com about flight HAT136 from JFK.",
    "1. Ask the user.\n2. Move the flight.\n3. In step 2 be careful.",
    "First 1) ask, then 2) book.",
    "Always ask the user before you call a tool. It MAY BE NECESSARY to wait.",
    "Refunds are negative: -114.",
    "- **Total Price:** 1203.50\n- New Reservation: M05KNL",
    "New York to Seattle in/on time, e.g. with one bag.",
]
TAMPERED = [
    ("Refund $1,204.50 to Aarav Garcia.", ValueKind.NUMBER, "$1,204.50"),
    ("The user has four bags.", ValueKind.NUMBER, "four"),
    ("The flight leaves on 25 May 2024.", ValueKind.DATE, "25 May 2024"),
    ("The flight leaves on May 24, 2025.", ValueKind.DATE, "May 24, 2025"),
    ("It departs at 3 pm.", ValueKind.TIME, "3 pm"),
    ("Ask Bob Garcia for the card.", ValueKind.NAME, "Bob"),
    ("The trip goes to Denver.", ValueKind.NAME, "Denver"),
    ("Ask the user for flight HAT137.", ValueKind.IDENTIFIER, "HAT137"),
    ("Look up user aarav_garcia_1178.", ValueKind.IDENTIFIER, "aarav_garcia_1178"),
    ("Then call delete_user.", ValueKind.IDENTIFIER, "delete_user"),
    ("Then call getUserOrders.", ValueKind.IDENTIFIER, "getUserOrders"),
    ("The flight leaves from LGA.", ValueKind.CODE, "LGA"),
    ("Edit /srv/app/secret.yaml first.", ValueKind.PATH, "/srv/app/secret.yaml"),
    ("Run setup.py first.", ValueKind.PATH, "setup.py"),
    ("See https://example.org/docs?id=3 for help.", ValueKind.URL, "https://example.org/docs?id=3"),
    ("Write to aarav.h@example.com now.", ValueKind.EMAIL, "aarav.h@example.com"),
    ('It says "gift card was stolen".', ValueKind.QUOTED, '"gift card was stolen"'),
    ('It says "not balance card".', ValueKind.QUOTED, '"not balance card"'),
    ("A refund of -1203.50 is due.", ValueKind.NUMBER, "-1203.50"),
]


@pytest.mark.parametrize("claim", HONEST)
def test_an_honest_wording_with_the_same_values_passes(claim: str) -> None:
    assert unsupported(claim, EVIDENCE) == ()


@pytest.mark.parametrize(("claim", "kind", "span"), TAMPERED)
def test_a_tampered_value_is_caught_with_its_kind_and_place(claim: str, kind: ValueKind, span: str) -> None:
    (found,) = unsupported(claim, EVIDENCE)
    assert (found.kind, found.text) == (kind, span)
    assert claim[found.start : found.end] == span


def test_two_names_that_never_stand_together_are_not_one_person() -> None:
    evidence = [
        "Mia Li booked it.",
        "A long time afterwards, at the desk of the company, there came somebody called Aarav Garcia.",
    ]
    assert [found.text for found in unsupported("It was booked by Mia Garcia.", evidence)] == ["Garcia"]
    assert unsupported("It was booked by Mia Li.", evidence) == ()
    assert unsupported("It was Ana Li.", ['{"first_name": "Ana", "last_name": "Li"}']) == ()


def test_what_is_nearest_in_the_evidence_is_told() -> None:
    assert unsupported("Ask the user for flight HAT137.", EVIDENCE)[0].nearest == "HAT136"
    assert unsupported("The price was 1203.", EVIDENCE)[0].nearest == "1203.5"
    assert unsupported("Go to zanzibar_99_office.", ["nothing here"])[0].nearest is None


def test_the_number_of_a_list_item_in_the_evidence_supports_no_claim() -> None:
    assert [found.text for found in unsupported("It costs 7.", ["6. Ask.\n7. Book."])] == ["7"]


def test_a_single_capital_at_the_head_of_a_sentence_is_not_taken_for_a_name() -> None:
    assert unsupported("Bring water. Then Walk home.", ["walk"]) == ()
    assert [found.text for found in unsupported("City: Denver.", ["a city"])] == ["Denver"]


def test_coverage_is_the_share_of_content_words_that_the_evidence_has() -> None:
    assert coverage("Moving reservations", EVIDENCE) == 1.0
    assert coverage("Quantum bananas sing", EVIDENCE) == 0.0
    assert 0 < coverage("Move the bananas", EVIDENCE) < 1
    assert coverage("", EVIDENCE) == 1.0


@pytest.mark.parametrize(
    ("episode", "about_it", "about_another"),
    [
        (
            "Das Ventil wurde zuerst geöffnet, danach wurde der Druck im Kessel gemessen.",
            "Vor jeder Messung die Ventile öffnen, sonst stimmt der Wert nicht.",
            "Buche den Flug immer erst nach der Bestätigung durch den Kunden.",
        ),
        (
            "Сначала открыли клапан, затем измерили давление; получилось.",
            "Перед измерением давления открывай клапаны.",
            "Бронируй рейс только после подтверждения клиента.",
        ),
        (
            "先打开阀门，然后测量锅炉压力，成功了。",
            "测压力以前必须打开锅炉的阀门。",
            "客户确认之后才可以预订航班并发送收据。",
        ),
        (
            "まずバルブを開け、それから圧力を測った。成功した。",
            "圧力を測る前にバルブを開けること。",
            "顧客が確認してから航空便を予約すること。",
        ),
        (
            "فُتح الصمام أولا ثم قيس الضغط ونجح ذلك.",
            "افتح الصمام أولا ثم قس الضغط.",
            "احجز الرحلة فقط بعد تأكيد العميل.",
        ),
    ],
)
def test_coverage_tells_what_a_claim_is_about_in_languages_without_rules_of_their_own(
    episode: str, about_it: str, about_another: str
) -> None:
    assert coverage(about_it, [episode]) >= 0.35
    assert coverage(about_another, [episode]) <= 0.25
    assert unsupported(about_it, [episode]) == ()


def test_capitals_tell_no_names_in_german_and_other_values_are_checked_all_the_same() -> None:
    claim = "Immer zuerst die Messung prüfen und nach 40 Sekunden das Ventil_7 schließen."
    assert [found.text for found in unsupported(claim, ["Prüfung nach 30 Sekunden"])] == ["40", "Ventil_7"]
    assert [found.text for found in unsupported("Ask Marie in Lyon before you book.", ["Ask before you book."])] == [
        "Marie", "Lyon",
    ]  # fmt: skip


_odd = st.text(alphabet="aAbZ019.,:;-/\\_@#$%&'\"`’“”()[] \n…", max_size=60)


@settings(max_examples=400)
@given(st.text(max_size=400) | _odd | st.lists(st.sampled_from(HONEST), max_size=4).map("\n".join))
def test_every_text_is_supported_by_itself(text: str) -> None:
    assert unsupported(text, [text]) == ()
    assert coverage(text, [text]) == 1.0


@given(st.text(max_size=200), st.lists(st.text(max_size=100), max_size=3))
def test_more_evidence_never_makes_a_claim_worse(claim: str, evidence: list[str]) -> None:
    before = {(found.start, found.end) for found in unsupported(claim, evidence)}
    after = {(found.start, found.end) for found in unsupported(claim, [*evidence, "Ana paid 12 on May 3."])}
    assert after <= before


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_number_is_supported_only_by_itself_however_it_is_written(said: int, seen: int) -> None:
    claim = f"The total is {said:,} in all."
    assert (unsupported(claim, [f"total {seen}.00"]) == ()) == (said == seen)


_dates = st.dates(min_value=date(1900, 1, 1))


@given(_dates, _dates)
def test_a_date_is_supported_only_by_itself_however_it_is_written(said: date, seen: date) -> None:
    claim = f"It was on {said:%B} {said:%d}, {said:%Y}."
    assert (unsupported(claim, [f"date {seen:%Y-%m-%d}"]) == ()) == (said == seen)


_LONG = 32_000
_HOSTILE = {
    "a": "a " * (_LONG // 2),
    "one word": "a" * _LONG,
    "quotes": '"' * _LONG,
    "half quotes": '"a' * (_LONG // 2),
    "apostrophes": "'a " * (_LONG // 3),
    "digits": "1" * _LONG,
    "digits and a letter": "1" * _LONG + "a",
    "thousands": "1," * (_LONG // 2),
    "versions": "1.1." * (_LONG // 4),
    "slashes": "/a" * (_LONG // 2),
    "dots": "a." * (_LONG // 2),
    "ats": "a@" * (_LONG // 2),
    "links": "http://" * (_LONG // 7),
    "snakes": "a_" * (_LONG // 2),
    "names": "Ab Cd " * (_LONG // 6),
    "months": "may 1 " * (_LONG // 6),
    "hyphens": "-" * _LONG,
    "items": "1) " * (_LONG // 3),
    "ids": " ".join(f"x_{at}" for at in range(_LONG // 7)),
    "names of many": " ".join(f"A{chr(97 + at % 26)}{chr(97 + at // 26 % 26)}" for at in range(_LONG // 4)),
    "quotations": " ".join(f'"a {at} b {at}"' for at in range(_LONG // 14)),
    "lines": "A\n" * (_LONG // 2),
    "colons": "A:" * (_LONG // 2),
}


@pytest.mark.parametrize("name", _HOSTILE)
def test_hostile_text_of_32_000_characters_is_checked_in_a_fraction_of_a_second(name: str) -> None:
    """A pattern that backtracks would take minutes. A linear pass takes 5 to 90 ms; the limit is for a busy machine."""
    text = _HOSTILE[name]
    start = time.thread_time()
    assert unsupported(text, [text]) == ()
    unsupported(text, EVIDENCE)
    coverage(text, EVIDENCE)
    assert time.thread_time() - start < 1.5


@settings(max_examples=20, deadline=None)
@given(st.text(alphabet="aA1.,-/_@:'\"`( \n", min_size=2, max_size=12))
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    def seconds(text: str) -> float:
        best = 9.9
        for _ in range(2):
            start = time.thread_time()
            unsupported(text, EVIDENCE)
            best = min(best, time.thread_time() - start)
        return best

    short, long = piece * (2_000 // len(piece)), piece * (16_000 // len(piece))
    assert seconds(long) < 40 * seconds(short) + 0.05
