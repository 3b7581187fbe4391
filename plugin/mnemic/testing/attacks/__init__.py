"""The attack simulator: recorded attacks, staged as an attacker could, against a memory's public API.

`simulate` runs one policy; `bench_policies` runs several, baselines among them, with the latency that each adds; `replay`
screens and judges the records without a store. ``mnemic bench guard`` and ``mnemic policy test`` show what they give.
"""

from mnemic.testing.attacks.baselines import BASELINES, PHRASES, baseline_policies
from mnemic.testing.attacks.benching import bench_policies
from mnemic.testing.attacks.items import LabelledItem, benign_kind, item_of, load_items, spread
from mnemic.testing.attacks.latency import measure_latency
from mnemic.testing.attacks.replay import replay
from mnemic.testing.attacks.simulator import SimulationOptions, simulate
from mnemic.testing.attacks.tally import Fate, upper_bound

__all__ = [
    "BASELINES",
    "PHRASES",
    "Fate",
    "LabelledItem",
    "SimulationOptions",
    "baseline_policies",
    "bench_policies",
    "benign_kind",
    "item_of",
    "load_items",
    "measure_latency",
    "replay",
    "simulate",
    "spread",
    "upper_bound",
]
