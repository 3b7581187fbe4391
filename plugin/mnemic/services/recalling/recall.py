"""Finding again what was remembered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from mnemic.domain.drafting import check_origin
from mnemic.domain.memory import MemoryId, MemoryRecord, RowKey, Status
from mnemic.domain.provenance import Origin
from mnemic.domain.quoting import visible
from mnemic.domain.recall import DEEP_PART, MAX_K, RECALLED_KINDS, Hit, MemoryFilter, Mode, RecallResult
from mnemic.domain.text import fingerprint
from mnemic.domain.validation import MAX_QUERY_CHARS, check_count, check_share, check_text
from mnemic.guard.policy import Policy
from mnemic.protocols import LedgerSnapshot
from mnemic.retrieval.fusion import Candidate, give_room
from mnemic.retrieval.packing import Bookmark, Render, decode_cursor, encode_cursor, pack
from mnemic.services.asking import Asked, as_it_is, understand
from mnemic.services.backends import Backends
from mnemic.services.guarding.aftermath import note_vetting
from mnemic.services.guarding.judging import consult_model
from mnemic.services.guarding.standing import with_standing, withheld_view
from mnemic.services.guarding.vetting import Vetting, vet
from mnemic.services.recalling.arranging import Arrangement, Found, Judged, Shown
from mnemic.services.recalling.candidates import best_passages, find_candidates
from mnemic.services.recalling.deepening import check_mode, look_deeper, require_reranker
from mnemic.services.recalling.linked import with_linked
from mnemic.services.recalling.relevance import worth_showing
from mnemic.services.recalling.valuing import Rank, check_rank, present_first, reorder
from mnemic.services.storing.spelling import there_otherwise

_LEAST_VETTED = 8
# A question that meets hundreds of withheld memories is answered in parts.
_MOST_VETTED = 300
# Of the namespaces below an empty one, so many are named.
_MOST_NAMED = 8
_NAME = re.compile(r"[\w.@+-]{1,60}")
MIN_BUDGET_TOKENS = 100
MAX_BUDGET_TOKENS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallQuery:
    """A question and its limits. An empty ``text`` asks for the newest memories that pass the filter.

    ``min_score`` None leaves it to `mnemic.services.recalling.relevance`; ``budget_tokens`` None means no limit.
    ``rank``: see `mnemic.services.recalling.valuing.Rank`; ``mode``: see `mnemic.domain.recall.Mode`. ``asked_at`` is from
    when "yesterday" and "last May" are reckoned, now when None, and its offset from UTC says when days begin; what is found
    true is true now all the same (``as_of`` asks for another moment). ``expand_links``: what is linked to what was found is
    looked at too (`mnemic.services.recalling.linked`). ``per_session``: at most so many hits of one session, None any
    number; with 1 the sessions come in the order of the best that was said in them. ``explain``: each hit says why it was
    found.
    """

    text: str
    filter: MemoryFilter
    k: int = 10
    min_score: float | None = None
    budget_tokens: int | None = None
    cursor: str | None = None
    rank: Rank = "relevance"
    mode: Mode = "default"
    asked_at: datetime | None = None
    expand_links: bool = False
    per_session: int | None = None
    explain: bool = False

    def identity(self) -> int:
        """The same for the same question with the same filters, whatever the page."""
        asked = (self.min_score, self.asked_at, self.expand_links, self.per_session)
        return fingerprint(self.text, repr(replace(self.filter, now=None)), repr(asked), self.rank, self.mode)


class _Ranking(NamedTuple):
    """What was found, best first, read as far as it is asked for. ``reason`` says why it is empty, if it is. ``mark`` is
    what of it was dealt with on the pages before.
    """

    found: Iterator[Found]
    considered: int
    reason: Callable[[], str]
    mark: Bookmark


class _Page(NamedTuple):
    """The part of a ranking that was judged, up to the ``last`` place that is delivered and with what is alike behind it.

    ``end``: the ranking ends here.
    """

    judged: list[Judged]
    shown: list[Shown]
    last: int
    end: bool
    vettings: list[Vetting]

    def passed(self) -> list[Judged]:
        """What may be delivered."""
        return [(found, one) for found, one in self.judged if not one.withheld]


def show_text(hit: Hit) -> str:
    """The plain rendering that budgets count when no adapter says how it will show a hit."""
    return hit.shown_text


def recall(
    backends: Backends, query: RecallQuery, *, render: Render = show_text, origin: Origin | None = None
) -> RecallResult:
    """The memories that answer ``query``, best first, as far as the guard lets them out. ``origin`` is whoever asks.

    Raises `InvalidInput`, `StoreUnavailable`, and `ModelFailed` when it is to be deep and there is no model for that. An
    embedder or a reranker that fails does not stop it: what is left still finds memories, and ``notes`` says so.
    """
    query = _checked(query, backends)
    with backends.warmth.answering(query.filter):
        return _answer(backends, query, render, check_origin(origin or Origin()))


def _answer(backends: Backends, query: RecallQuery, render: Render, origin: Origin) -> RecallResult:
    mark = Bookmark() if query.cursor is None else decode_cursor(query.cursor, query.identity())
    if query.rank != "relevance" and not mark.window:
        mark = mark._replace(window=query.k)  # a page of another size would be cut out of another order
    notes: list[str] = []
    asked = understand(backends, query.text, query.filter, notes, asked_at=query.asked_at) if query.text else None
    policy = backends.guard.policy
    now = query.filter.now or backends.clock.now()
    # A model that looks deeper leaves Python to others while it does.
    turn = nullcontext() if query.mode == "deep" else backends.one_recall
    with turn, backends.ledger.snapshot() as snapshot:
        ranking = (
            _newest(snapshot, query, mark) if asked is None else _ranked(backends, snapshot, query, asked, mark, notes)
        )
        arrangement = Arrangement(query.per_session, ranking.mark)
        page = _page(backends, snapshot, policy, query, ranking, arrangement, now)
        nothing = "" if page.judged else ranking.reason()
    # Outside the snapshot: a model may take its time.
    notes += consult_model(backends, policy, query.text, [one for _, one in page.judged])
    shown = page.shown if backends.guard.model_judge is None else arrangement.arrange(page.passed())
    shown = [one for one in shown if one.place <= page.last][: query.k]
    hits = [with_standing(one.best[0].hit, policy, one.best[1], alike=one.ids) for one in shown]
    packed, tokens = pack(hits, query.budget_tokens, render, backends.token_counter)
    shown = shown[: len(packed)]
    whole = len(packed) == len(hits)
    more = not (page.end and whole) and (bool(packed) or len(page.judged) >= _MOST_VETTED)
    last = page.last if whole else shown[-1].place
    at_last = next((one.record.id for found, one in page.judged if found.place == last), "")
    following = arrangement.bookmark(last, shown, at_last)
    note_vetting(
        backends, policy, page.vettings, delivered=[one.best[1] for one in shown], question=query.text,
        session=query.filter.session, origin=origin, now=now,
    )  # fmt: skip
    withheld = [withheld_view(policy, one) for _, one in page.judged if one.withheld]
    reason = "Everything that was found is withheld by the guard." if withheld else nothing
    return RecallResult(
        hits=tuple(packed),
        considered=ranking.considered,
        tokens=tokens,
        token_counter=backends.token_counter.name,
        cursor=encode_cursor(query.identity(), following) if more else None,
        reason=None if packed else reason,
        notes=(*notes, *(note for vetting in page.vettings for note in vetting.notes)),
        withheld=tuple(withheld),
        warnings=tuple(dict.fromkeys(warning for vetting in page.vettings for warning in vetting.warnings)),
    )


def _page(
    backends: Backends, snapshot: LedgerSnapshot, policy: Policy, query: RecallQuery, ranking: _Ranking,
    arrangement: Arrangement, now: datetime,
) -> _Page:  # fmt: skip
    """The first ``k`` of a ranking that may be delivered, and what was withheld before them.

    They are judged together, and with a few more than are asked for: who asks for one memory should learn as well that a
    better trusted one says otherwise.
    """
    page = _Page([], [], 0, False, [])
    while len(page.shown) < query.k and not page.end and len(page.judged) < _MOST_VETTED:
        wanted = max(query.k - len(page.shown), _LEAST_VETTED if not page.vettings else 1)
        batch = list(islice(arrangement.open(ranking.found, page.shown), wanted + 1))
        vetting = vet(
            snapshot, backends.guard, policy, query.text, [(one.key, one.hit.memory) for one in batch], now=now
        )
        page.judged.extend(zip(batch, vetting.vetted, strict=True))
        page.vettings.append(vetting)
        page = page._replace(shown=arrangement.arrange(page.passed()), end=len(batch) <= wanted)
    # What lies behind the last that is delivered was looked at for comparison alone, but for what is alike.
    shown = page.shown[: query.k]
    full = len(shown) == query.k
    last = shown[-1].place if full else max((found.place for found, _ in page.judged), default=0)
    alike = {found.key for one in shown for found, _ in one.members}
    judged = [(found, one) for found, one in page.judged if found.place <= last or found.key in alike]
    keys = {found.key for found, _ in judged}
    vettings = [replace(one, vetted=[two for two in one.vetted if two.key in keys]) for one in page.vettings]
    return _Page(judged, shown, last, page.end and len(page.shown) <= query.k, vettings)


def _checked(query: RecallQuery, backends: Backends) -> RecallQuery:
    if query.text != "":
        check_text(query.text, name="query", limit=MAX_QUERY_CHARS)
    check_count(query.k, name="k", low=1, high=MAX_K)
    check_rank(query.rank)
    if check_mode(query.mode) == "deep":
        require_reranker(backends.reranker)
    if query.per_session is not None:
        check_count(query.per_session, name="per_session", low=1, high=MAX_K)
    if query.min_score is not None:
        check_share(query.min_score, name="min_score")
    if query.budget_tokens is not None:
        check_count(query.budget_tokens, name="budget_tokens", low=MIN_BUDGET_TOKENS, high=MAX_BUDGET_TOKENS)
    filter = replace(query.filter, kinds=query.filter.kinds or RECALLED_KINDS, now=backends.clock.now())
    return replace(query, filter=filter)


def _ranked(
    backends: Backends, snapshot: LedgerSnapshot, query: RecallQuery, asked: Asked, mark: Bookmark, notes: list[str]
) -> _Ranking:
    asked = as_it_is(backends, snapshot, query.text, query.filter, asked, notes, asked_at=query.asked_at)
    found = find_candidates(backends, snapshot, query.filter, asked.question, asked.vector)
    if query.expand_links:
        found = with_linked(backends, snapshot, query.filter, asked.question, asked.vector, found)
    if query.mode == "deep":
        deeper = look_deeper(backends, snapshot, query.filter, query.text, found, notes)
        found = found._replace(candidates=deeper, parts=(*found.parts, DEEP_PART))
    candidates = found.candidates
    if query.min_score is None:
        relevant = worth_showing(candidates, backends.embedder.id, found.complete)
    else:
        relevant = [entry for entry in candidates if entry.relevance >= query.min_score]
    if snapshot.has_untrusted():
        relevant = give_room(relevant, snapshot.tainted([entry.key for entry in relevant]))
    now = query.filter.now or backends.clock.now()
    relevant = reorder(snapshot, relevant, query.rank, k=mark.window or query.k, now=now)
    if not query.filter.looks_back() and backends.turns.begins_after(now):
        relevant = present_first(snapshot, relevant, question=asked.question, now=now)
    mark = _found_again(snapshot, mark, relevant)
    hits = _read(snapshot, query, relevant, found.passages, mark.skip)
    if query.explain:
        hits = (one._replace(hit=replace(one.hit, explanation=found.explain(one.key))) for one in hits)
    return _Ranking(hits, len(candidates), lambda: _why_nothing(snapshot, query, candidates, mark.skip), mark)


def _found_again(snapshot: LedgerSnapshot, mark: Bookmark, ranking: Sequence[Candidate]) -> Bookmark:
    """Where a bookmark is in a ranking into which others may have written since, or out of which they have taken."""
    last = _key_of(snapshot, mark)
    if last is None:
        return mark
    return next((mark.moved_to(place) for place, entry in enumerate(ranking, 1) if entry.key == last), mark)


def _key_of(snapshot: LedgerSnapshot, mark: Bookmark) -> RowKey | None:
    """The memory in the last place that was dealt with, if it is still there."""
    last = MemoryId(mark.last)
    found = snapshot.find([last]) if last else {}
    return found[last][0] if last in found else None


def _read(
    snapshot: LedgerSnapshot,
    query: RecallQuery,
    relevant: Sequence[Candidate],
    numbers: Mapping[RowKey, int],
    skip: int,
) -> Iterator[Found]:
    place = skip
    size = max(query.k, _LEAST_VETTED) + 1
    about_now = not query.filter.looks_back() and query.filter.statuses == (Status.ACTIVE,)
    while place < len(relevant):
        chunk = relevant[place : place + size]
        records = snapshot.records([entry.key for entry in chunk])
        utilities = snapshot.utilities(list(records))
        passages = best_passages(snapshot, records, numbers)
        for entry in chunk:
            place += 1
            record = records.get(entry.key)
            # An index may know more, or less, than this snapshot: only what the ledger says now leaves.
            if record is not None and (not about_now or _may_leave(record, query.filter)):
                hit = Hit(
                    memory=record, score=round(entry.score, 4), lexical=entry.lexical, similarity=entry.similarity,
                    utility=utilities.get(entry.key), passage=passages.get(entry.key),
                )  # fmt: skip
                yield Found(entry.key, hit, place)


def _newest(snapshot: LedgerSnapshot, query: RecallQuery, mark: Bookmark) -> _Ranking:
    last = _key_of(snapshot, mark)
    # What is older than the last of the pages before follows it, whatever was written or taken out since.
    skip = mark.skip if last is None else 0

    def read() -> Iterator[Found]:
        before = last
        place = mark.skip - skip
        while True:
            entries = snapshot.select(query.filter, limit=skip + query.k + 1, before=before)
            for key, record in entries:
                place += 1
                if place > mark.skip:
                    yield Found(key, Hit(memory=record, score=None, lexical=None, similarity=None), place)
            if len(entries) <= skip + query.k:
                return
            before = entries[-1][0]

    considered = snapshot.count(query.filter) if query.k else 0
    return _Ranking(read(), considered, lambda: _why_nothing(snapshot, query, [], mark.skip), mark)


def _may_leave(record: MemoryRecord, filter: MemoryFilter) -> bool:
    """Whether a hit of a search for the present is still what it was taken for. Searches for another moment chose their
    keys in this snapshot.
    """
    still_true = filter.now is not None and record.is_announced(after=filter.now)
    return (
        (filter.subtree or record.namespace == filter.namespace)
        and record.kind in filter.kinds
        and (record.status is Status.ACTIVE or (record.status is Status.SUPERSEDED and still_true))
    )


def _why_nothing(snapshot: LedgerSnapshot, query: RecallQuery, candidates: list[Candidate], skip: int) -> str:
    if skip:
        return "There is nothing more."
    if candidates:
        least = (
            "too little to show unless min_score asks for it"
            if query.min_score is None
            else f"below {query.min_score:.3f}"
        )
        return f"Nothing relevant: the best of {len(candidates)} candidates scores {candidates[0].score:.3f}, {least}."
    if not snapshot.word_statistics(()).memories:
        return "Nothing relevant: this memory is empty."
    if not _holds_something(snapshot, query.filter):
        return _where_else(snapshot, query.filter)
    if not query.text:
        return "Nothing relevant: no memory here passes the filters."
    return "Nothing relevant: no memory here passes the filters and shares a word or a meaning with the question."


def _holds_something(snapshot: LedgerSnapshot, filter: MemoryFilter) -> bool:
    """Whether there is any memory where a filter looks, whatever else it asks."""
    place = MemoryFilter(namespace=filter.namespace, subtree=filter.subtree, statuses=tuple(Status))
    return bool(snapshot.select(place, limit=1))


def _where_else(snapshot: LedgerSnapshot, filter: MemoryFilter) -> str:
    """What to tell whoever asks where nothing is: the namespaces below, or the one of nearly the same name."""
    here = visible("/".join(filter.namespace))
    below = [] if filter.subtree else [(path, count) for path, count in snapshot.namespaces(filter.namespace) if count]
    if below:
        # A name is chosen by whoever writes there, and stands here unquoted: what may be a sentence is only counted.
        plain = [(path, count) for path, count in below if all(_NAME.fullmatch(label) for label in path)][:_MOST_NAMED]
        named = [f"{'/'.join(path)} ({count})" for path, count in plain]
        more = [f"{len(below) - len(plain)} more"] if len(below) > len(plain) else []
        return f"There are no memories in {here} itself. Ask in a namespace below it: {', '.join([*named, *more])}."
    otherwise = there_otherwise(snapshot, filter.namespace)
    if otherwise is None:
        return f"Nothing relevant: there are no memories in {here}."
    other, count = otherwise
    there, asked = ascii("/".join(other)), ascii("/".join(filter.namespace))
    return (
        f"There are no memories in {here}. The namespace {there}, which differs by how its letters are written, holds "
        f"{count}: it is another than {asked}. Name it exactly as it is there."
    )
