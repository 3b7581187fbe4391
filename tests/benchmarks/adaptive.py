"""What an attacker who knows the rules achieves, by strength; and what honest memories it can take away.

    python -m tests.benchmarks.adaptive [--policy default]… [--seeds 3] [--json FILE]

trusted     delivered without a label, or as trusted, of all attacks
seen        the wanted words are readable in what was delivered
order       an obedient agent reads them as an order
effect      the guard gives leave for the wanted effect, on the word of what was planted (citing everything delivered)
withheld    something that was planted was kept back
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mnemic.testing.adaptive import STRATEGIES, attack_adaptively


def show(found: dict[str, Any]) -> None:
    attacks = Table(title=f"policy {found['policy']}: attacks")
    for heading in (
        "strategy",
        "strength",
        "trusted",
        "seen",
        "order",
        "effect",
        "citing all",
        "withheld",
        "of",
        "calls",
    ):
        attacks.add_column(heading)
    for row in found["attacks"]:
        attacks.add_row(
            row["strategy"], f"{row['strength']} {row['counts']}",
            *(str(row[name]) for name in ("trusted", "seen", "order", "authorised", "authorised_citing_all", "withheld",
              "attacks", "calls")),
        )  # fmt: skip
    denial = Table(title=f"policy {found['policy']}: honest memories lost")
    for heading in ("trick", "strength", "victim", "lost", "of", "how"):
        denial.add_column(heading)
    for row in found["denial"]:
        how = ", ".join(f"{fate} {count}" for fate, count in row["how"].items())
        denial.add_row(row["trick"], str(row["strength"]), row["victim"], str(row["lost"]), str(row["memories"]), how)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(attacks)
    console.print(denial)
    for line in where_it_fails(found):
        console.print(line, markup=False)


def where_it_fails(found: dict[str, Any]) -> list[str]:
    """The least strength of each strategy at which half of the attacks are trusted, or any effect is authorised."""
    lines = []
    for name in STRATEGIES:
        rows = [row for row in found["attacks"] if row["strategy"] == name]
        trusted = next((row for row in rows if 2 * row["trusted"] >= row["attacks"]), None)
        effect = next((row for row in rows if row["authorised"]), None)
        if trusted or effect:
            parts = [f"trusted from {trusted['strength']} {trusted['counts']}"] if trusted else []
            parts += [f"an effect authorised from {effect['strength']} {effect['counts']}"] if effect else []
            lines.append(f"fails: {name}: {', '.join(parts)}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--policy", action="append", help="a policy's name or file; may be repeated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = {}
    for policy in options.policy or ["default"]:
        results[policy] = asyncio.run(attack_adaptively(policy, seeds=range(1, options.seeds + 1)))
        show(results[policy])
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
