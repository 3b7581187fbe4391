"""Ports for servers of the tests."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 20_000
_reserved: list[socket.socket] = []


def free_port() -> int:
    """A port of loopback that nobody uses, and that nobody is given before whoever asked for it listens on it.

    It lies below those that the system itself deals out, to connections and to whoever asks for any port. A UDP socket on
    the same number, held until this process ends, keeps it from the other processes of the tests.
    """
    for port in random.SystemRandom().sample(range(_LOWEST, _end()), 200):
        held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            held.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            held.close()
            continue
        _reserved.append(held)
        return port
    raise OSError("no port of loopback is free")


def _end() -> int:
    """The first port that the system deals out by itself; that of Linux where it is not told."""
    try:
        return max(int(_RANGE.read_text().split()[0]), _LOWEST + 1_000)
    except (OSError, ValueError):
        return 32_768
