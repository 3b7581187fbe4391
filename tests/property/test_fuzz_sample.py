"""A small part of the fuzzing, with a fixed seed; all of it is `make fuzz`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from mnemic import load_settings
from mnemic.errors import InvalidInput
from mnemic_mcp.holder import MemoryHolder
from mnemic_mcp.hosts import jsonc
from mnemic_mcp.server import PROMPTS, create_server
from mnemic_mcp.stdio import complaint_about
from tests.fuzz.hooks import fuzz_hooks
from tests.fuzz.importing import fuzz_archives, fuzz_databases
from tests.fuzz.messages import Message
from tests.fuzz.mutating import mutate
from tests.fuzz.pages import fuzz_pages
from tests.fuzz.parsers import PARSERS
from tests.fuzz.restoring import fuzz_backups
from tests.fuzz.surface import connected, fuzz_http, fuzz_stdio


def test_the_server_answers_whatever_comes_on_stdio() -> None:
    outcome = anyio.run(fuzz_stdio, 7, 400)
    assert outcome.findings == []
    assert outcome.cases == 400
    assert outcome.answered > outcome.refused > 50


def test_the_server_answers_whatever_comes_over_http() -> None:
    outcome = anyio.run(fuzz_http, 7, 200)
    assert outcome.findings == []
    assert outcome.cases == 200


def test_a_database_of_another_memory_comes_in_or_is_refused_whatever_is_in_it() -> None:
    outcome = fuzz_databases(7, 120)
    assert outcome.findings == []
    assert outcome.answered == outcome.cases == 120 and 20 < outcome.refused < 110


def test_an_archive_or_a_folder_comes_in_or_is_refused_whatever_is_in_it() -> None:
    outcome = fuzz_archives(7, 150)
    assert outcome.findings == []
    assert outcome.answered == outcome.cases == 150 and 20 < outcome.refused < 140


def test_the_pages_answer_whatever_they_are_asked_and_sent() -> None:
    outcome = fuzz_pages(7, 150)
    assert outcome.findings == []
    assert outcome.answered == outcome.cases == 150 and 20 < outcome.refused < 130


def test_a_hook_ends_well_whatever_it_is_told() -> None:
    outcome = fuzz_hooks(7, 60)
    assert outcome.findings == []
    assert outcome.answered == outcome.cases == 60 and 5 < outcome.refused < 58


def test_a_backup_is_restored_and_works_or_is_refused_whatever_was_done_to_it() -> None:
    outcome = fuzz_backups(7, 50)
    assert outcome.findings == []
    assert outcome.answered == outcome.cases == 50 and 5 < outcome.refused < 48


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_takes_anything(name: str) -> None:
    assert mutate(name, 7, 40).findings == []


@pytest.mark.parametrize("name", [name for name, parser in PARSERS.items() if parser.grows is not None])
def test_what_grows_is_read_or_refused(name: str) -> None:
    parser = PARSERS[name]
    assert parser.grows is not None
    parser.run(parser.grows(30_000))


async def _told(arguments: dict[str, Any], home: Path, tool: str = "recall") -> str:
    holder = MemoryHolder(load_settings(home=home, chroma="off"), transport="stdio")
    async with Client(create_server(holder)) as client:
        result = await client.call_tool(tool, arguments)
    holder.close_now()
    assert result.is_error
    (part,) = result.content
    assert part.type == "text"
    return part.text


async def test_wrong_arguments_are_named_in_plain_words(tmp_path: Path) -> None:
    told = await _told({"query": 5, "kinds": ["odd"], "k": "many"}, tmp_path)
    assert "query: Input should be a valid string. It is 5." in told
    assert "kinds.0: " in told and 'It is "odd".' in told
    for inside in ("pydantic", "recallArguments", "input_value", "validation error"):
        assert inside not in told
    assert "There are" in await _told({"channels": ["x"] * 1 + ["y", "z", "v", "w", "u", "t"]}, tmp_path)
    assert "text: Field required." in await _told({}, tmp_path, "remember")


@pytest.mark.parametrize(
    ("line", "id"),
    [
        (
            '{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"recall","arguments":{"query":"\\ud800"}}}',
            4,
        ),
        ('{"jsonrpc":"2.0","id":"a","method":"ping","params":' + "[" * 400 + "]" * 400 + "}", "a"),
        ('{"jsonrpc":"2.0","id":5,"method":"tools/call","params":[]}', 5),
        ('{"jsonrpc":"2.0","id":true,"method":"ping","params":[]}', None),
        ('{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}', None),
        ('{"jsonrpc":"2.0","method":"ping","params":[]}', None),
        ("{", None),
        ("[" * 100_000, None),
    ],
)
def test_a_request_that_cannot_be_read_is_answered_when_it_names_itself(line: str, id: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        jsonrpc_message_adapter.validate_json(line, by_name=False)
    answer = complaint_about(caught.value)
    assert (None if answer is None else answer.id) == id
    assert answer is None or ("Send" in answer.error.message and answer.model_dump_json())


async def test_such_an_answer_comes_over_the_wire_and_the_next_request_is_served(tmp_path: Path) -> None:
    holder = MemoryHolder(load_settings(home=tmp_path, chroma="off"), transport="stdio")
    async with connected(holder) as connection:
        lines, came = await connection.ask(
            Message(b'{"jsonrpc":"2.0","id":9,"method":"ping","params":{"a":"\\ud800"}}', 9), 1
        )
        assert came
        assert json.loads(lines[-1])["error"]["code"] == -32700
        lines, came = await connection.ask(Message(b'{"jsonrpc":"2.0","id":10,"method":"ping"}', 10), 2)
        assert came and "result" in json.loads(lines[-1])
    holder.close_now()


async def test_a_prompt_that_is_asked_for_wrongly_is_no_failure_of_the_server(tmp_path: Path) -> None:
    holder = MemoryHolder(load_settings(home=tmp_path, chroma="off"), transport="stdio")
    async with Client(create_server(holder)) as client:
        assert {prompt.name for prompt in (await client.list_prompts()).prompts} == set(PROMPTS)
        for name, arguments in (("odd", {}), ("save_conversation", {"topic": "tea"})):
            with pytest.raises(Exception, match="Prompts: what_do_you_know"):
                await client.get_prompt(name, arguments)


def test_a_key_that_is_no_json_text_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidInput, match="Line 1, column 2: a key is no text"):
        jsonc.read('{"a\\q": 1}')
