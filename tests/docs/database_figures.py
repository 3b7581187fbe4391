"""The README's figures of ledgers in a database."""

from __future__ import annotations

from typing import Any


def database_figures(
    many: dict[str, Any], replicas: dict[str, Any], moved: dict[str, Any], bulk: dict[str, Any], cold: dict[str, Any]
) -> str:
    """What `make bench-namespaces`, `make replicas`, `make bench-migrate` and `make bench-cold` have measured."""
    chaos, load = replicas["chaos"], replicas["throughput"]
    first, again = many["first_in_a_namespace"], many["recall"]
    rows = [
        "| replicas | recalls a second | p50 / p95 | durable remembers a second | p50 / p95 |",
        "|---|---|---|---|---|",
        *(
            f"| {count} | {_rate(load[count]['recall'])} | {_rate(load[count]['remember'])} |"
            for count in ("1", "2", "4")
        ),
    ]
    scaled = replicas["scaled_down"]
    shares = scaled["shares"]
    counts = [key for key in scaled if key.isdigit()]
    less = [
        f"Scaled down until the database is the limit: each replica held to {shares['replica']:.0%} of a processor, the "
        f"database to {shares['postgres']:.0%} (the same command):",
        "",
        "| replicas | calls a second | of its share the database uses |",
        "|---|---|---|",
        *(
            f"| {key} | {sum(scaled[key][kind]['per_second'] for kind in ('recall', 'remember')):.0f} | "
            f"{scaled[key]['processors_used']['postgres'] / shares['postgres']:.0%} |"
            for key in counts
        ),
    ]
    batches = ", ".join(
        f"{name} {found['batch_times_faster']} times in a batch and {found['import_times_faster']} imported"
        for name, found in (("PostgreSQL", bulk["postgres"]), ("SQLite", bulk["sqlite"]))
    )
    return (
        f"In PostgreSQL, {many['memories']:,} memories in {many['namespaces']:,} namespaces, "
        f"{many['database_mb'] / 1e3:.1f} GB (`make bench-namespaces`): recall p50 {again['p50_ms']:.1f} ms (p95 "
        f"{again['p95_ms']:.0f}), the first in a namespace {first['p50_ms']:.0f} ({first['p95_ms']:.0f}); floor "
        f"{many['floor']['p50_ms']:.1f}.\n\n"
        f"{chaos['replicas']} replicas, one PostgreSQL and one Chroma, killed at random {chaos['kills']} times under load "
        f"(`make replicas`): {chaos['acknowledged']} memories acknowledged, {chaos['lost']} lost, {chaos['ghosts']} ghosts; "
        f"{chaos['looks']:,} looks, {chaos['wrong']} wrong. On the same two cores as database and clients, "
        f"{load['clients']} of them:\n\n" + "\n".join(rows) + "\n\n" + "\n".join(less) + "\n\n"
        f"A folder of {moved['memories']:,} memories moved to PostgreSQL while it was written (`make bench-migrate`): "
        f"{moved['seconds']:.0f} s, closed for {moved['closed_seconds']:.2f} s, exports "
        f"{'equal' if moved['exports_equal'] else 'NOT equal'}, {moved['lost']} of {moved['written_by_the_other_process']} "
        f"memories written meanwhile lost. Than one by one, memories are stored faster: {batches}.\n\n"
        f"Of {cold['memories']:,} archived memories, one that has become cold takes (`make bench-cold`) "
        + " and ".join(
            f"{found['bytes_a_memory']['after_packed']:,} bytes in {name} instead of "
            f"{found['bytes_a_memory']['before_packed']:,}"
            for name, found in (("SQLite", cold["sqlite"]), ("PostgreSQL", cold["postgres"]))
        )
        + "."
    )


def _rate(row: dict[str, Any]) -> str:
    return f"{row['per_second']:.0f} | {row['p50_ms']:.0f} / {row['p95_ms']:.0f} ms"
