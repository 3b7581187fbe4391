"""What must be so of everything that reads a file, a form or a pipe: a typed error, in bounded time and memory."""

from __future__ import annotations

import contextlib
import re
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from mnemic.errors import MnemicError
from tests.fuzz.surface import Outcome

# Of processor time. What is sent has a few hundred KB at most, and is read in a hundredth of it.
MOST_SECONDS = 10.0
# Further resident memory at the worst moment of one case.
MOST_MB = 300.0
_ROOT = Path(__file__).parent.parent.parent
# What SQLite says of the caller's own file is told to them; what Python or our modules call things is not.
_INSIDE = re.compile(
    r"Traceback|File \"|site-packages|\bmnemic_mcp\b|mnemic\.(?:domain|services|storage|guard|retrieval)|NoneType|"
    r"object at 0x|<class|validation errors? for|(?:Key|Type|Attribute|Index|Value|Recursion|Unicode\w*|Overflow|Assertion|"
    r"Integrity|Operational|Database)Error|mnemic-import-|\.restoring-|"
    + "|".join(re.escape(f"{path}/") for path in (_ROOT, Path(sys.prefix)))
)  # fmt: skip


def inside_told(text: str) -> str | None:
    """A word in ``text`` that only somebody inside could have said."""
    found = _INSIDE.search(text)
    return None if found is None else found[0]


@contextlib.contextmanager
def bounded(outcome: Outcome, what: str) -> Iterator[None]:
    """One case: counted; a typed error is a refusal, anything else raised, too long or too large is a finding."""
    outcome.cases += 1
    before = _peak_mb(reset=True)
    began = time.process_time()
    try:
        yield
        outcome.answered += 1
    except MnemicError as error:
        outcome.answered += 1
        outcome.refused += 1
        told = f"{error.message} {error.hint}"
        if not error.message or not error.hint:
            outcome.findings.append(f"{what}: an error that does not say what to do: {error!r}")
        if (word := inside_told(told)) is not None:
            outcome.findings.append(f"{what}: inside told ({word}): {told[:400]}")
    except Exception as error:
        outcome.findings.append(f"{what}: {type(error).__name__} {traceback.format_exc(limit=-4)}")
    if time.process_time() - began > MOST_SECONDS:
        outcome.findings.append(f"{what}: took {time.process_time() - began:.0f} s")
    if _peak_mb() - before > MOST_MB:
        outcome.findings.append(f"{what}: took {_peak_mb() - before:.0f} MB more")


def _peak_mb(*, reset: bool = False) -> float:
    """The largest resident size since the last reset; 0 where the system does not say."""
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        return 0.0
    return 0.0 if found is None else int(found[1]) / 1024
