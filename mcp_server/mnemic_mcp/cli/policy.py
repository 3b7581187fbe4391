"""Commands over policies: what is wrong with one, what one means, what it would do, which there are."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from mnemic.domain.counting import counted
from mnemic.errors import MnemicError, PolicyError
from mnemic_mcp.cli.common import AsJson, complain, console, fail, heading, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from mnemic.guard.policy.explaining import Explanation
    from mnemic.guard.policy.model import Policy

app = typer.Typer(name="policy", help="The guard's policies: check, explain, test, list.", no_args_is_help=True)

Source = Annotated[
    str, typer.Argument(metavar="FILE|NAME", help="A policy's file, or the name of one that is built in.")
]

_DECISIONS = (
    "allow: kept and labelled. redact: the found part is replaced. quarantine: held for review. block: refused."
)


@app.command()
def check(source: Source, as_json: AsJson = False) -> None:
    """Say everything that is wrong with a policy, each with its place; exit code 1 if there is anything."""
    from mnemic.guard.policy.loading import load_policy

    try:
        policy = load_policy(source)
    except PolicyError as error:
        if as_json:
            problems = [asdict(problem) for problem in error.problems]
            print_json({"ok": False, "source": source, "error": error.message, "problems": problems})
            raise typer.Exit(1) from None
        if not error.problems:
            fail(error)
        for problem in error.problems:
            place = f":{problem.line}:{problem.column}" if problem.line else ""
            about = f" {problem.path}:" if problem.path else ""
            typer.echo(f"{source}{place}:{about} {problem.message}")
        complain(f"{counted(len(error.problems), 'problem')}.")
        raise typer.Exit(1) from None
    if as_json:
        print_json({"ok": True, "source": source, "name": policy.name, "digest": policy.digest, "problems": []})
        return
    typer.echo(f"{source}: the policy {policy.name!r} is fine ({policy.digest}).")


@app.command()
def explain(source: Source, as_json: AsJson = False) -> None:
    """Say what a policy means: who is trusted, what happens to a text, what happens to a memory."""
    from mnemic.guard.policy.explaining import explain as explained

    explanation = explained(_load(source))
    if as_json:
        print_json(explanation)
        return
    _print_explanation(explanation)


@app.command("test")
def replay_records(
    source: Source,
    data: Annotated[Path, typer.Option("--data", help="Labelled records, JSON Lines, gzipped or not.")],
    origins: Annotated[
        Literal["channel", "blind"],
        typer.Option(help="Benign records come through their own channels, or, blind, all from unknown sites."),
    ] = "channel",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many records, evenly from all kinds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a policy would catch of recorded attacks when they are stored, and what it would cost benign memories."""
    from mnemic.storage.static_embedder import StaticEmbedder
    from mnemic.testing.attacks import load_items, replay, spread

    policy = _load(source)
    try:
        items = spread(load_items(data), limit, seed=7)
    except MnemicError as error:
        fail(error)
    bar, advance = progress_bar("Judging", len(items))
    with bar:
        found = replay(
            items, policy, embed=StaticEmbedder().embed, blind=origins == "blind",
            progress=lambda done, _: advance(done),
        )  # fmt: skip
    if as_json:
        print_json(found)
        return
    if not policy.enforced:
        typer.echo(f"{policy.name} only watches: this is what it would do.")
    for title, part in (("Attacks", "families"), ("Benign", "benign")):
        heading(title)
        print_table(
            ("kind", "n", "withheld %", "at most %", "quarantined", "blocked", "redacted", "at recall", "labelled",
             "masked", "chars masked %", "rules"),
            [
                (name, str(row["n"]), f"{row['withheld_percent']:g}", f"{row['withheld_upper_percent']:g}",
                 *(str(row[column]) for column in ("quarantined", "blocked", "redacted", "withheld_by_own_recall_rules",
                 "labelled", "masked")), f"{row['masked_chars_percent']:g}",
                 ", ".join(f"{rule} {count}" for rule, count in row["rules"].items()))
                for name, row in found[part].items()
            ],
        )  # fmt: skip


@app.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """The policies that come with mnemic."""
    from mnemic.guard.policy.loading import preset_names

    found = [
        (policy.name, policy.mode.value, policy.digest, policy.description) for policy in map(_load, preset_names())
    ]
    columns = ("name", "mode", "digest", "description")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in found])
        return
    print_table(columns, found)


def _load(source: str) -> Policy:
    from mnemic.guard.policy.loading import load_policy

    try:
        return load_policy(source)
    except PolicyError as error:
        fail(error)


def _print_explanation(explanation: Explanation) -> None:
    heading(f"{explanation.name} ({explanation.digest})")
    _print_lines((explanation.description,) * bool(explanation.description) + explanation.summary)
    heading("Trust")
    print_table(
        ("channel", "trust", "treated as", "if only claimed"),
        (
            (one.channel.value, f"{one.trust:g}", one.treated_as.value, one.claimed.value)
            for one in explanation.channels
        ),
    )
    heading("When a text is stored")
    _print_lines(explanation.storing)
    if explanation.rules:
        print_table(
            ("rule", "found in text that", "user's", "agent's", "untrusted"),
            ((one.id, one.sees, one.user.value, one.agent.value, one.untrusted.value) for one in explanation.rules),
        )
        _print_lines((_DECISIONS,))
    heading("When a memory is recalled")
    _print_lines(explanation.recalling)
    if explanation.own_rules:
        heading("Rules of its own")
        _print_lines(explanation.own_rules)


def _print_lines(lines: tuple[str, ...]) -> None:
    out = console()
    for line in lines:
        # A file can say anything, also to the terminal.
        out.print("".join(letter if letter.isprintable() or letter == "\n" else "·" for letter in line), markup=False)
