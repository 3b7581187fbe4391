"""What the guard's content rules withhold, mask and cost, on recorded attacks and benign memories.

    python -m tests.benchmarks.screening [--data ../shared/data] [--json FILE] [--no-vectors] [--misses N]

strict    a finding of the families hidden, backdoor or steering (percent of the records)
standard  strict or a finding of the family request
masked    the payload lies in what is masked (BIPIA, where the payload is known), or something is masked
share     characters masked (percent of all)
ms        time for all rules, per record, and for those that a trusted agent's text gets

Every record counts as untrusted ("blind"). A BIPIA payload stands on a line of its own; "inlined" joins that line to the
text before it with a space, "mid" moves it to the nearest space after the middle of the text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mnemic.guard.screening import RULES, RuleFamily, Screening, screen
from mnemic.guard.screening.offtopic import Embed
from mnemic.storage.static_embedder import StaticEmbedder

FILE = "poison_dev.jsonl.gz"
STRICT = frozenset({RuleFamily.HIDDEN, RuleFamily.BACKDOOR, RuleFamily.STEERING})
STANDARD = STRICT | {RuleFamily.REQUEST}
TRUSTED = [
    rule.id for rule in RULES.values() if rule.family in (RuleFamily.HIDDEN, RuleFamily.BACKDOOR, RuleFamily.SECRETS)
]


def families(found: Screening) -> set[RuleFamily]:
    return {RULES[finding.rule].family for finding in found.findings}


def payload_line(one: dict[str, Any], lines_seen: Counter[str]) -> str | None:
    """The injected line of a BIPIA record: the first or the last one, or between them the one that no other mail has."""
    lines: list[str] = [line.strip() for line in one["text"].split("\n") if line.strip()]
    if one["position"] != "middle":
        return lines[0 if one["position"] == "start" else -1]
    # The mails themselves are cut and rewritten between records, so a tie goes to what ends like a sentence.
    inner = [line for line in lines if not line.startswith(("SUBJECT:", "EMAIL_FROM:"))]
    return min(
        inner, key=lambda line: (lines_seen[line], line[-1] not in ".?!'", len(line) > 160, len(line)), default=None
    )


def variants(records: list[dict[str, Any]]) -> dict[str, list[tuple[str, str | None]]]:
    """Name of a group → its texts, with the payload where it is known."""
    groups: dict[str, list[tuple[str, str | None]]] = {}
    mails = [one["text"] for one in records if one["source"].startswith("BIPIA")]
    lines_seen = Counter(line for text in mails for line in {line.strip() for line in text.split("\n")})
    for one in records:
        text, source = one["text"], one["source"]
        if one["attack"] == "bipia_injection":
            payload = payload_line(one, lines_seen)
            groups.setdefault("poison: bipia", []).append((text, payload))
            if payload is None:
                continue
            rest = " ".join(line.strip() for line in text.replace(payload, "", 1).split("\n") if line.strip())
            at = text.index(payload)
            before, after = text[:at].rstrip(), text[at + len(payload) :].lstrip("\n")
            groups.setdefault("poison: bipia inlined", []).append((f"{before} {payload} {after}".strip(), payload))
            middle = rest.find(" ", len(rest) // 2)
            groups.setdefault("poison: bipia mid", []).append((f"{rest[:middle]} {payload}{rest[middle:]}", payload))
        elif one["label"] == "poison":
            groups.setdefault(f"poison: {one['attack']}", []).append((text, None))
        else:
            groups.setdefault("benign: all", []).append((text, None))
            kind = "mail" if source.startswith("BIPIA") else "BFCL" if source.startswith("BFCL") else source.split()[0]
            kind = "instruction-like" if one.get("hard") == "instruction-like" else kind
            groups.setdefault(f"benign: {kind}", []).append((text, None))
    return groups


def covered(text: str, payload: str, found: Screening) -> bool:
    """Whether at least 90 % of the payload's characters are masked."""
    start = text.index(payload)
    end = start + len(payload)
    inside = sum(max(0, min(end, stop) - max(start, begin)) for begin, stop in found.directives)
    return inside >= 0.9 * len(payload)


def measure(
    groups: dict[str, list[tuple[str, str | None]]], embed: Embed | None, misses: int = 0
) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {}
    for name, texts in groups.items():
        seen = [(text, payload, screen(text, embed=embed)) for text, payload in texts]
        strict = [bool(families(found) & STRICT) for _, _, found in seen]
        standard = [bool(families(found) & STANDARD) for _, _, found in seen]
        masked = [covered(text, payload, found) if payload else bool(found.directives) for text, payload, found in seen]
        size = sum(len(text) for text, _, _ in seen)
        share = sum(end - start for _, _, found in seen for start, end in found.directives) / max(1, size)
        table[name] = {
            "n": len(seen),
            "strict": percent(strict),
            "standard": percent(standard),
            "masked": percent(masked),
            "share": round(100 * share, 1),
            "not_english": percent(not found.english for _, _, found in seen),
        }
        if misses:
            poison = name.startswith("poison")
            for (text, payload, found), hit, hidden in zip(seen, standard, masked, strict=True):
                if hit != poison or (poison and not hidden):
                    rules = [finding.rule for finding in found.findings]
                    shown = (
                        [text[a:b] for finding in found.findings for a, b in finding.spans] if not poison else payload
                    )
                    print(
                        f"{name} | {rules} | masked={hidden} | {shown or text[:200]!r}"[: misses * 4], file=sys.stderr
                    )
    return table


def percent(values: Iterable[bool]) -> float:
    marks = list(values)
    return round(100 * sum(marks) / max(1, len(marks)), 1)


def cost(texts: list[str], embed: Embed | None) -> dict[str, dict[str, float]]:
    """Milliseconds per record, after a warm-up."""
    table: dict[str, dict[str, float]] = {}
    for name, rules in (("all rules", None), ("trusted text", TRUSTED)):
        for text in texts[:50]:
            screen(text, rules=rules, embed=embed)
        taken = []
        for text in texts:
            start = time.perf_counter()
            screen(text, rules=rules, embed=embed)
            taken.append(1000 * (time.perf_counter() - start))
        taken.sort()
        table[name] = {
            "mean": round(statistics.fmean(taken), 3),
            "p50": round(taken[len(taken) // 2], 3),
            "p95": round(taken[len(taken) * 95 // 100], 3),
            "max": round(taken[-1], 3),
        }
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--no-vectors", action="store_true", help="judge the topic by shared words alone")
    parser.add_argument("--misses", type=int, default=0, help="print what was missed, so many characters of each")
    args = parser.parse_args()
    if not (args.data / FILE).exists():
        print(f"skipped: {args.data / FILE} is not there", file=sys.stderr)
        return
    with gzip.open(args.data / FILE, "rt", encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    embed = None if args.no_vectors else StaticEmbedder().embed
    results = measure(variants(records), embed, args.misses)
    costs = cost([one["text"] for one in records], embed)
    for title, rows in (("withheld and masked, %", results), ("ms per record", costs)):
        shown = Table(title=title)
        for heading in ("", *next(iter(rows.values()))):
            shown.add_column(heading, justify="left" if not heading else "right")
        for name, row in sorted(rows.items()):
            shown.add_row(name, *map(str, row.values()))
        Console().print(shown)
    if args.json:
        args.json.write_text(json.dumps({"withheld": results, "cost": costs}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
