"""Sockets to serve on."""

from __future__ import annotations

import socket
import sys

from mnemic.errors import StoreUnavailable


def bound_socket(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket that is bound and does not listen yet, ``shared`` with other sockets of this user. Port 0 is a free one.

    Bound here because uvicorn would log the error and end the process. Raises `StoreUnavailable`.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends at once only where it reads TCP: else every answer waits 40 ms for the
    # client's acknowledgement of its head.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # SO_REUSEADDR lets others take the port away there, and without this option so does theirs.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if shared:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise StoreUnavailable(
            f"Port {port} of {host} cannot be served on ({error}).", hint="Choose another with --port."
        ) from error
    return bound
