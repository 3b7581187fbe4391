"""The ``mnemic`` command."""

from __future__ import annotations

import os

# Threads of the linear algebra library stall each other on small products; set before numpy is imported anywhere.
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def main() -> None:
    """Run the command line."""
    from mnemic_mcp.cli.app import app

    app()


if __name__ == "__main__":
    main()
