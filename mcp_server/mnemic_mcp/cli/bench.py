"""Commands that measure: what the guard stops and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import anyio
import typer

from mnemic import MnemicError
from mnemic_mcp.cli.common import console, fail, print_table, progress_bar

app = typer.Typer(name="bench", help="Measure what the memory does with recorded data.", no_args_is_help=True)

Origins = Annotated[
    Literal["channel", "blind"],
    typer.Option(help="Benign records come through their own channels, or, blind, all from unknown sites."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="At most so many records, evenly from all kinds.")]
Seed = Annotated[int, typer.Option(help="Of channels, sources and what stands beside an attack.")]


@app.callback()
def _bench() -> None:
    """Keeps `guard` a command of its own while there is no other."""


@app.command()
def guard(
    path: Annotated[Path, typer.Argument(help="Labelled records, JSON Lines, gzipped or not.")],
    policy: Annotated[
        list[str] | None, typer.Option("--policy", "-p", metavar="NAME|FILE", help="Repeat it to compare.")
    ] = None,
    origins: Origins = "channel",
    attackers: Annotated[int, typer.Option(min=1, max=20, help="Distinct sources of each attack.")] = 1,
    limit: Limit = None,
    seed: Seed = 7,
    baselines: Annotated[
        bool, typer.Option(help="Run no guard, a phrase list and A-MemGuard as released, too.")
    ] = True,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write everything there.")] = None,
) -> None:
    """Stage recorded attacks, ask what their victims ask, and say what reached them. Success: delivered unlabelled."""
    from mnemic.testing.attacks import SimulationOptions, bench_policies, load_items, spread

    options = SimulationOptions(seed=seed, blind=origins == "blind", attackers=attackers)
    try:
        items = spread(load_items(path), limit, seed=seed)
        names = policy or ["default"]
        bar, advance = progress_bar("Staging attacks")
        run = 0
        running = ""

        def progress(name: str, done: int, total: int) -> None:
            nonlocal run, running
            run += name != running
            running = name
            advance((run - 1) * total + done)

        with bar:
            found = anyio.run(lambda: bench_policies(items, names, options, baselines=baselines, progress=progress))
    except MnemicError as error:
        fail(error)
    if json_path is not None:
        json_path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, result in found["policies"].items():
        _print_policy(name, result)


def _print_policy(name: str, result: dict[str, Any]) -> None:
    heading(f"{name} ({result['policy']['digest']}, {result['seconds']} s)")
    _table(
        ("attack", "n", "withheld %", "write", "recall", "labelled", "masked", "unlabelled", "success %", "contested",
         "not found", "order readable", "effects allowed", "citing all", "if gate ignored"),
        [
            (family, *_cells(row, "n", "withheld_percent", "withheld_at_write", "withheld_at_recall", "labelled", "masked",
             "unlabelled", "success_percent", "contested", "not_found"),
             f"{row['with_orders_readable']} of {row['with_orders']}",
             *_cells(row, "effects_authorised", "effects_authorised_citing_all", "effects_if_gate_ignored"))
            for family, row in result["families"].items()
        ],
    )  # fmt: skip
    if result["payloads_not_separable"]:
        typer.echo(f"{result['payloads_not_separable']} payloads are no line of their own and were not staged inlined.")
    if result["answers"]:
        heading("Wrong answers")
        columns = ("n", "value_answers", "unverified_percent", "confirmed_percent", "contested_percent",
                   "contested_values_percent", "withheld", "not_found")  # fmt: skip
        _table(
            ("setting", *(column.replace("_percent", " %").replace("_", " ") for column in columns)),
            [(setting, *_cells(row, *columns)) for setting, row in result["answers"].items()],
        )
    heading("Benign")
    _table(
        ("kind", "n", "withheld %", "at most %", "write", "recall", "labelled", "plain", "not found", "chars masked %"),
        [
            (kind, *_cells(row, "n", "withheld_percent", "withheld_upper_percent", "withheld_at_write", "withheld_at_recall",
             "labelled", "unlabelled", "not_found", "masked_chars_percent"))
            for kind, row in [*result["benign"].items(), ("beside attacks", result["bystanders"])]
        ],
    )  # fmt: skip
    if "latency" in result:
        heading("Milliseconds that the guard adds")
        _table(
            ("call", "p50 with", "p50 without", "p50 added", "p95 with", "p95 without", "p95 added"),
            [
                (call, *(f"{result['latency'][call][which][share]:.2f}" for share in ("p50", "p95")
                 for which in ("on_ms", "off_ms", "added_ms")))
                for call in ("remember", "recall")
            ],
        )  # fmt: skip


def heading(text: str) -> None:
    """A line above a table."""
    out = console()
    if out.is_terminal:
        out.print(f"\n{text}", style="bold", markup=False)
    else:
        typer.echo(f"\n{text}")


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """A table; when it is piped the names of the columns are its first line, as there are many."""
    if not console().is_terminal:
        typer.echo("\t".join(columns))
    print_table(columns, rows)


def _cells(row: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(f"{row[name]:g}" if isinstance(row[name], float) else str(row[name]) for name in names)
