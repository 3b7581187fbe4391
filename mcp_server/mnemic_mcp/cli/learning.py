"""Commands for what was learnt: outcomes, experiences, and maintenance that is planned first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mnemic import Channel, Memory, Origin
from mnemic.domain.counting import counted
from mnemic.domain.learning.plan import Upkeep
from mnemic.domain.quoting import visible
from mnemic_mcp import learning_views as views
from mnemic_mcp.cli.common import (
    AsJson,
    Home,
    Namespace,
    console,
    print_json,
    print_table,
    progress_bar,
    read_json,
    read_json_lines,
    read_lines,
    with_memory,
)
from mnemic_mcp.views import render_hit

if TYPE_CHECKING:
    from mnemic.domain.learning.plan import Plan

reflect_app = typer.Typer(name="reflect", help="Learn from what happened.", no_args_is_help=True)
experiences_app = typer.Typer(
    name="experiences", help="What was learnt, and how it has done since.", no_args_is_help=True
)
plans_app = typer.Typer(name="plans", help="Maintenance plans: look, apply, undo.", no_args_is_help=True)

_PREVIEW_CHARS = 90
_STEPS_SHOWN = 50

Used = Annotated[list[str] | None, typer.Option("--used", help="Id of a memory that was used. Repeat it.")]

RuleName = Literal["default", "decayed", "reme-paper", "reme-code"]
PlanArgument = Annotated[str, typer.Argument(help="Id of a plan.")]
Source = Annotated[Path, typer.Argument(help="JSON Lines, gzipped or not.")]


@reflect_app.command()
def outcome(
    task: Annotated[str, typer.Argument(help="What was asked; the same words for each trial.")],
    reward: Annotated[float, typer.Argument(min=0, max=1, help="0 failed, 1 succeeded.")],
    used: Used = None,
    nothing_used: Annotated[bool, typer.Option("--nothing-used", help="No memory helped.")] = False,
    episode: Annotated[list[str] | None, typer.Option(help="Id of a memory that tells what happened.")] = None,
    key: Annotated[str | None, typer.Option(help="Names this report: the same again is not counted.")] = None,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Record how a task ended and credit the memories that were used."""
    named = used if used or not nothing_used else []

    async def run(memory: Memory) -> Any:
        return await memory.learning.outcome(task, reward, used=named, episodes=episode or (), key=key)

    receipt = with_memory(home, run, makes=True, namespace=namespace)
    print_json(receipt) if as_json else typer.echo(
        views.outcome_text(receipt, name_in="--used", maintain_by="mnemic prune")
    )


