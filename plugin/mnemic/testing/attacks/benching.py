"""Several policies in one run, with the baselines that they are compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnemic import __version__
from mnemic.guard.policy.loading import load_policy
from mnemic.testing.attacks.baselines import BASELINES, NO_GUARD, baseline_policies
from mnemic.testing.attacks.items import LabelledItem, benign_kind
from mnemic.testing.attacks.latency import measure_latency
from mnemic.testing.attacks.simulator import SimulationOptions, simulate

Progress = Callable[[str, int, int], None]


async def bench_policies(
    items: Sequence[LabelledItem], policies: Sequence[str] = ("default",), options: SimulationOptions | None = None, *,
    baselines: bool = True, latency_calls: int = 200, progress: Progress = lambda *_: None,
) -> dict[str, Any]:  # fmt: skip
    """`simulate` under each of ``policies`` (names or paths) and under the baselines, in plain JSON values.

    ``latency_calls``: so many records are stored and asked for with the policy and without, in turns; 0 for none.
    ``progress`` is told the policy, how many questions were asked, of how many. Raises `PolicyError`.
    """
    chosen = options or SimulationOptions()
    with tempfile.TemporaryDirectory(prefix="mnemic-bench-") as folder:
        known = baseline_policies(Path(folder))
        wanted = list(dict.fromkeys([*policies, *(BASELINES if baselines else ())]))
        sources = {name: _source(name, known) for name in wanted}
        loaded = {name: load_policy(source) for name, source in sources.items()}
        results: dict[str, Any] = {}
        for name, source in sources.items():

            def tell(done: int, total: int, name: str = name) -> None:
                progress(name, done, total)

            found = await simulate(items, source, chosen, progress=tell)
            found["policy"] = {"name": loaded[name].name, "digest": loaded[name].digest}
            if latency_calls and name not in BASELINES:
                found["latency"] = await measure_latency(
                    items, source, known[NO_GUARD], seed=chosen.seed, calls=latency_calls, k=chosen.k
                )
            results[name] = found
    return {
        "mnemic": __version__,
        "options": {**asdict(chosen), "channels_of_benign": "blind" if chosen.blind else "channel"},
        "records": _counted(items),
        "baselines": [name for name in BASELINES if name in results],
        "policies": results,
    }


def _source(name: str, known: dict[str, str]) -> str:
    """What opens a memory with the policy: a file that is named without a folder is one in this folder."""
    if name in known:
        return known[name]
    path = Path(name).expanduser()
    return str(path.resolve()) if path.is_file() else name


def _counted(items: Sequence[LabelledItem]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {"poison": {}, "benign": {}}
    for item in items:
        label, name = ("poison", item.attack) if item.poison else ("benign", benign_kind(item))
        counts[label][name] = counts[label].get(name, 0) + 1
    return counts
