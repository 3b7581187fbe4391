"""Which lines of ``key: value`` results still hold and which a later result has overridden."""

from __future__ import annotations

_MIN_LINES = 3
_MIN_SHARE = 0.8
_KEY_CHARS = 60
_KEY_WORDS = 6
_MARKS = frozenset(".,;()[]{}<>\"'`|/\\?!")


def line_key(line: str) -> str:
    """The key of a line ``key: value`` or ``key = value``, in lower case; empty when it is not such a line."""
    head = line[: _KEY_CHARS * 4].strip().lstrip("-*• ")
    for mark in (": ", " = ", "=", ":\t"):
        key, found, value = head[: _KEY_CHARS + len(mark)].partition(mark)
        if found:
            key = key.strip()
            fits = key and len(key.split()) <= _KEY_WORDS and not _MARKS & set(key) and any(map(str.isalpha, key))
            return key.lower() if fits and (value.strip() or head[len(key) :].strip(" :=\t")) else ""
    return ""


def keyed_lines(text: str) -> list[str] | None:
    """The key of every line, empty for lines without one; None when the text is not mainly a list of keys and values.

    A list of records whose keys come round again, and a log with few keys, are not: there no line replaces another.
    """
    if text.count("\n") < _MIN_LINES - 1 or text[:64].lstrip()[:1] in ("{", "["):
        return None
    keys = [line_key(line) for line in text.split("\n")]
    named = [key for key in keys if key]
    filled = sum(1 for line in text.split("\n") if line.strip())
    if len(named) < max(_MIN_LINES, _MIN_SHARE * filled) or len(set(named)) * 2 < len(named):
        return None
    if len(set(named)) < len(named) and ("\n\n" in text or _comes_round(named)):
        return None
    return keys


def _comes_round(keys: list[str]) -> bool:
    again = next((at for at in range(1, len(keys)) if keys[at] == keys[0]), 0)
    return again >= 2 and keys[again : 2 * again] == keys[:again]


class LineOwners:
    """Who wrote each key last. A key belongs to a scope, the call that was answered: other calls speak of other things.

    That a result repeats a key means little by itself, so all its lines with that key hold, until a later result of the
    scope has given some key another value: then they are updates, and the last line with a key holds alone.
    """

    def __init__(self) -> None:
        self._owner: dict[tuple[str, str], tuple[int, str]] = {}
        self._lines: dict[int, list[tuple[str, str]]] = {}
        self._scope: dict[int, str] = {}
        self._updating: set[str] = set()
        self.touched: set[int] = set()

    def __contains__(self, index: int) -> bool:
        return index in self._lines

    def write(self, index: int, scope: str, text: str, keys: list[str]) -> None:
        """Item ``index`` says these lines. Items that lost a line are added to ``touched``."""
        self._scope[index] = scope
        self._lines[index] = [pair for pair in zip(keys, text.split("\n"), strict=True) if pair[1].strip()]
        for key, line in dict(self._lines[index]).items():
            if not key:
                continue
            before = self._owner.get((scope, key))
            if before is not None:
                self.touched.add(before[0])
                if before[1] != line:
                    self._updating.add(scope)
            self._owner[(scope, key)] = (index, line)

    def live(self, index: int) -> list[str]:
        """The lines of an item that nothing later has overridden, in order; lines without a key always hold."""
        scope = self._scope[index]
        lines = self._lines[index]
        last = {key: at for at, (key, _) in enumerate(lines)} if scope in self._updating else {}
        return [
            line
            for at, (key, line) in enumerate(lines)
            if not key or (self._owner[(scope, key)][0] == index and last.get(key, at) == at)
        ]

    def count(self, index: int) -> int:
        """How many lines the item said."""
        return len(self._lines[index])
