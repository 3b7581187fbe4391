"""What a host may tell a hook on stdin: whatever it is, the hook ends well, and what it keeps is whole."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from mnemic_mcp.hooks import main as hook
from tests.fuzz.bounds import bounded, inside_told
from tests.fuzz.parsers import _CLAUDE_CODE
from tests.fuzz.surface import Outcome
from tests.fuzz.values import HOSTILE, anything, as_json, damaged, nested, text
from tests.soak.tally import scratch

_EVENTS = ("SessionStart", "Stop", "PreCompact", "SessionEnd", "PostToolUse", "", None, 5, ["Stop"])
_LONG = _CLAUDE_CODE.replace(b'"hi"', b'"Our staging database is called heron."')


def fuzz_hooks(seed: int, count: int) -> Outcome:
    """``count`` messages to the hook in this process, a two-hundredth of them to a process of its own."""
    r, outcome = Random(seed), Outcome()
    with scratch() as base:
        home = base / "memory"
        with mock.patch.dict(os.environ, {"MNEMIC_HOME": str(home), "MNEMIC_CHROMA": "off", "MNEMIC_DURABLE": "false"}):
            for _ in range(count):
                given = _told(r, base)
                arguments = ["take-in"] if r.random() < 0.6 else []
                what = f"seed {seed}, case {outcome.cases}: {arguments} {given[:300]!r}"
                with bounded(outcome, what):
                    code, out, err = (_apart if r.random() < 0.005 else _within)(arguments, given)
                    _judge(outcome, what, code, out, err)
                for path in home.rglob("*.json"):
                    # Whatever came: what hooks hand on is whole.
                    json.loads(path.read_text(encoding="utf-8"))
    return outcome


def _judge(outcome: Outcome, what: str, code: int, out: str, err: str) -> None:
    outcome.refused += bool(err)
    if code != 0:
        outcome.findings.append(f"{what}: it ended with {code}: {err[-600:]}")
    if (word := inside_told(err)) is not None:
        outcome.findings.append(f"{what}: inside told ({word}): {err[-600:]}")
    if err and not err.startswith("mnemic-hook: "):
        outcome.findings.append(f"{what}: stderr says {err[-600:]}")
    if not (err + out).replace("\n", "").isprintable():
        outcome.findings.append(f"{what}: what it says moves the terminal: {err[-600:]!r}")
    if out:
        answer = json.loads(out)
        if set(answer) != {"hookSpecificOutput"}:
            outcome.findings.append(f"{what}: stdout says {out[:300]}")


def _within(arguments: list[str], given: bytes) -> tuple[int, str, str]:
    """The hook in this process. What it would hand on to a process of its own, it takes in itself."""
    out, err = io.StringIO(), io.StringIO()
    stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")

    def take_in(told: str) -> None:
        with _standing_in(io.TextIOWrapper(io.BytesIO(told.encode()), encoding="utf-8"), ["mnemic-hook", "take-in"]):
            hook.main()

    with (
        _standing_in(stdin, ["mnemic-hook", *arguments]), mock.patch.object(hook, "_begin", take_in),
        contextlib.redirect_stdout(out), contextlib.redirect_stderr(err),
    ):  # fmt: skip
        hook.main()
    return 0, out.getvalue(), err.getvalue()


@contextlib.contextmanager
def _standing_in(stdin: io.TextIOWrapper, arguments: list[str]) -> Iterator[None]:
    with mock.patch.object(sys, "stdin", stdin), mock.patch.object(sys, "argv", arguments):
        yield


def _apart(arguments: list[str], given: bytes) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "mnemic_mcp.hooks.main", *(arguments or ["take-in"])], input=given,
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


def _told(r: Random, base: Path) -> bytes:
    told: dict[str, Any] = {
        "hook_event_name": r.choice(_EVENTS[:4]) if r.random() < 0.85 else r.choice(_EVENTS),
        "session_id": r.choice(("s1", "s2", "s" * 300, *HOSTILE[:20])) if r.random() < 0.6 else "s1",
        "cwd": r.choice((str(base / "shop"), "/", "", "../..", *HOSTILE[:30])),
        "transcript_path": str(_transcript(r, base)),
    }
    roll = r.random()
    if roll < 0.15:
        told[r.choice(list(told))] = anything(r)
    elif roll < 0.22:
        del told[r.choice(list(told))]
    whole: Any = told
    if r.random() < 0.05:
        whole = r.choice((anything(r), nested(5_000) if r.random() < 0.2 else nested(300), [told], None, 5, "x"))
    raw = _json(whole, r)
    roll = r.random()
    if roll < 0.1:
        return damaged(r, raw)
    return r.choice((b"", b"{", b"\xff\xfe", b"[" * 100_000, b"\xef\xbb\xbf" + raw)) if roll < 0.14 else raw


def _json(value: Any, r: Random) -> bytes:
    try:
        return as_json(value, r).encode("utf-8", "replace")
    except RecursionError:
        return b"[" * 5_000


def _transcript(r: Random, base: Path) -> Path | str:
    roll = r.random()
    path = base / f"transcript-{r.randrange(3)}.jsonl"
    if roll < 0.08:
        return r.choice(
            (
                base,
                base / "nowhere",
                "/dev/zero",
                "/dev/stdin",
                "",
                "~nobody/x",
                "a\x00b",
                text(r)[:200],
                "/proc/self/mem",
            )
        )
    if roll < 0.1:
        pipe = base / "pipe"
        if not pipe.exists():
            os.mkfifo(pipe)
        return pipe
    content = r.choice((_LONG, _LONG + b"\n" + _CLAUDE_CODE))
    if roll < 0.5:
        content = damaged(r, content)
    elif roll < 0.55:
        content = r.choice((b"", b"\n\n", b"null", b"\xff", b"[" * 50_000, content * 60))
    path.write_bytes(content)
    return path
