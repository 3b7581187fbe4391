"""The tree of errors is the one that is drawn at the top of its module."""

from __future__ import annotations

import re

from mnemic import errors
from mnemic.errors import MnemicError, PolicyProblem


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    [ │├└─]*(\w+)  +\w", line)
        if found:
            at = found.start(1)
            above = {column: name for column, name in above.items() if column < at} | {at: found[1]}
            drawn[found[1]] = above[max((column for column in above if column < at), default=at)]
    real = {
        name: MnemicError.__name__ if one is MnemicError else one.__bases__[0].__name__
        for name, one in vars(errors).items()
        if isinstance(one, type) and one.__module__ == errors.__name__ and one is not PolicyProblem
    }
    assert drawn == real
