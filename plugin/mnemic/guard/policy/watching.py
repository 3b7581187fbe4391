"""A policy that follows its file: a change counts within a second, and a broken file changes nothing but is said aloud."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from mnemic.errors import PolicyError
from mnemic.guard.policy.defaults import KNOWN_RULES
from mnemic.guard.policy.loading import load_policy, preset_names
from mnemic.guard.policy.model import Policy
from mnemic.logs import get_logger

CHECK_SECONDS = 1.0

_log = get_logger(__name__)

_Stamp = tuple[int, int, int] | None


class PolicySource:
    """The policy in force. Raises PolicyError when it is made from something that cannot be used."""

    def __init__(
        self,
        source: Path | str,
        *,
        known_rules: Collection[str] = KNOWN_RULES.keys(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.source = source
        # In another folder a file of the same name, which anybody may have put there, is not the policy.
        self._path = None if isinstance(source, str) and source in preset_names() else Path(source).absolute()
        self._known_rules = known_rules
        self._clock = clock
        self._lock = threading.Lock()
        self._problem: PolicyError | None = None
        self._stamp = self._look()
        self._policy = load_policy(source, known_rules=known_rules)
        self._checked_at = clock()

    @property
    def problem(self) -> PolicyError | None:
        """What is wrong with the file as it is now; the policy in force is then the last good one."""
        return self._problem

    def current(self) -> Policy:
        """The policy in force: the file's, or its last good version. Looks at the file at most once a second."""
        if self._path is None or self._clock() - self._checked_at < CHECK_SECONDS:
            return self._policy
        # Whoever is second goes on with the policy that there is.
        if self._lock.acquire(blocking=False):
            try:
                self._checked_at = self._clock()
                stamp = self._look()
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._reload()
            finally:
                self._lock.release()
        return self._policy

    def _look(self) -> _Stamp:
        """What changes when the file does; None when it is gone."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except (OSError, ValueError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _reload(self) -> None:
        try:
            policy = load_policy(self._path or self.source, known_rules=self._known_rules)
        except PolicyError as error:
            self._problem = error
            _log.warning(
                "policy_broken", path=str(self._path), in_force=self._policy.name, digest=self._policy.digest,
                problem=error.message, hint=error.hint,
            )  # fmt: skip
            return
        self._problem = None
        if policy.digest != self._policy.digest:
            _log.info("policy_changed", path=str(self._path), policy=policy.name, digest=policy.digest)
        self._policy = policy
