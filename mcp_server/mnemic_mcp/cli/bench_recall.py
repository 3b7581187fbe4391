"""``mnemic bench recall``: what recall finds on a data set, beside plain stores; ``mnemic bench fetch``: such a data set."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import anyio
import typer

from mnemic import MnemicError
from mnemic.errors import BackendError, InvalidInput
from mnemic_mcp.cli.common import Home, fail, heading, print_named_table, progress_bar, settings_for
from mnemic_mcp.cli.downloads import check_sha256, download, sha256_of

if TYPE_CHECKING:
    from mnemic.testing.recall_bench import Case, Distractors

FormatName = Literal["locomo", "longmemeval", "jsonl"]


def recall(
    path: Annotated[Path, typer.Argument(help="The data set, gzipped or not.")],
    format: Annotated[FormatName, typer.Option("--format", help="How it is written; docs/recall-bench.md has jsonl.")],
    k: Annotated[
        list[int] | None, typer.Option("--k", min=1, max=100, help="A cut; repeat it. Else 1 5 10 20 50.")
    ] = None,
    tier: Annotated[
        Literal["static", "minilm"], typer.Option(help="The embedder, of mnemic and of the rivals.")
    ] = "static",
    together: Annotated[bool, typer.Option(help="All cases in one namespace instead of one each.")] = False,
    assistant: Annotated[bool, typer.Option(help="longmemeval: store the assistant's turns as well.")] = False,
    distractors: Annotated[int, typer.Option(min=0, help="So many unrelated memories in every namespace.")] = 0,
    distractors_from: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Take them from this other data set; else they are generated.")
    ] = None,
    distractors_format: Annotated[FormatName | None, typer.Option(help="How that one is written.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many questions, drawn with the seed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of drawn questions, distractors and intervals.")] = 7,
    deep: Annotated[bool, typer.Option(help="Ask in deep mode as well, with the model of `mnemic models`.")] = False,
    compare: Annotated[bool, typer.Option(help="Run Chroma, BM25, their fusion and LangGraph's store, too.")] = True,
    abstain: Annotated[
        bool, typer.Option(help="Instead, how often recall is silent when the right and when another case is asked.")
    ] = False,
    database: Annotated[
        str | None, typer.Option(help="PostgreSQL database to be measured; a schema is made there and dropped again.")
    ] = None,
    home: Home = None,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="OUT", help="Write everything there.")] = None,
) -> None:
    """Store a data set, ask its questions, and say how much of what answers them recall finds, beside plain stores.

    Every figure has a 95 % bootstrap interval. The memory is a new one in a temporary folder, or in ``--database``.
    ``--home`` says where the files of ``--tier minilm`` and ``--deep`` are.
    """
    from mnemic.bootstrap import create_embedder, create_reranker
    from mnemic.testing.recall_bench import (
        DEFAULT_CUTS,
        RIVALS,
        RecallBench,
        bench_abstention,
        bench_recall,
        load_cases,
    )

    try:
        embedder = create_embedder(settings_for(home, embedder=tier))
        cases = load_cases(path, format, assistant=assistant)
        options = RecallBench(
            cuts=tuple(k) if k else DEFAULT_CUTS, together=together, limit=limit, seed=seed, compare=compare,
            distractors=_distractors(distractors, distractors_from, distractors_format, seed=seed, assistant=assistant),
            database=database,
        )  # fmt: skip
        asked = sum(len(case.questions) for case in cases)
        if abstain and deep:
            raise InvalidInput(
                "--abstain was given with --deep.", hint="Silence is that of the default mode; leave one out."
            )
        reranker = create_reranker(settings_for(home, recall_mode="deep")) if deep else None
        runs = 1 if abstain else 1 + deep + compare * len(RIVALS)
        bar, advance = progress_bar("Questions", runs * (asked if limit is None else min(asked, limit)))
        bench = bench_abstention if abstain else partial(bench_recall, reranker=reranker)
        with bar:
            found = anyio.run(partial(bench, cases, embedder, options, progress=_adding_up(advance)))
    except MnemicError as error:
        fail(error)
    found = {"data": {"file": path.name, "format": format, "assistant": assistant, "sha256": sha256_of(path)}, **found}
    if json_path is not None:
        json_path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if abstain:
        _print_silence(found)
    else:
        _print_recall(found)


def _distractors(
    count: int, source: Path | None, format: FormatName | None, *, seed: int, assistant: bool
) -> Distractors:
    from mnemic.testing.recall_bench import load_cases, make_distractors

    if (source is None) != (format is None):
        raise InvalidInput(
            "Only one of --distractors-from and --distractors-format was given.", hint="Give both, or neither."
        )
    if source is not None and not count:
        raise InvalidInput(
            "--distractors-from was given without --distractors.", hint="Say how many, as in --distractors 1000."
        )
    cases: list[Case] = []
    name = ""
    if source is not None and format is not None:
        cases, name = load_cases(source, format, assistant=assistant), source.name
    return make_distractors(count, seed=seed, source=cases, name=name)


def _adding_up(advance: Callable[[int], None]) -> Callable[[str, int, int], None]:
    """One bar for the runs of mnemic and of its rivals, each of which counts from 0."""
    names: list[str] = []

    def progress(name: str, done: int, total: int) -> None:
        if name not in names:
            names.append(name)
        advance(names.index(name) * total + done)

    return progress


def _print_recall(found: dict[str, Any]) -> None:
    options, rows = found["options"], found["rows"]
    where = "one namespace" if found["cases"] == 1 else f"{found['cases']} namespaces"
    heading(
        f"{found['questions']:,} questions on {found['turns']:,} turns in {where} "
        f"(distractors in each: {options['distractors_are']}); percent with 95 % intervals"
    )
    names = [*(f"R@{cut}" for cut in options["cuts"]), "hit@10", "MRR", "S@5"]
    ran = [row for row in rows if "missing" not in row]
    shown = [name for name in names if name in ran[0]["quality"]["all"]]
    print_named_table(
        ("", *shown, "p50 ms", "p95 ms"),
        [(row["name"], *_quality(row["quality"]["all"], shown), *_latency(row["latency_ms"])) for row in ran],
    )
    for row in rows:
        if "missing" in row:
            typer.echo(f"{row['name']}: {row['missing']}")
    rivals = [row for row in ran if "mnemic_is_ahead_by" in row]
    if rivals:
        heading("mnemic is ahead by, percentage points, question by question")
        print_named_table(
            ("of", *shown), [(row["name"], *_quality(row["mnemic_is_ahead_by"], shown)) for row in rivals]
        )
    categories = {name: values for name, values in ran[0]["quality"].items() if name != "all"}
    if len(categories) > 1:
        heading("mnemic by category")
        print_named_table(
            ("category", "questions", *shown),
            [(name, str(values["n"]), *_quality(values, shown)) for name, values in categories.items()],
        )
    typer.echo()
    for row in ran:
        if "first" in row["latency_ms"]:
            typer.echo(
                f"The first recall in a namespace: {row['latency_ms']['first']['ms']:.1f} ms (median, {row['name']})."
            )


def _quality(values: dict[str, Any], names: list[str]) -> list[str]:
    return [
        "{:.1f}\n[{:.1f}, {:.1f}]".format(values[name]["mean"], *values[name]["interval"]) if name in values else ""
        for name in names
    ]


def _latency(values: dict[str, Any]) -> list[str]:
    return ["{:.1f}\n[{:.1f}, {:.1f}]".format(values[name]["ms"], *values[name]["interval"]) for name in ("p50", "p95")]


def _print_silence(found: dict[str, Any]) -> None:
    heading(f"How often nothing is relevant, {found['questions']:,} questions; percent with 95 % intervals")
    silent = {name: values for name, values in found["silent"].items() if name != "n"}
    print_named_table(("asked of", "silent"), [(name, *_quality(silent, [name])) for name in silent])


# --- data sets that can be fetched ---


@dataclass(frozen=True)
class DataSet:
    """A data set that can be fetched. ``holds`` is how many cases and questions there are in all of it."""

    name: str
    address: str
    sha256: str
    megabytes: int
    licence: str
    holds: tuple[int, int]


DATA_SETS = {
    "locomo": DataSet(
        name="locomo",
        address=(
            "https://raw.githubusercontent.com/snap-research/locomo/"
            "3eb6f2c585f5e1699204e3c3bdf7adc5c28cb376/data/locomo10.json"
        ),
        sha256="79fa87e90f04081343b8c8debecb80a9a6842b76a7aa537dc9fdf651ea698ff4",
        megabytes=3,
        licence=(
            "LoCoMo (Maharana et al., 2024) is licensed CC BY-NC 4.0: name its authors, and do not use it commercially. "
            "https://github.com/snap-research/locomo"
        ),
        holds=(10, 1986),
    )
}


def fetch(
    name: Annotated[str, typer.Argument(help="Which data set: locomo.")],
    to: Annotated[Path | None, typer.Option(help="Where to put it (else ./locomo10.json).")] = None,
    archive: Annotated[Path | None, typer.Option(help="Use this downloaded file instead of the network.")] = None,
) -> None:
    """Download a data set once, check its SHA-256 and what it holds, and say under which licence it comes."""
    from mnemic.testing.recall_bench import count_locomo

    item = DATA_SETS.get(name)
    if item is None:
        fail(InvalidInput(f"There is no data set {name!r}.", hint=f"Known are: {', '.join(DATA_SETS)}."))
    target = to or Path(item.address.rsplit("/", 1)[1])
    typer.echo(item.licence)
    try:
        if target.exists():
            check_sha256(target, item.sha256, title=item.name, failed=BackendError)
            typer.echo(f"{item.name} is here already: {target}")
            return
        with tempfile.TemporaryDirectory() as scratch:
            source = archive or download(
                item.address, Path(scratch) / "data", title=f"{item.name} ({item.megabytes} MB)", failed=BackendError
            )
            check_sha256(source, item.sha256, title=item.name, failed=BackendError)
            found = count_locomo(source)
            if found != item.holds:
                raise BackendError(
                    f"The file holds {found[0]} conversations with {found[1]:,} questions, not {item.holds[0]} with "
                    f"{item.holds[1]:,}.",
                    hint="It is another version than the one that is known; do not compare its figures with others.",
                )
            _put(source, target)
    except MnemicError as error:
        fail(error)
    typer.echo(f"{item.name} is ready: {target}\nUse it with: mnemic bench recall --format {item.name} {target}")


def _put(source: Path, target: Path) -> None:
    """Copy a file so that the target is there whole or not at all."""
    partial_file = target.with_name(target.name + ".partial")
    try:
        shutil.copyfile(source, partial_file)
        partial_file.replace(target)
    except OSError as error:
        partial_file.unlink(missing_ok=True)
        raise BackendError(f"{target} cannot be written ({error}).", hint="Name another place with --to.") from error
