"""What a server does on Windows, asked from outside of it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest

from mnemic.errors import StoreUnavailable
from mnemic_mcp.hooks import main as hooks
from mnemic_mcp.listening import bound_socket
from mnemic_mcp.serving import end_without_parent


class Heard(socket.socket):
    """A socket that tells which options it was given."""

    options: list[tuple[int, ...]] = []  # noqa: RUF012

    def setsockopt(self, *option: Any) -> None:
        self.options.append(option)
        if option[1] != _EXCLUSIVE:
            super().setsockopt(*option)


_EXCLUSIVE = -5


@pytest.mark.parametrize(
    ("platform", "expected"), [("win32", _EXCLUSIVE), ("darwin", socket.SO_REUSEADDR), ("linux", socket.SO_REUSEADDR)]
)
def test_a_port_is_shared_with_no_other_program(monkeypatch: pytest.MonkeyPatch, platform: str, expected: int) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Heard, "options", [])
    monkeypatch.setattr("mnemic_mcp.listening.socket.socket", Heard)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", _EXCLUSIVE, raising=False)
    with contextlib.closing(bound_socket("127.0.0.1", 0)) as bound:
        assert Heard.options == [(socket.SOL_SOCKET, expected, 1)]
        bound.listen()
        with pytest.raises(StoreUnavailable, match="cannot be served on"):
            bound_socket("127.0.0.1", bound.getsockname()[1])


async def test_on_windows_nobody_asks_again_and_again_for_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "getppid", cast("Callable[[], int]", None))
    await end_without_parent(cast("Any", None))


def test_on_windows_a_hook_opens_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[dict[str, Any]] = []

    class Begun:
        stdin = None

        def __init__(self, command: list[str], **how: Any) -> None:
            begun.append(how)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "Popen", Begun)
    for name, value in (("CREATE_NO_WINDOW", 1), ("CREATE_NEW_PROCESS_GROUP", 2), ("DETACHED_PROCESS", 4)):
        monkeypatch.setattr(subprocess, name, value, raising=False)
    hooks._begin("{}")
    assert [how["creationflags"] for how in begun] == [1 | 2], (
        "a detached process has no console that its child could use"
    )
