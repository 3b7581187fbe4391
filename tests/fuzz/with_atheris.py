"""One parser under libFuzzer: ``python -m tests.fuzz.with_atheris NAME [options of libFuzzer] [folder of seeds]``."""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Never returns: libFuzzer ends the process."""
    import atheris

    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["mnemic", "mnemic_mcp"]):
        from tests.fuzz.parsers import PARSERS

    run = PARSERS[name].run

    def one(data: Any) -> None:
        run(bytes(data))

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
