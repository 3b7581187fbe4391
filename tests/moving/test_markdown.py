"""Memories as Markdown go out and come in again; other Markdown and JSON lines come in by sections and lines."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import mnemic
from mnemic import NewMemory
from mnemic.domain.moving.plain import read_markdown
from mnemic.domain.moving.records import Damage, SourceRecord
from mnemic.domain.text import normalise
from mnemic.storage.foreign_files import read_folder
from mnemic_mcp.cli.app import app
from tests.moving.importing import take_in

runner = CliRunner()
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
PIECES = st.sampled_from(
    ["---", "\n", "\r", "\r\n", "\\---", "# x", "```", " ", "\u2028", "a", "id: 1", "☕", "\ufeff"]
)
TEXT = st.lists(st.one_of(PIECES, st.text(LETTERS, max_size=6)), min_size=1, max_size=12).map("".join).filter(normalise)
LABEL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: bool(normalise(text)) and normalise(text).isprintable()
)


async def _round_trip(entries: list[tuple[str, list[str]]], single: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with mnemic.open_memory(
            folder / "there", chroma="off", policy="audit-only", facts="off", durable=False
        ) as memory:
            await memory.remember_many(
                [
                    NewMemory(
                        text=text, tags=tags, occurred_at="2026-05-08T10:00:00+02:00", kind="semantic", session="s"
                    )
                    for text, tags in entries
                ]
            )
            there = await memory.records()
        target = folder / ("all.md" if single else "all")
        done = await asyncio.to_thread(
            runner.invoke, app, ["export", str(target), "--format", "markdown", "--home", str(folder / "there")]
        )
        assert done.exit_code == 0, done.stderr
        async with mnemic.open_memory(
            folder / "here", chroma="off", policy="audit-only", facts="off", durable=False
        ) as memory:
            plan = await memory.imports.plan(target, format="markdown")
            assert plan.damaged == ()
            await memory.imports.run(plan)
            here = await memory.records()
        told = [
            [(one.text, one.tags, one.occurred_at, one.valid_from, one.kind, one.session) for one in all]
            for all in (there, here)
        ]
        assert sorted(told[0], key=repr) == sorted(told[1], key=repr)
        assert len(here) == len(there) > 0


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(entries=st.lists(st.tuples(TEXT, st.lists(LABEL, max_size=2)), min_size=1, max_size=4), single=st.booleans())
def test_texts_tags_and_times_come_back_from_markdown_exactly(
    entries: list[tuple[str, list[str]]], single: bool
) -> None:
    asyncio.run(_round_trip(entries, single))


async def test_a_namespace_of_any_name_comes_back_from_a_folder(tmp_path: Path) -> None:
    """What begins with a dot is hidden, and Windows makes no folder that is called like a device."""
    spaces = (".hidden/a", "a/.b", "con/AUX.b", "a.b/..c", "com1.x", "a:b/*?", "plain")
    async with mnemic.open_memory(tmp_path / "there", chroma="off", durable=False) as memory:
        await memory.remember_many([NewMemory(text=f"It is in {one}.", namespace=one) for one in spaces])
    arguments = ["export", str(tmp_path / "out"), "--format", "markdown", "--home", str(tmp_path / "there")]
    assert (await asyncio.to_thread(runner.invoke, app, arguments)).exit_code == 0
    folders = {
        part for path in (tmp_path / "out").rglob("*.md") for part in path.relative_to(tmp_path / "out").parts[:-1]
    }
    assert {"%2Ehidden", "%63on", "%41UX.b", "plain"} <= folders
    assert not any(folder.startswith(".") or folder.endswith((" ", ".")) or ":" in folder for folder in folders)
    async with mnemic.open_memory(tmp_path / "here", chroma="off", durable=False) as memory:
        await memory.imports.run(await memory.imports.plan(tmp_path / "out", format="markdown"))
        assert len(await memory.records()) == len(spaces)


def test_the_export_is_readable_and_replaces_nothing(tmp_path: Path) -> None:
    home = ["--home", str(tmp_path / "home")]
    for text in ("Ana moved to Lisbon.", "A ruler:\n---\nand words."):
        assert runner.invoke(app, ["remember", text, "--tag", "people", "-n", "team/ana", *home]).exit_code == 0
    shown = runner.invoke(app, ["export", "-", "--format", "markdown", *home]).stdout
    assert 'namespace: "team/ana"' in shown and 'tags: ["people"]' in shown
    assert "\n\nAna moved to Lisbon.\n" in shown and "\n\\---\n" in shown
    folder = tmp_path / "notes"
    assert runner.invoke(app, ["export", str(folder), "--format", "markdown", *home]).exit_code == 0
    assert len(list((folder / "team" / "ana").glob("*.md"))) == 2
    again = runner.invoke(app, ["export", str(folder), "--format", "markdown", *home])
    assert again.exit_code == 1 and "no empty folder" in again.stderr


async def test_sections_come_in_with_the_headings_above_them(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "trip.md").write_text(
        "---\ntags: [travel, plans]\ndate: 2026-05-08\n---\nBefore all.\n\n# Lisbon\n\n## Hotel\nAt the river.\n\n"
        "```sh\n# no heading\n```\n\n## Food\n\n# Porto\nLater.\n"
    )
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(tmp_path / "notes", format="markdown")
        found = {one.record.text.split("\n")[0]: one.record for one in plan.records}
        assert found.keys() == {"Before all.", "Hotel", "Porto"}
        assert found["Hotel"].tags == ("travel", "plans", "Lisbon", "trip")
        assert plan.left_out == {"headings with nothing below them": 1}
        assert found["Hotel"].place == "trip.md, line 9"
        assert "# no heading" in found["Hotel"].text
        assert found["Porto"].occurred_at is not None and found["Porto"].occurred_at.year == 2026
        assert (await memory.imports.run(plan)).stored == 3


async def test_a_note_that_says_only_in_its_name_whom_it_is_about_is_found_by_it(tmp_path: Path) -> None:
    people = tmp_path / "vault" / "People"
    people.mkdir(parents=True)
    notes = {"Ben": "Likes green tea.", "Zoe": "Likes black coffee.", "Ida": "# Ida\n\nStarts at nine."}
    for name, words in notes.items():
        (people / f"{name}.md").write_text(f"{words}\n")
    (people / "4711.md").write_text("---\ntitle: Jonas\n---\nSwims on Mondays.\n")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        await take_in(memory, tmp_path / "vault", "markdown")
        assert (await memory.recall("What does Zoe like?")).hits[0].memory.text == "Likes black coffee."
        assert {one.tags for one in await memory.records()} == {("Ben",), ("Zoe",), ("Jonas",), ()}


async def test_a_date_as_anybody_writes_it_leaves_the_note_whole_and_without_one(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("---\ncreated: 12.03.2026\ntags: x\n---\nWords.\n")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(tmp_path / "notes", format="markdown")
        assert [(one.record.text, one.record.tags, one.record.occurred_at) for one in plan.records] == [
            ("Words.", ("x", "a"), None)
        ]  # fmt: skip
        assert plan.left_out == {"dates in front matter that are no moments": 1} and not plan.damaged
        plan = await memory.imports.plan(tmp_path / "notes", format="basic-memory")
        assert [(one.record.text, one.record.occurred_at) for one in plan.records] == [("a\nWords.", None)]
        assert plan.left_out == {"dates in front matter that are no moments": 1} and not plan.damaged


@pytest.mark.parametrize(
    "raw",
    [
        b"---\r\ntags: x\r\n---\r\n# Tea\r\n\r\nGreen.\r\n",
        b"---\rtags: x\r---\r# Tea\r\rGreen.\r",
        "---\ntags: x\n---\n# Tea\n\nGreen.\n".encode("utf-16"),
        "\ufeff---\r\ntags: x\r\n---\r\n# Tea\r\n\r\nGreen.\r\n".encode("utf-16-be"),
    ],
)
async def test_line_ends_and_marks_of_other_systems_are_read(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "Tea.md").write_bytes(raw)
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        plan = await memory.imports.plan(tmp_path / "Tea.md", format="markdown")
        ((record),) = (one.record for one in plan.records)
        assert (record.text, record.tags) == ("Tea\n\nGreen.", ("x",))


def test_text_that_breaks_off_in_utf_16_and_bytes_of_no_mark_are_damage(tmp_path: Path) -> None:
    for raw, told in (
        (b"\xff\xfeA\x00\x00\xd8", "no text in UTF-16: byte 4"),
        (b"Caf\xe9", "no text in UTF-8: line 1, byte 3"),
    ):
        (tmp_path / "a.md").write_bytes(raw)
        (damage,) = read_folder(tmp_path, (".md",))
        assert isinstance(damage, Damage) and told in damage.message


def test_a_heading_is_its_words_without_what_closes_it_however_many_blanks_are_in_it() -> None:
    blanks = " " * 100_000
    for written, words in {
        "# Lisbon ##  ": "Lisbon", "# C#": "C#", "## C# ##": "C#", f"# far{blanks}apart": f"far{blanks}apart",
        f"# Porto{blanks}#{blanks}": "Porto",
    }.items():  # fmt: skip
        (record,) = read_markdown(f"{written}\nWords.\n", "notes.md")
        assert isinstance(record, SourceRecord) and record.text == f"{words}\n\nWords."


async def test_json_lines_bring_all_that_they_say(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    line = {
        "id": 7, "text": "Restart the indexer first.", "kind": "procedural", "tags": ["ops"], "session": "monday",
        "author": "ana", "occurred_at": "2026-05-08T10:00:00+02:00", "source": "https://wiki.example/x",
        "when_to_use": "when search is stale",
    }  # fmt: skip
    path.write_text("\ufeff" + json.dumps(line) + "\n\n" + json.dumps("Only words.") + "\n", encoding="utf-8")
    async with mnemic.open_memory(tmp_path / "home", chroma="off") as memory:
        assert (await take_in(memory, path, "jsonl")).stored == 2
        first, second = await memory.records()
    assert (first.kind, first.tags, first.session, first.when_to_use) == (
        "procedural",
        ("ops",),
        "monday",
        line["when_to_use"],
    )
    assert first.occurred_at is not None and first.occurred_at.isoformat() == "2026-05-08T08:00:00+00:00"
    assert first.origin.actor == "ana" and first.origin.claimed
    assert first.source is not None and first.source.endswith(" https://wiki.example/x")
    assert second.text == "Only words."


def test_the_command_shows_its_plan_first_and_speaks_json(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"text": "Ana prefers tea."}\n{"word": "x"}\n')
    home = ["--home", str(tmp_path / "home")]
    command = ["import", str(path), "--from", "jsonl", *home]
    dry = runner.invoke(app, [*command, "--dry-run"])
    assert dry.exit_code == 0 and "1 new" in dry.stdout and "damaged: notes.jsonl, line 2" in dry.stdout
    stopped = runner.invoke(app, command)
    assert stopped.exit_code == 1 and "Nothing was imported" in stopped.stderr
    assert runner.invoke(app, ["list", *home]).stdout.strip() in ("", "No memories.")
    told = json.loads(runner.invoke(app, [*command, "--on-error", "skip", "--json"]).stdout)
    assert told["plan"]["damaged"] == 1 and told["outcome"]["stored"] == 1
    own = runner.invoke(app, ["import", str(path), "--dry-run", *home])
    assert own.exit_code == 1 and "--from" in own.stderr
