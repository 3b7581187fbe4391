"""Taking in a pool of experiences as ReMe stores it: JSON Lines, one record each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mnemic.domain.learning.facets import Facets, NewExperience, check_facets, cut_facets
from mnemic.domain.memory import MemoryId, Namespace, Outcome, Remembered
from mnemic.domain.provenance import Origin
from mnemic.domain.validation import MAX_BATCH, MAX_TAGS, check_unicode
from mnemic.errors import InvalidInput
from mnemic.services.backends import Backends
from mnemic.services.learning.experience import store_experiences

_MOST_PROBLEMS = 20
_CATEGORIES = ("success", "failure", "comparative")


class _Metadata(BaseModel):
    # Other fields are counters and times of the other store, which say nothing here.
    model_config = ConfigDict(extra="ignore")

    task_query: str | None = None
    generalized_query: str | None = None
    category: str | None = None
    confidence: float | None = Field(default=None, allow_inf_nan=False)
    tags: list[str] = []
    tools_used: list[str] = []


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")

    when_to_use: str = ""
    content: str
    author: str | None = None
    score: float | None = Field(default=None, allow_inf_nan=False)
    metadata: _Metadata = _Metadata()


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A record that was not stored by itself: line number, the memory that stands for it, and why."""

    line: int
    into: MemoryId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolReport:
    """What importing a pool did with each record. ``stored`` and ``quarantined`` are ids in the order of lines."""

    read: int
    stored: tuple[MemoryId, ...]
    quarantined: tuple[MemoryId, ...]
    merged: tuple[Merged, ...]


def import_pool(backends: Backends, lines: Iterable[str], *, namespace: Namespace, origin: Origin) -> PoolReport:
    """Store the records of a pool, all of them or none. Only records of the same words are merged, and each is told.

    Importing twice adds nothing. Raises `InvalidInput` with all problems and their lines, `GuardRefused`,
    `StoreUnavailable`; a retry is safe.
    """
    numbered = read_pool(lines)
    if len(numbered) > MAX_BATCH:
        raise InvalidInput(
            f"There are {len(numbered):,} records; at most {MAX_BATCH:,} at once.", hint="Split the file."
        )
    receipts: Sequence[Remembered] = ()
    if numbered:
        receipts = store_experiences(
            backends, [one for _, one in numbered], namespace=namespace, origin=origin, handed_in=True
        )
    seen: dict[MemoryId, int] = {}
    stored: list[MemoryId] = []
    quarantined: list[MemoryId] = []
    merged: list[Merged] = []
    for (line, _), receipt in zip(numbered, receipts, strict=True):
        if receipt.confirmations or receipt.outcome is Outcome.CONFIRMED:
            earlier = f"line {seen[receipt.id]}" if receipt.id in seen else "a memory that was there before"
            merged.append(Merged(line=line, into=receipt.id, reason=f"the same words as {earlier}"))
        else:
            (quarantined if receipt.outcome is Outcome.QUARANTINED else stored).append(receipt.id)
        seen.setdefault(receipt.id, line)
    return PoolReport(
        read=len(numbered), stored=tuple(stored), quarantined=tuple(quarantined), merged=tuple(merged)
    )  # fmt: skip


def read_pool(lines: Iterable[str]) -> list[tuple[int, NewExperience]]:
    """The experiences of a pool with their line numbers. Raises `InvalidInput` with all problems and their lines."""
    experiences: list[tuple[int, NewExperience]] = []
    problems: list[str] = []
    for number, line in enumerate(_lines(lines), 1):
        if not isinstance(line, str):
            raise InvalidInput(f"Line {number} is {type(line).__name__}, not text.", hint="Give the lines of a pool.")
        if not line.strip():
            continue
        try:
            experience = _experience(_Record.model_validate(json.loads(line)))
            check_unicode(experience.content + experience.when_to_use, "the text")
            check_facets(experience.facets)
            experiences.append((number, experience))
        except json.JSONDecodeError as error:
            problems.append(f"line {number}: not JSON ({error.msg})")
        except (ValidationError, RecursionError) as error:
            what = "; ".join(_said(problem) for problem in getattr(error, "errors", list)())
            problems.append(f"line {number}: {what or 'nested too deeply'}")
        except InvalidInput as error:
            problems.append(f"line {number}: {error.message}")
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems:
        raise InvalidInput(
            f"The pool cannot be read: {'; '.join(problems)}.",
            hint='Each line is a JSON object with "when_to_use", "content" and "metadata". Nothing was stored.',
        )
    return experiences


def _lines(lines: object) -> Iterable[object]:
    if isinstance(lines, str):
        return lines.splitlines()
    if not isinstance(lines, Iterable):
        raise InvalidInput(f"The pool is {type(lines).__name__}.", hint="Give its lines.")
    return lines


def _experience(record: _Record) -> NewExperience:
    about = record.metadata
    confidence = about.confidence if about.confidence is not None else (record.score or 0.5)
    return NewExperience(
        when_to_use=record.when_to_use, content=record.content,
        keywords=tuple(dict.fromkeys(tag.strip()[:200] for tag in about.tags if tag.strip()))[:MAX_TAGS],
        facets=cut_facets(Facets(
            category=about.category if about.category in _CATEGORIES else "external",
            confidence=min(max(confidence, 0.0), 1.0), tools=tuple(about.tools_used), task=about.task_query,
            generalized_query=about.generalized_query, author=record.author,
        )),
    )  # fmt: skip


def _said(problem: Any) -> str:
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
