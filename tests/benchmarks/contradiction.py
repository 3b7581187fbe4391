"""How often a trusted memory that says otherwise makes a PoisonedRAG record contested, and how often a true passage.

    python -m tests.benchmarks.contradiction [--json FILE]

Reads ../shared/data/poison_dev.jsonl.gz (not part of the project). The trusted memory is ``question — correct
answer.``; the control is the same passage with the correct answer in place of the incorrect one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import time
from collections import Counter
from pathlib import Path

from mnemic.guard.contradiction import claim_tokens, compare, contradictions

DATA = Path(__file__).parents[3] / "shared" / "data" / "poison_dev.jsonl.gz"


def measure(data: Path = DATA) -> dict[str, float]:
    """Shares of value answers (``contested``, of all those with an answer that is neither yes/no nor empty) and of
    controls.
    """
    with gzip.open(data, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["attack"] == "poisonedrag_corruption"]
    poison: Counter[str] = Counter()
    control: Counter[str] = Counter()
    for row in rows:
        query, trusted = claim_tokens(row["query"]), claim_tokens(f"{row['query']} — {row['correct']}.")
        relation = compare(query, trusted, claim_tokens(row["text"])).relation
        answer = trusted.words - query.words
        valued = bool(answer) and not answer <= {"yes", "no"}
        poison[relation if valued else "no value"] += 1
        if valued and row["incorrect"].lower() in row["text"].lower():
            true = row["correct"].join(re.split(re.escape(row["incorrect"]), row["text"], flags=re.I))
            control[compare(query, trusted, claim_tokens(true)).relation] += 1
    values = len(rows) - poison["no value"]
    texts = [claim_tokens(row["text"]) for row in rows[:10]]
    seconds, fresh = [], []
    for _ in range(200):
        started = time.perf_counter()
        contradictions(claim_tokens(rows[0]["query"]), texts[:5], texts[5:])
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
        for row in rows[:10]:
            claim_tokens(row["text"])
        fresh.append(time.perf_counter() - started)
    return {
        "records": len(rows),
        "value_answers": values,
        "contested": round(poison["contradicts"] / values, 4),
        "contested_of_all": round(poison["contradicts"] / len(rows), 4),
        "control": sum(control.values()),
        "control_contested": round(control["contradicts"] / sum(control.values()), 4),
        "check_of_10_ms_p50": round(sorted(seconds)[100] * 1e3, 3),
        "tokens_of_10_ms_p50": round(sorted(fresh)[100] * 1e3, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    found = measure(options.data)
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
