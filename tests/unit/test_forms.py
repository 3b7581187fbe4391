"""Further words: what a text is found by besides the words that the full-text index cuts from it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

import mnemic
from mnemic import Memory, NewMemory
from mnemic.domain.forms import asked_words, forms_of, further_words, mentions, without_spare_pieces
from mnemic.storage.sql import migrations
from mnemic.storage.sqlite.ledger import SqliteLedger


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("We talked about the harbour, and we're glad. It's 3 o'clock on 12.5.2024.", ""),
        ("call parseHTTPHeader2 now", "parse http header 2"),
        ("The URLs of HTTPServer", "http server"),
        ("3kg and sha256", "3 kg sha 256"),
        ("key 9f8e7d6c5b4a3f2e", ""),
        ("12,000 of 1.000.000 and 3.14", "12000 1000000"),
        ("the U.S.A. by e.g. Wi-Fi and T-shirt", "usa eg wifi tshirt"),
        ("O'Brien and D\u2019Angelo, but l'architecte", "obrien dangelo"),
        ("15% of €40", "percent euro"),
        ("🎂 for Ana 😂", "birthday cake facetearsjoy"),
        ("北京烤鸭", "北京 京烤 烤鸭 北 京 烤 鸭"),
        ("东 5G网", "东 5g 5 g 网"),
        ("서울에서", "서울 울에 에서"),
        ("カメラ", "カメ メラ"),
        ("दिल्ली", "दलल"),
        ("Łódź, Weißstraße", "lódź weissstrasse"),
        ("re\u0301sume\u0301 ＡＢＣ", "résumé abc"),
    ],
)
def test_further_words_are_parts_pieces_and_other_spellings(text: str, words: str) -> None:
    assert further_words(text) == words


def test_several_texts_give_their_further_words_together() -> None:
    assert further_words("fooBar", None, "", "3kg") == "foo bar 3 kg"


def test_a_text_of_any_size_has_few_parts_a_word() -> None:
    assert len(forms_of("aB" * 30).parts) == 0
    assert len(forms_of("a1" * 50_000).parts) == 0


def test_a_question_asks_for_parts_and_is_not_sure_of_wholes_and_spellings() -> None:
    words, unsure = asked_words("Who calls parseHeader for 15%?")
    assert words == ["calls", "parseheader", "15", "parse", "header", "percent"]
    assert unsure == {"parseheader", "percent"}
    words, unsure = asked_words("北京 today")
    assert words == ["today", "北京", "北", "京"]
    assert not unsure


def test_a_character_counts_in_a_pair_that_occurs_or_by_itself() -> None:
    words = ["today", "猫在", "在北", "北京", "猫", "在", "北", "京", "どこ"]
    counts = dict.fromkeys(words, 0) | {"北京": 2, "猫": 1}
    assert without_spare_pieces(words, counts) == ["today", "北京", "猫", "在", "どこ"]
    assert without_spare_pieces(["a", "bc"], {"a": 0, "bc": 0}) == ["a", "bc"]


async def _first(memory: Memory, question: str) -> str | None:
    hits = (await memory.recall(question, k=1)).hits
    return hits[0].memory.text if hits else None


async def test_an_experience_keeps_the_further_words_of_its_text(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.remember_many([NewMemory(text=f"step {at} uses rowLock{at}Table") for at in range(5)])
        assert await _first(memory, "lock 3 table row") == "step 3 uses rowLock3Table"
        assert (await memory.doctor()).healthy


async def test_what_an_older_version_wrote_is_found_by_further_words_after_the_migration(tmp_path: Path) -> None:
    older = migrations.MIGRATIONS[:5]
    connection = sqlite3.connect(tmp_path / "ledger.sqlite3", isolation_level=None)
    for script in older:
        connection.executescript(script)
    connection.execute(f"PRAGMA user_version = {len(older)}")
    connection.execute("INSERT INTO namespaces VALUES (1, 'default')")
    for key, (text, hints) in enumerate(
        [("plain words only", "kettle"), ("readConfigFile fails", ""), ("昨天我们在北京吃了烤鸭。", "lunch")], 1
    ):
        connection.execute(
            "INSERT INTO memories (key, seq, id, namespace, kind, text, sameness, dated, tags, evidence, channel, origin, "
            "valid_from, recorded_at, hints) "
            "VALUES (?1, ?1, ?2, 1, 'semantic', ?3, ?1, '', '[]', '[]', 'user', '{}', 1, 1, ?4)",
            (key, f"m{key:015d}", text, hints),
        )
    connection.execute("UPDATE ledger SET seq = 3, memories = 3")
    connection.close()
    ledger = SqliteLedger(tmp_path / "ledger.sqlite3")
    with ledger.snapshot() as snapshot:
        assert snapshot.document_counts(["config", "file", "北京", "lunch", "kettle", "plain"]) == [1, 1, 1, 1, 1, 1]
    assert all(check.ok for check in ledger.diagnose("none") if check.check == "full text")
    ledger.close()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tim", "Tim"),
        ("This time TIM's late", "Tim"),
        ("_tim_ (nate) and jon-paul", "Nate"),
        ("Ana María sings", "ana maría"),
        ("小明去了北京", "小明"),
        ("민수가 왔다", "민수"),
        ("我和Tim去了", "Tim"),
    ],
)
def test_a_name_that_stands_by_itself_is_mentioned(text: str, name: str) -> None:
    assert mentions(text, name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Sometimes there is no time", "Tim"),
        ("an alternate donation", "Nate"),
        ("Regina's original", "Gina"),
        ("tim7 and 7tim", "Tim"),
        ("नेहा आई", "नेह"),
        ("nothing", ""),
    ],
)
def test_letters_of_another_word_are_no_mention_of_a_name(text: str, name: str) -> None:
    assert not mentions(text, name)
