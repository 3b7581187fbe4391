"""Finding again what was remembered."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mnemic.domain.memory import RowKey
from mnemic.domain.recall import RECALLED_KINDS, Hit, MemoryFilter, RecallResult
from mnemic.domain.text import fingerprint
from mnemic.domain.validation import MAX_QUERY_CHARS, check_count, check_share, check_text
from mnemic.errors import ModelFailed
from mnemic.protocols import LedgerSnapshot, Vectors
from mnemic.retrieval.fusion import Candidate, rank
from mnemic.retrieval.packing import Render, decode_cursor, encode_cursor, pack
from mnemic.retrieval.question import parse_question
from mnemic.services.backends import Backends

CANDIDATES_PER_CHANNEL = 100
MAX_K = 100
MIN_BUDGET_TOKENS = 100
MAX_BUDGET_TOKENS = 100_000

# Below this nothing in a hit speaks for it. On LoCoMo dev no question asked of its own conversation scores lower, one in
# ten asked of another conversation does (tests/benchmarks/locomo.py --abstain), and so do about eight in ten questions
# about something else altogether. Hiding a memory that would have helped is worse than showing one that does not.
RELEVANT_SCORE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """A question and its limits. ``min_score`` None means `RELEVANT_SCORE`; ``budget_tokens`` None means no limit."""

    text: str
    filter: MemoryFilter
    k: int = 10
    min_score: float | None = None
    budget_tokens: int | None = None
    cursor: str | None = None

    def identity(self) -> int:
        """The same for the same question with the same filters, whatever the page."""
        return fingerprint(self.text, repr(self.filter), repr(self.min_score))


def show_text(hit: Hit) -> str:
    """The plain rendering that budgets count when no adapter says how it will show a hit."""
    return hit.shown_text


def recall(backends: Backends, query: RecallQuery, *, render: Render = show_text) -> RecallResult:
    """The memories that answer ``query``, best first.

    Raises `InvalidInput`, `StoreUnavailable`. A failing embedder does not stop it: words still find memories, and
    ``notes`` says so.
    """
    query = _checked(query)
    skip = 0 if query.cursor is None else decode_cursor(query.cursor, query.identity())
    min_score = RELEVANT_SCORE if query.min_score is None else query.min_score
    notes: list[str] = []
    with backends.ledger.snapshot() as snapshot:
        candidates = _candidates(backends, snapshot, query, notes)
        relevant = [candidate for candidate in candidates if candidate.score >= min_score]
        page = relevant[skip : skip + query.k]
        records = snapshot.records([candidate.key for candidate in page])
    hits = [
        Hit(
            memory=records[candidate.key],
            score=round(candidate.score, 4),
            lexical=candidate.lexical,
            similarity=candidate.similarity,
        )
        for candidate in page
    ]
    packed, tokens = pack(hits, query.budget_tokens, render, backends.token_counter)
    more = skip + len(packed) < len(relevant)
    return RecallResult(
        hits=tuple(packed),
        considered=len(candidates),
        tokens=tokens,
        token_counter=backends.token_counter.name,
        cursor=encode_cursor(query.identity(), skip + len(packed)) if more and packed else None,
        reason=None if packed else _why_nothing(candidates, min_score, skip),
        notes=tuple(notes),
    )


def _checked(query: RecallQuery) -> RecallQuery:
    check_text(query.text, name="query", limit=MAX_QUERY_CHARS)
    check_count(query.k, name="k", low=1, high=MAX_K)
    if query.min_score is not None:
        check_share(query.min_score, name="min_score")
    if query.budget_tokens is not None:
        check_count(query.budget_tokens, name="budget_tokens", low=MIN_BUDGET_TOKENS, high=MAX_BUDGET_TOKENS)
    filter = query.filter if query.filter.kinds else replace(query.filter, kinds=RECALLED_KINDS)
    return replace(query, filter=filter)


def _embed(backends: Backends, text: str, notes: list[str]) -> Vectors | None:
    try:
        vector: Vectors = backends.embedder.embed([text])[0]
    except ModelFailed as error:
        notes.append(f"Searched by words only: {error.message}")
        return None
    return vector if vector.any() else None


def _candidates(backends: Backends, snapshot: LedgerSnapshot, query: RecallQuery, notes: list[str]) -> list[Candidate]:
    question = parse_question(query.text, snapshot.speakers(query.filter.namespace, subtree=query.filter.subtree))
    vector = _embed(backends, question.text, notes)
    words = snapshot.telling(question.words)
    found = snapshot.lexical(words, query.filter, limit=CANDIDATES_PER_CHANNEL)
    most = snapshot.information(words) if found else 0.0
    lexical = {hit.key: min(hit.bm25 / most, 1.0) if most else 0.0 for hit in found}
    similarity = {} if vector is None else _similar(backends, snapshot, query.filter, vector, list(lexical))
    if question.about is None:
        return rank(lexical, similarity)
    return rank(lexical, similarity, snapshot.about(question.about, list(lexical.keys() | similarity.keys())))


def _similar(
    backends: Backends, snapshot: LedgerSnapshot, filter: MemoryFilter, vector: Vectors, also: list[RowKey]
) -> dict[RowKey, float]:
    """Similarities of the nearest memories of the namespace, or of all namespaces below it, and of the keys ``also``."""
    among = None if filter.is_plain() else snapshot.matching_keys(filter)
    namespaces = [path for path, _ in snapshot.namespaces(filter.namespace)] if filter.subtree else [filter.namespace]
    similarity: dict[RowKey, float] = {}
    for namespace in namespaces:
        key = snapshot.namespace_key(namespace)
        if key is not None:
            similarity |= backends.index.search(snapshot, vector, key, limit=CANDIDATES_PER_CHANNEL, among=among)
            missing = [row for row in also if row not in similarity]
            similarity |= backends.index.similarities(snapshot, vector, key, missing)
    return similarity


def _why_nothing(candidates: list[Candidate], min_score: float, skip: int) -> str:
    if skip:
        return "There is nothing more."
    if not candidates:
        return "Nothing relevant: no memory here shares a word or a meaning with the question, or passes the filters."
    best = candidates[0].score
    return f"Nothing relevant: the best of {len(candidates)} candidates scores {best:.2f}, below {min_score:.2f}."
