"""Which origins are one witness and which are two."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from mnemic import Origin
from mnemic.domain.provenance import Channel
from mnemic.guard.policy import load_policy, origin_key_of, preset_names, source_key

DEFAULT = load_policy("default")


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        (Channel.WEB, "https://example.com/a", "http://www.Example.com:8080/b?c"),
        (Channel.WEB, "https://a.evil.example.org/x", "https://b.evil.example.org/y"),
        (Channel.WEB, "https://good.com@evil.net/", "https://evil.net"),
        (Channel.WEB, "https://a.shop.co.uk", "https://b.shop.co.uk"),
        (Channel.MAIL, "Eve <eve@evil.net>", "EVE@evil.net"),
        (Channel.MAIL, "eve+1@evil.net", "eve+2@evil.net"),
        (Channel.FILE, "notes/./a.md", "notes\\a.md"),
        (Channel.FILE, "file:///home/x/a.md", "/home/x/b/../a.md"),
        (Channel.TOOL, "Search", " search "),
    ],
)
def test_one_source_written_in_two_ways_is_one_origin(channel: Channel, one: str, other: str) -> None:
    assert source_key(channel, one) == source_key(channel, other)


@pytest.mark.parametrize(
    ("channel", "one", "other"),
    [
        (Channel.WEB, "https://example.com/a", "https://example.net/a"),
        (Channel.WEB, "https://one.co.uk", "https://two.co.uk"),
        (Channel.WEB, "http://10.0.0.1/a", "http://10.0.0.2/a"),
        (Channel.MAIL, "ana@example.com", "bob@example.com"),
        (Channel.FILE, "a.md", "b.md"),
    ],
)
def test_different_sources_are_different_origins(channel: Channel, one: str, other: str) -> None:
    assert source_key(channel, one) != source_key(channel, other)


def test_a_stranger_does_not_become_two_by_waiting_or_by_another_name() -> None:
    keys = {
        origin_key_of(
            DEFAULT, Origin(channel=Channel.WEB, actor=name, task=name), source="https://evil.net", session=name
        )
        for name in ("one", "two", "three")
    }
    assert len(keys) == 1


def test_names_that_are_only_claimed_do_not_make_witnesses() -> None:
    keys = {origin_key_of(DEFAULT, Origin(actor=name, task=name, claimed=True)) for name in ("one", "two", "three")}
    assert len(keys) == 1
    assert len({origin_key_of(DEFAULT, Origin(actor=name)) for name in ("one", "two", "three")}) == 3


def test_values_cannot_be_written_so_that_they_look_like_another_origin() -> None:
    crossed = origin_key_of(DEFAULT, Origin(actor='ana", "task": "x'))
    assert crossed != origin_key_of(DEFAULT, Origin(actor="ana", task="x"))


@pytest.mark.parametrize(
    "source", ["", "http://[", "//", "http:///x", "\ud800", "@", "a" * 2000, "http://ⅷ.com", "\x00"]
)
@pytest.mark.parametrize("channel", list(Channel))
def test_no_source_is_too_strange_for_a_key(channel: Channel, source: str) -> None:
    assert origin_key_of(DEFAULT, Origin(channel=channel), source=source)


def test_keys_and_digests_are_the_same_in_every_process() -> None:
    code = (
        "from mnemic import Origin\nfrom mnemic.guard.policy import load_policy, origin_key_of\n"
        "p = load_policy('team')\nprint(p.digest, origin_key_of(p, Origin(actor='ana', task='t'), source='s', session='x'))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_the_digest_is_twelve_digits_that_change_with_the_policy() -> None:
    assert len(DEFAULT.digest) == 12
    assert DEFAULT.digest == load_policy("default").digest
    assert len({load_policy(name).digest for name in preset_names()}) == len(preset_names())