@reflect_app.command()
def prepare(
    task: Annotated[str | None, typer.Argument(help="A task or a topic; without it, the latest tasks.")] = None,
    budget: Annotated[int, typer.Option(min=100, help="Tokens.")] = 4_000,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Show what there is to learn from: raw episodes, successes beside failures, and what is known."""

    async def run(memory: Memory) -> Any:
        return await memory.learning.prepare(task, budget_tokens=budget, render=render_hit)

    packet = with_memory(home, run, namespace=namespace)
    print_json(packet) if as_json else typer.echo(views.packet_text(packet))


@reflect_app.command()
def commit(
    path: Annotated[Path, typer.Argument(help="A JSON list of experiences, as prepare asks for.")],
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Store experiences as far as their evidence bears them; what is refused is named with all reasons."""
    given = read_json(path)
    experiences = given if isinstance(given, list) else [given]

    async def run(memory: Memory) -> Any:
        return await memory.learning.commit(experiences)

    report = with_memory(home, run, makes=True, namespace=namespace)
    print_json(report) if as_json else typer.echo(views.commit_text(report))
    if report.refused:
        raise typer.Exit(1)


@reflect_app.command()
def learn(
    path: Source,
    only_successes: Annotated[bool, typer.Option(help="Draw experiences from successes alone.")] = False,
    model: Annotated[bool, typer.Option(help="Ask the model of the settings, if there is one.")] = True,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Keep recorded trajectories as raw episodes and store what they teach."""
    trajectories = read_json_lines(path)

    async def run(memory: Memory) -> Any:
        return await memory.learning.learn_from(trajectories, model=model, only_successes=only_successes)

    done = with_memory(home, run, makes=True, namespace=namespace)
    if as_json:
        print_json(done)
        return
    typer.echo(f"{len(done.episodes)} episodes kept, {done.drafts} experiences drawn by {done.by}.")
    if done.held:
        typer.echo(f"{len(done.held)} more are in quarantine: mnemic guard review")
    report = done.report
    typer.echo(f"{len(report.stored)} stored, {len(report.confirmed)} known already, {len(report.refused)} refused.")
    if report.refused:
        typer.echo(views.commit_text(replace(report, stored=(), confirmed=())))
    if console().is_terminal and report.stored:
        console().print("See them: mnemic experiences list", style="dim")


@experiences_app.command("list")
def list_experiences(
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, max=1_000, help="At most this many.")] = 50,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """List experiences with what finished tasks say of them."""

    async def run(memory: Memory) -> Any:
        return await memory.learning.experiences(limit=limit)

    found = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    if not found and console().is_terminal:
        typer.echo("There are no experiences yet: mnemic reflect learn, or mnemic experiences import.")
    rows = [
        (
            view.hit.memory.id, str(view.utility.trials), str(view.utility.successes), f"{view.utility.q_value:+.2f}",
            f"{view.utility.doubt:.1f}", view.facets.category, _short(view.hit.shown_when_to_use or ""),
            _short(view.hit.shown_text),
        )
        for view in found
    ]  # fmt: skip
    print_table(("id", "tasks", "succeeded", "value", "doubt", "kind", "when to use", "content"), rows)


@experiences_app.command("import")
def import_experiences(
    path: Source,
    mine: Annotated[
        bool, typer.Option("--mine", help="Trust them as your own words; else they stay unverified.")
    ] = False,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Take in a pool of experiences in ReMe's format, all of it or nothing."""
    lines = read_lines(path)
    origin = Origin(channel=Channel.USER if mine else Channel.IMPORT, actor=None if mine else path.name)

    async def run(memory: Memory) -> Any:
        return await memory.learning.import_pool(lines, origin=origin)

    report = with_memory(home, run, makes=True, namespace=namespace)
    if as_json:
        print_json(report)
        return
    typer.echo(f"{report.read} read, {len(report.stored)} stored, {len(report.merged)} merged.")
    for merged in report.merged:
        typer.echo(f"  line {merged.line}: {merged.reason} ({merged.into})")
    if report.quarantined:
        typer.echo(f"{len(report.quarantined)} wait for review: mnemic guard review")
        typer.echo("A pool that you trust as your own words is taken in whole with --mine.")


def prune(
    upkeep: Annotated[list[Upkeep] | None, typer.Option("--upkeep", "-u", help="Repeat it; default prune.")] = None,
    rule: Annotated[RuleName | None, typer.Option(help="By which experiences are judged.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do at once what the plan says.")] = False,
    resume: Annotated[str | None, typer.Option(help="Go on with an unfinished plan.")] = None,
    home: Home = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Plan what to archive, merge, consolidate or link, and why. Nothing changes without --apply; `plans undo` takes it
    back.
    """

    async def run(memory: Memory) -> Any:
        bar, advance = progress_bar("Examining memories", (await memory.status()).memories)
        with bar:
            plan = await memory.learning.plan(
                upkeep or (), rule=rule, resume=resume, progress=advance, considerate=False
            )
        return await memory.learning.apply(plan.id) if apply and plan.steps else plan

    plan = with_memory(home, run, namespace=namespace)
    print_json(plan) if as_json else _print_plan(plan)


@plans_app.command("list")
def list_plans(home: Home = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """List the plans of a namespace, latest first."""

    async def run(memory: Memory) -> Any:
        return await memory.learning.plans()

    found = with_memory(home, run, namespace=namespace)
    if as_json:
        print_json(list(found))
        return
    rows = [
        (
            plan.id, plan.created_at.isoformat(timespec="minutes"), plan.status.value, ", ".join(plan.upkeep), plan.rule,
            str(len(plan.steps)), str(plan.examined),
        )
        for plan in found
    ]  # fmt: skip
    print_table(("id", "when", "status", "upkeep", "rule", "steps", "examined"), rows)


@plans_app.command("apply")
def apply_plan(plan: PlanArgument, home: Home = None, as_json: AsJson = False) -> None:
    """Do what a plan says, in one transaction."""

    async def run(memory: Memory) -> Any:
        return await memory.learning.apply(plan)

    found = with_memory(home, run)
    print_json(found) if as_json else _print_plan(found)


@plans_app.command("undo")
def undo_plan(plan: PlanArgument, home: Home = None, as_json: AsJson = False) -> None:
    """Take back what applying a plan did."""

    async def run(memory: Memory) -> Any:
        return await memory.learning.undo(plan)

    found = with_memory(home, run)
    print_json(found) if as_json else _print_plan(found)


def _print_plan(plan: Plan) -> None:
    rows = [
        (
            step.action.value,
            step.upkeep.value,
            ", ".join(step.ids[:4]),
            _short(str(step.detail.get("text", step.reason))),
        )
        for step in plan.steps[:_STEPS_SHOWN]
    ]
    if rows:
        print_table(("action", "upkeep", "memories", "why"), rows)
    if len(plan.steps) > _STEPS_SHOWN:
        typer.echo(f"and {len(plan.steps) - _STEPS_SHOWN} more (--json shows all)")
    for text in plan.kept[:_STEPS_SHOWN]:
        typer.echo(f"note: {visible(text)}")
    for text in plan.skipped[:_STEPS_SHOWN]:
        typer.echo(f"left out: {visible(text)}")
    steps = counted(len(plan.steps), "step")
    typer.echo(f"Plan {plan.id}: {plan.status}, {plan.examined} examined, {steps}.")
    if plan.status == "planned" and not plan.steps:
        typer.echo("There is nothing to do.")
    if console().is_terminal and plan.steps:
        if plan.status == "planned":
            console().print(f"Nothing was changed. Do it: mnemic plans apply {plan.id}", style="dim")
        elif plan.status == "applied":
            console().print(f"Take it back: mnemic plans undo {plan.id}", style="dim")


def _short(text: str) -> str:
    flat = " ".join(visible(text).split())
    return flat if len(flat) <= _PREVIEW_CHARS else flat[: _PREVIEW_CHARS - 1] + "…"
