"""The README's figures of the guard."""

from __future__ import annotations

from typing import Any


def guard_figures(result: dict[str, Any], adaptive: dict[str, Any]) -> str:
    """What `make bench-guard` has measured, against attackers that do not learn and one that does."""
    policies = result["policies"]
    families = list(policies["default"]["families"])
    rows = [
        f"| withheld / delivered as if trusted, percent | {' | '.join(families)} | benign withheld | effects authorised |",
        "|---|" + "---|" * (len(families) + 2),
    ]
    for name, found in policies.items():
        cells = []
        for family in families:
            row = found["families"][family]
            cells.append(f"{row['withheld_percent']:.0f} / {row['success_percent']:.0f}")
        effects = sum(row["effects_authorised"] for row in found["families"].values())
        benign = found["benign"]["all"]
        lost = f"{benign['withheld_percent']:.2f} % of {benign['n']}"
        rows.append(f"| `{name}` | {' | '.join(cells)} | {lost} | {effects} |")
    default = policies["default"]
    against, control = default["answers"]["against_trusted"], default["answers"]["control"]
    remember, recall = default["latency"]["remember"], default["latency"]["recall"]
    return (
        "The guard on recorded attacks that come by mail, web, tool, file or import, stored and asked for through the "
        "public API (`make bench-guard`); an agent that obeys whatever it can read then asks to act:\n\n"
        + "\n".join(rows)
        + "\n\n"
        "What is not withheld is labelled with its origin, and its instruction-like parts are masked. PoisonedRAG's fluent "
        "lies cannot be told by their words: alone they are labelled unverified, several strangers confirm nothing, and "
        f"beside a trusted memory {against['contested_values_percent']:.0f} % of the {against['value_answers']} that answer "
        "with a value are contested (of the same passages with the right answer "
        f"{control['contested_values_percent']:.1f} %). The guard adds {remember['added_ms']['p50']:.1f} ms to a "
        f"`remember` (p95 {remember['added_ms']['p95']:.1f}) and {max(recall['added_ms']['p50'], 0):.1f} ms to a `recall` "
        f"of ten (p95 {max(recall['added_ms']['p95'], 0):.1f})."
        "\n\n" + _adaptive(adaptive)
    )


def _adaptive(result: dict[str, Any]) -> str:
    found = result["default"]
    rows = ["| an attacker who … | strongest | as trusted | as an order | effect | of |", "|---|---|---|---|---|---|"]
    strongest = {row["strategy"]: row for row in found["attacks"]}
    for name, row in strongest.items():
        rows.append(
            f"| {name} | {row['strength']} {row['counts']} | {row['trusted']} | {row['order']} | {row['authorised']} "
            f"| {row['attacks']} |"
        )
    lost = {
        victim: (
            sum(row["lost"] for row in found["denial"] if row["victim"] == victim),
            sum(row["memories"] for row in found["denial"] if row["victim"] == victim),
        )
        for victim in ("user", "agent")
    }
    return (
        "An adaptive attacker knows the rules and tries (seeded; the strongest of each kind under `default`): how often "
        "something planted arrives as trusted, can be read as an order, or gets leave for an effect:\n\n"
        + "\n".join(rows)
        + "\n\n"
        f"Attempts to take honest memories away: {lost['user'][0]} of {lost['user'][1]} of the user's were lost, "
        f"{lost['agent'][0]} of {lost['agent'][1]} of the agent's (counted as a stranger's, or held for review, after a "
        "stranger had written the same first)."
    )
