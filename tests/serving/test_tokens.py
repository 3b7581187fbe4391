"""The file of tokens: what is in it, who reads it, and what happens to it."""

from __future__ import annotations

import json
import os
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mnemic.domain.quoting import visible
from mnemic.errors import InvalidInput, StoreUnavailable
from mnemic_mcp.cli.app import app
from mnemic_mcp.http.tokens import TokenFile

GRANT: dict[str, Any] = {"namespaces": ["team/ana"], "rights": ["read", "write"]}


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


async def test_a_token_opens_what_it_was_made_for(file: TokenFile) -> None:
    _, text = file.create("ana", **GRANT)
    caller = await file.caller(text)
    assert caller is not None
    assert caller.access is not None
    assert caller.access.namespaces == (("team", "ana"),)
    assert sorted(caller.access.rights) == ["read", "write"]


async def test_the_file_holds_no_token_and_is_for_its_owner_alone(file: TokenFile) -> None:
    _, text = file.create("ana", **GRANT)
    assert text.split("_", 2)[2] not in file.path.read_text()
    if os.name == "posix":
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert {path.name for path in file.path.parent.iterdir()} <= {"tokens.json", "tokens.json.lock"}


def test_whoever_cannot_have_the_turn_is_told_so_and_a_file_that_is_damaged_holds_up_nobody(
    file: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnemic_mcp.http.tokens._LOCK_SECONDS", 0.0)
    file.path.write_text("{")
    with pytest.raises(InvalidInput) as damaged:
        file.create("ana", **GRANT)
    # The error is held, and with it whatever it came out of.
    assert damaged.value
    file.path.unlink()
    file.create("ana", **GRANT)
    with FileLock(file.path.with_name("tokens.json.lock")), pytest.raises(StoreUnavailable, match="Another process"):
        file.revoke("ana")


async def test_nothing_but_the_whole_token_opens_anything(file: TokenFile) -> None:
    _, text = file.create("ana", **GRANT)
    other, _ = file.create("bob", **GRANT)
    prefix, id, secret = text.split("_", 2)
    wrong = [
        "", "_", "__", prefix, f"{prefix}_{id}", f"{prefix}_{id}_", f"{prefix}_{other.id}_{secret}", text[:-1], text + "x",
        text.upper(), f"other_{id}_{secret}", f"{prefix}__{secret}", "\udcff", "mnemic_\x00_\x00", text.replace("_", "-"),
    ]  # fmt: skip
    for token in wrong:
        assert await file.caller(token) is None


@given(token=st.text(max_size=200))
async def test_no_text_at_all_is_let_in_or_breaks_the_door(token: str) -> None:
    assert await TokenFile(Path("nowhere") / "tokens.json").caller(token) is None


async def test_a_revoked_token_opens_nothing_from_then_on_in_other_processes_too(file: TokenFile) -> None:
    _, text = file.create("ana", **GRANT)
    elsewhere = TokenFile(file.path)
    assert await elsewhere.caller(text) is not None
    file.revoke("ana")
    assert await elsewhere.caller(text) is None
    assert file.exists(), "an empty file keeps the server closed"


async def test_a_token_ends_when_it_was_said_to(file: TokenFile) -> None:
    _, text = file.create("ana", expires_at=datetime.now(UTC) + timedelta(hours=1), **GRANT)
    assert await file.caller(text) is not None
    held = json.loads(file.path.read_text())
    held["tokens"][0]["expires_at"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    file.path.write_text(json.dumps(held))
    assert await file.caller(text) is None
    with pytest.raises(InvalidInput, match="to come"):
        file.create("late", expires_at="2020-01-01", **GRANT)


def test_a_name_has_one_token(file: TokenFile) -> None:
    file.create("ana", **GRANT)
    with pytest.raises(InvalidInput, match="already"):
        file.create("ana", **GRANT)
    with pytest.raises(InvalidInput, match="no token 'bob'"):
        file.revoke("bob")


def test_many_writers_lose_no_token(file: TokenFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mnemic_mcp.http.tokens._LOCK_SECONDS", 60.0)
    threads = [threading.Thread(target=TokenFile(file.path).create, args=(f"n{n}",), kwargs=GRANT) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(token.access.name for token in file.tokens()) == [f"n{n}" for n in range(8)]


async def test_a_namespace_or_a_right_that_is_written_as_a_text_is_not_read_letter_by_letter(file: TokenFile) -> None:
    _, text = file.create("ana", namespaces=["team"], rights=["read"])
    held = json.loads(file.path.read_text())
    for field, value in (("namespaces", "team"), ("rights", "read")):
        file.path.write_text(json.dumps({"tokens": [{**held["tokens"][0], field: value}]}))
        with pytest.raises(InvalidInput, match=f"The {field} are the text '{value}'"):
            await TokenFile(file.path).caller(text)


async def test_a_file_in_which_two_tokens_share_a_name_or_an_id_is_refused(file: TokenFile) -> None:
    _, text = file.create("ana", **GRANT)
    held = json.loads(file.path.read_text())["tokens"][0]
    for field, what in (("id", "name"), ("name", "id")):
        file.path.write_text(json.dumps({"tokens": [held, {**held, field: "other"}]}))
        with pytest.raises(InvalidInput, match=f"2 tokens have the {what}"):
            await TokenFile(file.path).caller(text)


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "[]",
        "{",
        '{"tokens": [{}]}',
        '{"tokens": [{"id": "a", "sha256": "b", "name": "c", "namespaces": [], "rights": []}]}',
    ],
)
async def test_a_damaged_file_lets_nobody_in_and_says_so(file: TokenFile, damaged: str) -> None:
    _, text = file.create("ana", **GRANT)
    file.path.write_text(damaged)
    with pytest.raises(InvalidInput, match="no tokens that can be read"):
        await file.caller(text)


async def test_a_file_that_cannot_even_be_looked_at_for_a_moment_lets_nobody_in_and_says_so(
    file: TokenFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, text = file.create("ana", **GRANT)

    def refused(self: Path, **_: object) -> os.stat_result:
        raise PermissionError("another file takes its place")  # as Windows says then

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Path, "stat", refused)
        with pytest.raises(InvalidInput, match="takes its place"):
            await file.caller(text)
    assert await file.caller(text) is not None


@pytest.mark.parametrize("name", ["ana", "team [/b] [red]two", "right\u202eleft"])
def test_the_command_makes_lists_and_revokes_a_token_whatever_its_name_looks_like(tmp_path: Path, name: str) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["token", *arguments, "--home", str(tmp_path)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("list") == "No tokens.\n"
    run("create", name, "-n", "team/ana", "--expires", "2100-01-01")
    head, row = run("list").splitlines()
    assert head.split("\t") == ["name", "namespaces", "rights", "made", "until"]
    shown = row.split("\t")
    assert shown[:3] == [visible(name), "team/ana", "read, write"] and shown[4] == "2100-01-01 00:00"
    (told,) = json.loads(run("list", "--json"))
    assert told["name"] == name and told["namespaces"] == ["team/ana"]
    run("revoke", name)
    assert run("list") == "No tokens.\n"
