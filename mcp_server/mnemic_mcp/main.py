"""The ``mnemic`` command."""

from __future__ import annotations

import os
import sys

# Threads of the linear algebra library stall each other on small products; set before numpy is imported anywhere.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Links to a library's error pages tell a model nothing.
os.environ.setdefault("PYDANTIC_ERRORS_INCLUDE_URL", "0")


def main() -> None:
    """Run the command line."""
    try:
        from mnemic_mcp.text_streams import write_utf8

        write_utf8()
        from mnemic_mcp.cli.app import app

        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # such as a full disk under what is piped
        print(f"mnemic: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
