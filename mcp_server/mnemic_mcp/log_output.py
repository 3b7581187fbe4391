"""Where the logs of a command and of the processes that it starts go."""

from __future__ import annotations

import logging
import sys


def configure_logs(verbose: bool) -> None:
    """Logs go to stderr: warnings, or everything."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s %(name)s %(message)s",
    )
    for noisy in ("httpx", "httpcore", "chromadb", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
