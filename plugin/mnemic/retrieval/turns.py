"""Who speaks before and after whom: the turns of every session, linked in the order in which they were said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnemic.domain.arrays import distinct
from mnemic.domain.memory import Role
from mnemic.domain.shelves import Shelves
from mnemic.domain.text import fingerprint
from mnemic.protocols import LedgerSnapshot, TurnRow

_FEED_CHUNK = 1_000
# More changes than this are linked by sorting everything, fewer by walking back from the end of their session.
_SORTED_FROM = 200
# What is told late stands far from the end of a long session: so many steps back cost as much as sorting 100,000 turns.
_MOST_STEPS = 20_000
# What a process holds before namespaces that were not asked for the longest time are let go.
_MOST_BYTES = 256 * 1024 * 1024
# Of a namespace without a turn, and of the name of a session or a person.
_SHELF_BYTES, _NAME_BYTES = 2_048, 150
NONE = -1
NOBODY = 0
_SOMEBODY = 1
USER = -1
ASSISTANT = -2
_OTHER_ROLE = -3
_ROLES: dict[str, int] = {Role.USER: USER, Role.ASSISTANT: ASSISTANT}

Places = NDArray[np.int64]


class Turns(NamedTuple):
    """Some memories of a namespace and what surrounds them there. All arrays are as long as ``keys``.

    ``session``: a number, `NONE` without one. ``voice``: `voice_of_person` for a person, `USER`, `ASSISTANT` or another
    negative number for a role, 0 for nobody. ``before`` and ``after``: the places in ``keys`` of the turns before and
    after it in its session, `NONE` when they are not among ``keys``.
    """

    keys: Places
    session: Places
    voice: Places
    before: Places
    after: Places


def voice_outside_sessions(speaker: str | None, role: str | None) -> int:
    """The voice of what was said in no session. All people have the same there: which of them it is, nobody can tell."""
    if speaker is not None:
        return _SOMEBODY
    return NOBODY if role is None else voice_of_role(role)


def voice_of_person(name: str) -> int:
    """The voice of somebody in a session, a positive number, the same in every namespace."""
    return fingerprint(name) or _SOMEBODY


def voice_of_role(role: str) -> int:
    """The voice of everybody who speaks in a role and has no name."""
    return _ROLES.get(role, _OTHER_ROLE)


_NO_TURNS = Turns(*(np.zeros(0, np.int64) for _ in range(5)))


class TurnIndex:
    """The turns of the namespaces in use, followed by the ledger's sequence. Memory: about 40 bytes a turn, of as many
    namespaces as a quarter of a gigabyte holds.

    ``changed`` is told the keys of memories that may be no longer what they were, and up to which change this is known.
    """

    def __init__(self, changed: Callable[[Iterable[int], int], None] = lambda *_: None) -> None:
        self._shelves = Shelves(_Shelf, size=lambda shelf: shelf.nbytes, most=_MOST_BYTES)
        self._changed = changed
        self._latest_beginning = 0
        self._lock = threading.Lock()

    def follow(self, snapshot: LedgerSnapshot, namespaces: Sequence[int]) -> None:
        """Take in what has changed in ``namespaces``, so that nobody goes by what a memory was before."""
        with self._lock:
            for namespace in namespaces:
                self._follow(snapshot, namespace)

    def begins_after(self, moment: datetime) -> bool:
        """Whether of the memories followed so far any may be true only from later than ``moment`` on."""
        return self._latest_beginning > moment.timestamp() * 1e6

    def takes_part(
        self, snapshot: LedgerSnapshot, namespaces: Sequence[int], people: Sequence[Sequence[str]], session: Places
    ) -> NDArray[np.bool_]:
        """In which of the sessions, which are of ``namespaces``, all of ``people`` speak, or one of them where they never
        speak together there. Each of them is whoever is called so.
        """
        with self._lock:
            shelves = [self._follow(snapshot, namespace) for namespace in namespaces]
            return np.isin(session, _sessions_of(people, shelves))

    def in_groups(self, snapshot: LedgerSnapshot, namespaces: Sequence[int], people: Sequence[Sequence[str]]) -> bool:
        """Whether three or more speak in most of the sessions in which ``people`` take part."""
        with self._lock:
            shelves = [self._follow(snapshot, namespace) for namespace in namespaces]
            sessions = _sessions_of(people, shelves)
            groups = sum(any(shelf.speakers.get(session, 0) > 2 for shelf in shelves) for session in sessions)
        return groups * 2 > len(sessions)

    def company(
        self, snapshot: LedgerSnapshot, namespaces: Sequence[int], people: Sequence[Sequence[str]], *, limit: int
    ) -> Places:
        """The turns of the sessions in which ``people`` take part, ascending; none if they are most of all or too many."""
        with self._lock:
            shelves = [self._follow(snapshot, namespace) for namespace in namespaces]
            sessions = _sessions_of(people, shelves)
            parts = [(shelf.of_sessions(sessions), shelf.count) for shelf in shelves]
        found = [keys for keys, count in parts if len(keys) * 2 <= count]
        keys = np.sort(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return keys if len(keys) <= limit else keys[:0]

    def around(
        self, snapshot: LedgerSnapshot, namespaces: Sequence[int], keys: Iterable[int], *, reach: int,
        among: Places | None = None,
    ) -> Turns:  # fmt: skip
        """``keys``, and the turns up to ``reach`` places before and after those that are turns.

        ``among`` (ascending keys) restricts what is added. What has no session, or belongs to none of ``namespaces``, is
        there alone, behind the others.
        """
        rest = np.array(sorted(keys), np.int64)
        found: list[Turns] = []
        with self._lock:
            for namespace in namespaces:
                turns = self._follow(snapshot, namespace).around(rest, reach, among)
                if len(turns.keys):
                    found.append(turns)
                    rest = rest[~np.isin(rest, turns.keys, assume_unique=True)]
        alone = np.full(len(rest), NONE)
        found.append(Turns(rest, alone, np.full(len(rest), NOBODY), alone, alone))
        return _joined(found) if len(found) > 1 else found[0]

    def _follow(self, snapshot: LedgerSnapshot, namespace: int) -> _Shelf:
        shelf = self._shelves.use(namespace)
        last = snapshot.last_seq()
        if shelf.seq < last:
            rows: dict[int, TurnRow] = {}
            first, seq = shelf.seq == 0, shelf.seq
            while chunk := snapshot.turns(namespace, after=seq, limit=_FEED_CHUNK):
                self._latest_beginning = max(self._latest_beginning, *(row.begins for row in chunk))
                # Of what nobody has seen yet, what has no session is no turn.
                rows |= {row.key: row for row in chunk if row.session is not None or not first}
                # Also at first: a namespace may have been let go since somebody read what was in it.
                self._changed((row.key for row in chunk), last)
                seq = chunk[-1].seq
            shelf.take(rows)
            shelf.seq = last
        return shelf


def _sessions_of(people: Sequence[Sequence[str]], shelves: Sequence[_Shelf]) -> list[int]:
    """Of what is searched alone: who speaks with whom elsewhere must not show."""
    heard = [
        set[int]().union(*(shelf.heard_in.get(person, ()) for shelf in shelves for person in called))
        for called in people
    ]
    return sorted(set.intersection(*heard) or set.union(*heard)) if heard else []


_COLUMNS = ("_keys", "_at", "_session", "_session_nth", "_voice", "_before", "_after", "_linked")


class _Shelf:
    """The turns of one namespace by key, its sessions and people as numbers. ``seq`` is the last change taken in,
    ``heard_in`` says in which sessions a person speaks, ``speakers`` how many people do in each.
    """

    def __init__(self, namespace: int) -> None:
        self.seq = 0
        self.heard_in: dict[str, set[int]] = {}
        self.speakers: dict[int, int] = {}
        self._namespace = str(namespace)
        # The number of each session, and which in the order in which they came it is.
        self._sessions: dict[str, int] = {}
        self._nth: dict[int, int] = {}
        self._people: dict[str, int] = {}
        self._count = 0
        self._last: dict[int, int] = {}
        self._keys, self._at = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._session, self._voice = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._before, self._after = np.zeros(0, np.int32), np.zeros(0, np.int32)
        self._linked = np.zeros(0, np.bool_)
        self._session_nth = np.zeros(0, np.int32)

    def take(self, rows: Mapping[int, TurnRow]) -> None:
        """Take in what has changed, the latest of each key."""
        known = self._keys[: self._count]
        keys = np.array(sorted(rows), np.int64)
        old = np.isin(keys, known, assume_unique=True)
        news = [rows[key] for key in keys[~old].tolist() if rows[key].session is not None]
        changed = [rows[key] for key in keys[old].tolist()]
        end = self._count
        self._append(news)
        many = len(news) + len(changed) > _SORTED_FROM or (news and end and news[0].key < known[-1])
        if many or not self._link_each(changed, end):
            for row in changed:
                self._linked[self._place(row.key)] = row.present
            self._link_all()

    def _link_each(self, changed: Sequence[TurnRow], end: int) -> bool:
        """Link what changed and what stands from ``end`` on. False when that is too far back: then everything is to be
        linked anew.
        """
        steps = _MOST_STEPS
        for row in changed:
            place = self._place(row.key)
            if self._linked[place] and not row.present:
                self._unlink(place)
            elif row.present and not self._linked[place]:
                steps = self._link(place, steps)
        for place in range(end, self._count):
            if steps >= 0 and self._linked[place]:
                steps = self._link(place, steps)
        return steps >= 0

    @property
    def count(self) -> int:
        """How many turns there are."""
        return self._count

    @property
    def nbytes(self) -> int:
        """About how much memory it takes."""
        names = len(self._sessions) + len(self._people)
        return _SHELF_BYTES + _NAME_BYTES * names + sum(array.nbytes for array in self._columns())

    def of_sessions(self, sessions: Sequence[int]) -> Places:
        """The turns of some sessions that recall may return."""
        wanted = np.zeros(len(self._nth), np.bool_)
        wanted[[nth for session in sessions if (nth := self._nth.get(session)) is not None]] = True
        inside = wanted.take(self._session_nth[: self._count]) & self._linked[: self._count]
        return self._keys[: self._count][inside]

    def around(self, keys: Places, reach: int, among: Places | None) -> Turns:
        """Those of ``keys`` that are turns here, and what surrounds them."""
        if not self._count:
            return _NO_TURNS
        places = np.searchsorted(self._keys[: self._count], keys)
        inside = places < self._count
        places, wanted = places[inside], keys[inside]
        places = places[self._keys[places] == wanted]
        frontier = places
        for _ in range(reach):
            beside = np.concatenate([self._before[frontier], self._after[frontier]])
            beside = distinct(beside[beside != NONE].astype(np.int64))
            beside = beside[~np.isin(beside, places, assume_unique=True)]
            if among is not None:
                beside = beside[np.isin(self._keys[beside], among, assume_unique=True)]
            if not len(beside):
                break
            places, frontier = np.sort(np.concatenate([places, beside])), beside
        return Turns(
            self._keys[places], self._session[places], self._voice[places],
            _among(places, self._before[places]), _among(places, self._after[places]),
        )  # fmt: skip

    def _voice_of(self, row: TurnRow) -> int:
        if row.speaker is not None:
            if row.speaker not in self._people:
                self._people[row.speaker] = voice_of_person(row.speaker)
            return self._people[row.speaker]
        return NOBODY if row.role is None else voice_of_role(row.role)

    def _columns(self) -> list[NDArray[Any]]:
        return [getattr(self, name) for name in _COLUMNS]

    def _place(self, key: int) -> int:
        return int(np.searchsorted(self._keys[: self._count], key))

    def _append(self, rows: Sequence[TurnRow]) -> None:
        end = self._count + len(rows)
        if end > len(self._keys):
            capacity = max(256, end, self._count + self._count // 2)
            for name in _COLUMNS:
                array = getattr(self, name)
                setattr(self, name, np.append(array, np.zeros(capacity - len(array), array.dtype)))
        for at, row in enumerate(rows, self._count):
            assert row.session is not None
            if row.session not in self._sessions:
                # The same number when the namespace was let go and is read again, and another in any other.
                self._sessions[row.session] = fingerprint(self._namespace, row.session)
            session, voice = self._sessions[row.session], self._voice_of(row)
            self._session_nth[at] = self._nth.setdefault(session, len(self._nth))
            if row.speaker is not None and session not in (heard := self.heard_in.setdefault(row.speaker, set())):
                heard.add(session)
                self.speakers[session] = self.speakers.get(session, 0) + 1
            self._keys[at], self._at[at] = row.key, row.at
            self._session[at], self._voice[at] = session, voice
            self._before[at] = self._after[at] = NONE
            self._linked[at] = row.present
        self._count = end

    def _link_all(self) -> None:
        """Sort everything and link it anew."""
        order = np.argsort(self._keys[: self._count], kind="stable")
        for array in self._columns():
            array[: self._count] = array[order]
        self._before[: self._count] = self._after[: self._count] = NONE
        linked = np.flatnonzero(self._linked[: self._count])
        chain = linked[np.lexsort((self._keys[linked], self._at[linked], self._session[linked]))]
        same = self._session[chain[1:]] == self._session[chain[:-1]]
        self._before[chain[1:][same]] = chain[:-1][same]
        self._after[chain[:-1][same]] = chain[1:][same]
        ends = np.flatnonzero(np.append(~same, True)) if len(chain) else chain
        self._last = dict(zip(self._session[chain[ends]].tolist(), chain[ends].tolist(), strict=True))

    def _link(self, place: int, most: int) -> int:
        """Link one turn, by at most so many steps back; how many of them are left, less than 0 when it took more."""
        session = int(self._session[place])
        moment = (int(self._at[place]), int(self._keys[place]))
        after, before = NONE, self._last.get(session, NONE)
        while before != NONE and (int(self._at[before]), int(self._keys[before])) > moment:
            after, before = before, int(self._before[before])
            most -= 1
            if most < 0:
                return most
        self._before[place], self._after[place], self._linked[place] = before, after, True
        if before != NONE:
            self._after[before] = place
        if after != NONE:
            self._before[after] = place
        else:
            self._last[session] = place
        return most

    def _unlink(self, place: int) -> None:
        session, before, after = int(self._session[place]), int(self._before[place]), int(self._after[place])
        self._before[place] = self._after[place] = NONE
        self._linked[place] = False
        if before != NONE:
            self._after[before] = after
        if after != NONE:
            self._before[after] = before
        elif before != NONE:
            self._last[session] = before
        else:
            self._last.pop(session, None)


def _among(places: Places, others: NDArray[Any]) -> Places:
    """Where in ``places`` (ascending) each of ``others`` is, `NONE` for what is not there."""
    at = np.minimum(np.searchsorted(places, others), max(len(places) - 1, 0))
    return np.where(places[at] == others, at, NONE) if len(places) else at


def _joined(parts: Sequence[Turns]) -> Turns:
    starts = np.cumsum([0, *(len(part.keys) for part in parts)])

    def moved(links: Sequence[Places]) -> Places:
        return np.concatenate(
            [np.where(link == NONE, NONE, link + start) for link, start in zip(links, starts[:-1], strict=True)]
        )

    return Turns(
        np.concatenate([part.keys for part in parts]), np.concatenate([part.session for part in parts]),
        np.concatenate([part.voice for part in parts]), moved([part.before for part in parts]),
        moved([part.after for part in parts]),
    )  # fmt: skip
