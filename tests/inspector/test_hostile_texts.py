"""Whatever a memory says, a page shows it as text."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from mnemic import Memory, NewMemory, Origin
from mnemic.domain.memory import Role
from mnemic.domain.quoting import visible
from mnemic.domain.working_memory.messages import Message, MessageId, ToolCall
from mnemic_mcp import inspector
from mnemic_mcp.inspector.showing import PART_CHARS, as_data, plain_short
from tests.inspector.looking import Looker
from tests.inspector.worlds import HOSTILE

ALLOWED = set(
    "a article body b bdi button circle code dd details defs div dl dt figcaption figure footer form g h1 h2 h3 head header "
    "html i input kbd label li link main mark marker meta meter nav ol option p path rect script section select span "
    "summary svg table tbody td text th thead time title tr ul use".split()
)
FORBIDDEN = {"onclick", "onerror", "onload", "style", "srcdoc", "formaction"}


class Page(HTMLParser):
    """What a browser would see: tags, attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def check(page: str) -> Page:
    """A page with no tag, handler or address that is not ours."""
    found = Page(page)
    assert set(found.tags) <= ALLOWED
    assert found.tags.count("script") == 1
    for name, value in found.attributes:
        assert not name.startswith("on") and name not in FORBIDDEN
        if name in ("href", "src", "action"):
            assert value.startswith(("/", "#")) and not value.startswith("//")
    # Nothing of what hides or reorders is left but in the fields, which hold what the person typed; nothing ends it early.
    outside = re.sub(r'value="[^"]*"', "", page)
    assert visible(outside) == outside
    assert page.rstrip().endswith("</html>")
    return found


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_memory_shows_in_every_view_as_text(looker: Looker, memory: Memory, name: str) -> None:
    text = HOSTILE[name]
    label = visible(text)[:60]
    origin = Origin(actor=label, task=label)
    source = await memory.remember(text, tags=[label], session=label, speaker=label, source=label, origin=origin)
    await memory.remember(f"Drawn from it: {text}", evidence=[source.id], kind="procedural", when_to_use=text)
    await memory.guard.reject([source.id], reason=label)
    seen = ""
    for path, fields in (
        ("/", {}), ("/", {"q": text[:200], "tag": label}), ("/memory", {"id": source.id}), ("/why", {"q": text[:200]}),
        ("/review", {}), ("/learning", {}), ("/", {"ns": label.replace("/", "-")}),
    ):  # fmt: skip
        answer = await looker.client.get(path, params=fields)
        assert answer.status_code in (200, 400)
        seen += check(answer.text).text
    assert visible(text) in seen


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_session_shows_what_was_said_in_it_as_text(looker: Looker, memory: Memory, name: str) -> None:
    text, session = HOSTILE[name], memory.session(visible(HOSTILE[name])[:60])
    call = ToolCall(id="c1", name=visible(text)[:60], arguments=text)
    await session.append(Message(id=MessageId("a1"), role=Role.ASSISTANT, text=text, calls=(call,)))
    await session.append(Message(id=MessageId("t1"), role=Role.TOOL, text=text, answers="c1"))
    for path in ("/sessions", "/session", "/message"):
        found = check(await looker.page(path, name=session.name, number="2"))
        assert path == "/sessions" or visible(text) in found.text


async def test_a_line_of_a_megabyte_is_folded_and_paged(looker: Looker, memory: Memory) -> None:
    line = "<b>" + "x" * 1_048_576 + "\u202eend"
    await memory.session("log").append(line)
    page = await looker.page("/session", name="log")
    assert len(page) < 60_000 and "All 1,048,583 characters" in page
    last = await looker.page("/message", name="log", number="1", part="999")
    assert "part 53 of 53" in last and "\\u202e" in last and len(last) < 60_000


async def test_a_long_memory_is_folded_and_read_in_parts(looker: Looker, memory: Memory) -> None:
    text = "".join(f"[{at:05}]" for at in range(14_000))
    id = (await memory.remember(text)).id
    read = ""
    for part in range(5):
        found = Page(await looker.page("/memory", id=id, part=str(part)))
        assert "part" in found.text and found.tags.count("details") == 1
        read += text[part * PART_CHARS : (part + 1) * PART_CHARS]
        assert text[part * PART_CHARS : (part + 1) * PART_CHARS] in found.text
    assert read == text
    assert len(await looker.page("/")) < 20_000


async def test_five_hundred_namespaces_do_not_swell_the_pages(looker: Looker, memory: Memory) -> None:
    await memory.remember_many([NewMemory(text="Here.", namespace=f"team/{at}") for at in range(500)])
    page = await looker.page("/", ns="team/499")
    assert page.count("<option") < 230 and 'value="team/499" selected' in page


@given(st.text(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=4))
def test_any_text_marked_anywhere_is_its_visible_form_and_nothing_else(text: str, spans: list[tuple[int, int]]) -> None:
    shown = as_data(text, [(start, end, text[:10]) for start, end in spans])
    assert isinstance(shown, Markup)
    found = Page(f"<p>{shown}</p>")
    assert found.text == visible(text)
    assert set(found.tags) <= {"p", "span", "mark"}
    assert visible(plain_short(text)) == plain_short(text)


def test_only_one_module_makes_markup_and_no_template_trusts_a_value() -> None:
    folder = Path(inspector.__file__).parent
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".html"):
            text = path.read_text(encoding="utf-8")
            assert "|safe" not in text.replace(" ", "") and "autoescape false" not in text
            assert path.name == "showing.py" or "Markup" not in text
    assert escape("<") == "&lt;"
