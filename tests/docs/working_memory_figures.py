"""The README's figures of working memory."""

from __future__ import annotations

from typing import Any


def folding_figures(result: dict[str, Any]) -> str:
    """What `make bench-folding` has measured."""
    rows = [
        "| history tokens saved / later arguments readable / records readable, percent | "
        + " | ".join(result["domains"])
        + " |",
        "|---|" + "---|" * len(result["domains"]),
    ]
    for preset in ("lossless", "lean", "live", "k2", "hiagent"):
        cells = []
        for domain in result["domains"].values():
            row = domain["rows"][preset]
            cells.append(f"{row['hist']:.1f} / {row['arg']:.2f} / {row['rec']:.0f}")
        rows.append(f"| `{preset}` | {' | '.join(cells)} |")
    costs = ", ".join(f"{name} {result['domains'][name]['rows']['lean']['cost']:.2f}" for name in result["domains"])
    stream = {row["updates"]: row for row in result["interference"]}
    return (
        "Folding replayed on recorded agents (`make bench-folding`, counted by "
        f"{result['counter']}): what all prompts of all episodes held, and whether what the agent used later could still "
        "be read when it used it. `hiagent` is the published fold to the last observation:\n\n"
        + "\n".join(rows)
        + "\n\n"
        f"Input cost with a prompt cache (read 0.1, write 1.25) under `lean`, relative to never folding: {costs}. On "
        "streams of 46 keys that change again and again, every prompt showed the latest value of every key; the last was "
        f"{stream[4]['final_saved']:.0f} % shorter with 4 updates to a key, {stream[64]['final_saved']:.0f} % with 64. "
        f"Chunks found without a model meet ScienceWorld's rises of score with F1 "
        f"{result['segmentation']['milestones']:.2f} (every third step: {result['segmentation']['every 3']:.2f})."
    )


def context_figures(result: dict[str, Any]) -> str:
    """What `make bench-contexts` has measured."""
    rows = [
        "| percent | saved | arguments readable | latest values readable "
        "| originals to be had: from the state / by the agent | prompts that break the prefix "
        "| cost with a prompt cache | refused by a provider |",
        "|---|" + "---|" * 7,
    ]
    for row in result["rows"]:
        hidden = "– / –" if not row["hidden"] else f"{row['state']:.0f} / {row['agent']:.0f}"
        low, high = row["saved_interval"]
        rows.append(
            f"| {row['name']} | {row['saved']:.1f} ({low:.0f}-{high:.0f}) | {row['args']:.1f} | {row['latest']:.1f} "
            f"| {hidden} | {row['breaks']:.0f} | {row['cost']:.2f} | {row['refused_openai'] + row['refused_anthropic']} |"
        )
    return (
        "Middlewares of LangChain, langmem and ours in the same agents, on the recorded episodes of tau-bench "
        f"({result['episodes']} chats, {result['prompts']:,} prompts, counted by {result['counter']}; "
        "`make bench-contexts`). \\* summarise by a stand-in without a model, which keeps telling values of up to 256 "
        "tokens: a model's summary would save and keep other shares. Calls and results stay paired in every row:\n\n"
        + "\n".join(rows)
    )


def working_memory_figures(result: dict[str, Any]) -> str:
    """What `make bench-working-memory` has measured."""
    memory, durable, policy = result["in_memory"], result["durable"], result["policy"]
    return (
        f"An edit of a session of {memory['tokens']:,} tokens takes {memory['fold']['p50_ms'] * 1e3:.0f} µs in memory and "
        f"{durable['edit']['p50_ms']:.2f} ms durable (a bare commit {durable['bare_commit']['p50_ms']:.2f} ms); a session "
        f"of 5,000 messages opens in {durable['open_5000_messages_ms']:.0f} ms; the folding policy takes "
        f"{policy['mean_ms']:.2f} ms a step (`make bench-working-memory`)."
    )
