"""Mutated inputs to one parser: by ourselves from a seed, or by libFuzzer, which follows the coverage (atheris)."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from tests.fuzz.parsers import PARSERS
from tests.fuzz.surface import Outcome
from tests.fuzz.values import damaged

# Seconds of processor time for at most 20,000 bytes; what is linear takes a hundredth of it.
MOST_SECONDS = 5.0
_DONE = re.compile(r"Done (\d+) (?:runs )?in|#(\d+)\s+DONE")
_MOST_BYTES = 8_192


def mutate(name: str, seed: int, count: int) -> Outcome:
    """``count`` damaged inputs; a tenth of them is damaged twice over."""
    r, outcome, parser = Random(seed), Outcome(), PARSERS[name]
    for _ in range(count):
        data = damaged(r, r.choice(parser.seeds))
        if r.random() < 0.1:
            data = damaged(r, data)
        outcome.cases += 1
        began = time.process_time()
        try:
            parser.run(data)
        except Exception:
            outcome.findings.append(f"seed {seed}: {data[:300]!r} {traceback.format_exc(limit=-3)}")
        if time.process_time() - began > MOST_SECONDS:
            outcome.findings.append(f"seed {seed}: took more than {MOST_SECONDS} s: {data[:300]!r}")
    return outcome


def mutate_with_coverage(name: str, seed: int, count: int) -> Outcome:
    """``count`` inputs in a process of its own, because libFuzzer ends the one that it runs in."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for at, data in enumerate(PARSERS[name].seeds):
            (corpus / str(at)).write_bytes(data[:_MOST_BYTES])
        ended = subprocess.run(
            [
                sys.executable, "-m", "tests.fuzz.with_atheris", name, f"-runs={count}", f"-seed={seed % 2**31 or 1}",
                f"-max_len={_MOST_BYTES}", "-timeout=60", "-rss_limit_mb=3000", f"-artifact_prefix={folder}/", str(corpus),
            ],
            stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )  # fmt: skip
        told = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        counts = [int(found[1] or found[2]) for found in _DONE.finditer(told)]
        outcome.cases = max(counts, default=0)
        if ended.returncode != 0 or not counts:
            kept = [path.read_bytes()[:600] for path in Path(folder).iterdir() if path.is_file()]
            outcome.findings.append(f"seed {seed}: {kept!r} {told[-2_500:]}")
    return outcome
