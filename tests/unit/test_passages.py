"""Long texts: where they are cut, and that what they say in their middle is found and shown."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import mnemic
from mnemic import Hit, Memory, NewMemory
from mnemic.domain.memory import MemoryId
from mnemic.domain.passages import LONG_FROM, MOST, passages
from mnemic.domain.recall import Passage
from mnemic.retrieval.packing import pack
from mnemic.services.backends import Backends
from mnemic.storage.sql.migrations import MIGRATIONS
from mnemic.storage.token_counters import HeuristicTokenCounter
from mnemic.testing import FailingEmbedder, WordEmbedder, make_record
from mnemic_mcp.views import hit_text, hit_view, render_hit

FACT = "The spare key of the boathouse hangs behind the blue barometer."
QUESTION = "Where is the spare key of the boathouse?"
_TOPICS = "harbour tide rope sail anchor mast deck hull wind buoy crew galley chart compass lantern winch".split()


def prose(words: int, *, of: int = 0) -> str:
    """Sentences about boats, as many words as asked for, other ones for every ``of``."""
    sentences = []
    for at in range(words // 10):
        one, two, three = (_TOPICS[(at * step + of) % len(_TOPICS)] for step in (1, 3, 5))
        sentences.append(f"Note {of}-{at} says the {one} was near the {two} and {three}.")
        if at % 7 == 6:
            sentences.append("\n\n")
    return " ".join(sentences)


def document(words: int = 3_000, *, of: int = 0, fact: str = FACT) -> str:
    """A text with a fact in its middle."""
    half = prose(words // 2, of=of)
    return f"{half} {fact} {prose(words // 2, of=of + 50)}"


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[Memory]:
    async with mnemic.open_memory(tmp_path / "memory", chroma="off", durable=False) as opened:
        yield opened


def cut(text: str) -> list[str]:
    return [text[start:end] for start, end in passages(text)]


def test_a_text_of_two_hundred_words_stays_whole_and_a_longer_one_is_cut() -> None:
    assert passages("word " * (LONG_FROM // 5)) == ()
    assert len(passages("word " * (LONG_FROM // 5 + 1))) > 1
    assert passages("") == ()


def test_a_heading_goes_with_what_stands_under_it() -> None:
    sections = [f"## Part {at}\n\n{prose(60, of=at)}" for at in range(12)]
    for piece in cut("\n\n".join(sections)):
        assert "## Part" not in piece[1:-80] or piece.startswith("## Part")
        assert not piece.rsplit("\n", 1)[-1].startswith("##"), "no heading is left behind"


def test_a_line_of_code_is_never_parted() -> None:
    lines = [
        f"value_{at} = compute(first=value_{at - 1}, second='{'y' * (at % 90)}'); check(value_{at})" for at in range(80)
    ]
    lines[40] += "  # " + " ".join(["long"] * 200)
    text = f"{prose(100)}\n\n```python\n" + "\n".join(lines) + f"\n```\n\n{prose(100)}"
    pieces = cut(text)
    for line in lines:
        assert any(line in piece for piece in pieces), line


def test_items_and_rows_stay_whole() -> None:
    items = [f"{at}. Step {at}: {prose(20, of=at)}" for at in range(30)]
    rows = [f"| {at} | cell of row {at} | {prose(10, of=at)} |" for at in range(40)]
    pieces = cut("\n".join(items) + "\n\n" + "\n".join(rows))
    for part in (*items, *rows):
        assert any(part.strip() in piece for piece in pieces), part


def test_sentences_end_passages_in_english_and_in_chinese() -> None:
    assert all(piece[-1] == "." for piece in cut(prose(600).replace("\n", " ")))
    chinese = "图书馆早上九点开门，晚上八点关门。" * 60
    pieces = cut(chinese)
    assert all(piece[-1] == "。" for piece in pieces)
    assert max(map(len, pieces)) <= MOST // 3


def test_what_has_neither_sentences_nor_spaces_is_cut_all_the_same() -> None:
    assert "".join(cut("x" * 5_000)) == "x" * 5_000
    assert "".join(cut("東京" * 1_000)) == "東京" * 1_000
    assert all(not piece.startswith("ord") for piece in cut("word " * 1_000))


async def remember_crowd(memory: Memory, count: int) -> None:
    await memory.remember_many([f"{prose(20, of=at)} Visit {at}." for at in range(count)])


async def test_a_fact_in_the_middle_of_a_document_is_found_among_thousands_and_shown(memory: Memory) -> None:
    await remember_crowd(memory, 2_000)
    await memory.remember_many([prose(3_000, of=at) for at in range(100, 110)])
    id = (await memory.remember(document())).id
    hit = (await memory.recall(QUESTION)).hits[0]
    assert hit.memory.id == id
    assert hit.passage is not None
    assert FACT in hit.passage.text
    assert hit.memory.text[hit.passage.start : hit.passage.end] == hit.passage.text
    assert len(hit.passage.text) <= MOST
    assert hit.shown_text == hit.memory.text, "without a budget all of it is there"


async def test_a_fact_in_a_document_is_found_by_its_meaning_alone(memory: Memory) -> None:
    await remember_crowd(memory, 300)
    fact = (
        "\n\nGrandmother baked cinnamon cake with apples for the whole family. She rolled the dough, sliced pears and "
        "plums, and sprinkled sugar over it before it went into the oven. The kitchen smelled of butter, vanilla and nuts. "
        "With coffee she served waffles, cherry jam and a bowl of whipped cream, and nobody left the table hungry.\n\n"
    )
    id = (await memory.remember(document(fact=fact))).id
    hit = (await memory.recall("dessert pastry recipes with fruit", min_score=0)).hits[0]
    assert hit.memory.id == id
    assert hit.passage is not None
    assert "cinnamon cake" in hit.passage.text
    assert hit.lexical is None


async def test_a_short_text_has_no_passage(memory: Memory) -> None:
    await memory.remember_many([FACT, document(600)])
    short = next(hit for hit in (await memory.recall(QUESTION)).hits if hit.memory.text == FACT)
    assert short.passage is None
    assert await memory.run(stored, short.memory.id) == (0, 0)


async def test_passages_are_no_memories(memory: Memory) -> None:
    await memory.remember(document())
    assert (await memory.status()).memories == 1
    assert len(await memory.list()) == 1
    assert len((await memory.recall(QUESTION)).hits) == 1


async def test_passages_keep_to_namespaces_filters_and_times(memory: Memory) -> None:
    here = await memory.remember(document(of=1), namespace="here", tags=["a"], occurred_at="2025-05-01")
    there = await memory.remember(document(of=2), namespace="here/there", tags=["b"])
    old = await memory.remember(document(of=3), namespace="here", tags=["c"])
    new = await memory.remember(document(of=4), namespace="here", tags=["d"], supersedes=old.id)

    async def ids(**filters: object) -> set[str]:
        result = await memory.recall(QUESTION, **{"namespace": "here", **filters})  # type: ignore[arg-type]
        assert all(hit.passage is not None and FACT in hit.passage.text for hit in result.hits)
        return {hit.memory.id for hit in result.hits}

    assert await ids() == {here.id, new.id}
    assert await ids(subtree=True) == {here.id, there.id, new.id}
    assert await ids(tags=["a"]) == {here.id}
    assert await ids(until="2025-06-01") == {here.id}
    assert await ids(statuses=["superseded"]) == {old.id}
    await memory.archive([here.id])
    assert await ids() == {new.id}
    await memory.bring_back([here.id])
    assert await ids() == {here.id, new.id}


def stored(backends: Backends, id: str) -> tuple[int, int]:
    """How many passages a memory has, and how many vectors."""
    with backends.ledger.snapshot() as snapshot:
        key, record = snapshot.find([MemoryId(id)])[MemoryId(id)]
        namespace = snapshot.namespace_key(record.namespace)
        assert namespace is not None
        feed = snapshot.passage_feed(backends.embedder.id, namespace, after=0, limit=1_000)
        size = sum(len(row.vector or b"") for row in feed if row.key == key)
        return len(snapshot.passages([key]).get(key, ())), size // backends.embedder.dimensions // 4


@pytest.mark.usefixtures("patient_erasing")
async def test_erasing_takes_passages_out_of_answers_and_files(tmp_path: Path) -> None:
    secret = "The xylograph of Quetzalwood is in vault nine."
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        id = (await memory.remember(document(fact=secret))).id
        kept = (await memory.remember(document(of=7))).id
        assert (await memory.recall("xylograph quetzalwood")).hits[0].memory.id == id
        assert (await memory.erase([id])).scrubbed
        hits = (await memory.recall("xylograph quetzalwood vault", min_score=0)).hits
        assert [hit.memory.id for hit in hits] == [kept]
        assert (await memory.doctor()).healthy
        assert (await memory.recall(QUESTION)).hits[0].memory.id == kept
    for file in tmp_path.rglob("*"):
        if file.is_file():
            held = file.read_bytes().lower()
            assert b"quetzalwood" not in held and b"xylograph" not in held, file


async def test_import_cuts_what_export_did_not_carry(tmp_path: Path, memory: Memory) -> None:
    await memory.remember(document())
    lines = [line async for line in memory.export()]
    async with mnemic.open_memory(tmp_path / "other", chroma="off") as other:
        await other.import_(lines)
        (hit,) = (await other.recall(QUESTION)).hits
        assert hit.passage is not None and FACT in hit.passage.text
        assert [line async for line in other.export()] == lines
        assert (await other.doctor()).healthy


async def test_passages_without_vectors_are_found_by_words_and_embedded_later(tmp_path: Path) -> None:
    embedder = FailingEmbedder()
    async with mnemic.open_memory(tmp_path, embedder=embedder, chroma="off") as memory:
        id = (await memory.remember(document())).id
        (hit,) = (await memory.recall(QUESTION)).hits
        assert hit.passage is not None and FACT in hit.passage.text
        count, vectors = await memory.run(stored, id)
        assert count > 20 and vectors == 0
        embedder.failing = False
        assert not (await memory.doctor()).healthy
        assert (await memory.doctor(repair=True)).healthy
        assert await memory.run(stored, id) == (count, count)


async def test_another_embedder_embeds_the_passages_it_finds(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), chroma="off") as memory:
        id = (await memory.remember(document())).id
        count, vectors = await memory.run(stored, id)
        assert count == vectors
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(32, id="two"), chroma="off") as memory:
        await memory.reindex()
        assert await memory.run(stored, id) == (count, count)
    async with mnemic.open_memory(tmp_path, embedder=WordEmbedder(16, id="one"), chroma="off") as memory:
        assert await memory.run(stored, id) == (count, count)


async def test_a_process_sees_the_passages_of_another_at_its_next_call(tmp_path: Path) -> None:
    async with (
        mnemic.open_memory(tmp_path, chroma="off") as one,
        mnemic.open_memory(tmp_path, chroma="off") as other,
    ):
        await one.remember(document(of=1, fact="The ferry leaves at noon."))
        assert (await one.recall("When does the ferry leave?")).hits
        id = (await other.remember(document(of=2))).id
        assert (await one.recall(QUESTION)).hits[0].memory.id == id
        await other.erase([id])
        assert id not in {hit.memory.id for hit in (await one.recall(QUESTION, min_score=0)).hits}


async def test_passages_are_found_while_chroma_has_the_vectors_of_whole_texts(tmp_path: Path) -> None:
    async with mnemic.open_memory(tmp_path, chroma_from_memories=10) as memory:
        await remember_crowd(memory, 300)
        id = (await memory.remember(document())).id
        await memory.reindex()
        hit = (await memory.recall(QUESTION)).hits[0]
        assert "chroma" in (await memory.status()).index["served_by"]
        assert hit.memory.id == id
        assert hit.passage is not None and FACT in hit.passage.text
        assert (await memory.doctor()).healthy


def write_version_4(path: Path, texts: list[str]) -> None:
    """A ledger as the version before passages wrote it."""
    connection = sqlite3.connect(path)
    for script in MIGRATIONS[:4]:
        connection.executescript(script)
    connection.execute("PRAGMA user_version = 4")
    connection.execute("INSERT INTO namespaces VALUES (1, 'default')")
    moment = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    for at, text in enumerate(texts, 1):
        connection.execute(
            "INSERT INTO memories (seq, id, namespace, kind, text, sameness, dated, tags, evidence, channel, origin, "
            "valid_from, recorded_at, screened) VALUES (?, ?, 1, 'semantic', ?, ?, '', '[]', '[]', 'user', "
            '\'{"channel":"user"}\', ?, ?, 2)',
            (at, f"m{at:015}", text, at, moment, moment),
        )
    connection.execute("UPDATE ledger SET seq = ?, memories = ?", (len(texts), len(texts)))
    connection.commit()
    connection.close()


async def test_what_the_version_before_wrote_is_cut_by_the_housekeeper(tmp_path: Path) -> None:
    write_version_4(tmp_path / "ledger.sqlite3", [document(), "A short note.", "word " * 150])
    async with mnemic.open_memory(tmp_path, chroma="off") as memory:
        await memory.reindex()
        hit = (await memory.recall(QUESTION)).hits[0]
        assert hit.passage is not None and FACT in hit.passage.text
        assert (await memory.doctor()).healthy
        counts = [(await memory.run(stored, f"m{at:015}"))[0] for at in (1, 2, 3)]
        assert counts[0] > 20 and counts[1:] == [0, 0]


def _long_hit(text: str, place: tuple[int, int]) -> Hit:
    passage = Passage(*place, text[slice(*place)])
    return Hit(memory=make_record(text), score=0.5, lexical=0.5, similarity=0.5, passage=passage)


def test_a_budget_takes_the_passage_of_what_is_longer_than_its_share() -> None:
    counter = HeuristicTokenCounter()
    text = document()
    place = next(span for span in passages(text) if FACT in text[slice(*span)])
    hits = [_long_hit(text, place), Hit(memory=make_record("short"), score=0.4, lexical=0.5, similarity=0.5)]
    packed, tokens = pack(hits, 1_000, render_hit, counter)
    assert len(packed) == 2 and packed[0].shown_text == text[slice(*place)]
    assert tokens is not None and tokens < 500
    whole, _ = pack(hits, 20_000, render_hit, counter)
    assert whole[0].excerpt is None, "where there is room it comes whole"
    told = hit_text(packed[0])
    assert f"[characters {place[0]}-{place[1]} of {len(text)}; all of it is at memory://" in told
    assert hit_view(packed[0])["characters"] == f"{place[0]}-{place[1]} of {len(text)}"
    assert "characters" not in hit_view(packed[1]) and "characters" not in hit_view(whole[0])


def test_a_passage_that_is_too_long_for_the_budget_is_cut_at_its_end() -> None:
    text = document()
    (hit,), tokens = pack([_long_hit(text, (6_000, 6_600))], 60, lambda hit: hit.shown_text, HeuristicTokenCounter())
    assert hit.excerpt is not None and text[6_000:].startswith(hit.excerpt) and len(hit.excerpt) > 50
    assert tokens is not None and tokens <= 60
    assert hit_view(hit)["characters"].startswith(f"6000-{6_000 + len(hit.excerpt)} of")


async def test_many_long_memories_fit_one_answer_by_their_passages(memory: Memory) -> None:
    await memory.remember_many([NewMemory(text=document(of=at), tags=(f"t{at}",)) for at in range(6)])
    result = await memory.recall(QUESTION, budget_tokens=2_000)
    assert len(result.hits) == 6
    assert all(FACT in hit.shown_text for hit in result.hits)
