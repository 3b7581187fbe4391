"""``make audit``: ruff's security rules, bandit, and known weaknesses of what is installed. Not checked is never clean."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("plugin", "mcp_server", "integrations", "policies")
# What ruff leaves out of its twin rules, with the same reasons (pyproject.toml): asserts, and SQL of constants.
_BANDIT_LEFT_OUT = "B101,B608"


def main() -> int:
    """0: clean as far as it was checked; 1: something was found."""
    failed = False
    for name, command in (
        ("ruff S", ["-m", "ruff", "check", *PACKAGES]),
        ("bandit", ["-m", "bandit", "-q", "-r", *PACKAGES, "-ll", "-s", _BANDIT_LEFT_OUT]),
    ):
        done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
        if "No module named" in done.stderr:
            print(f"{name}: NOT CHECKED (it is not installed)")
            continue
        failed |= done.returncode != 0
        print(f"{name}: {'clean' if done.returncode == 0 else 'FOUND'}")
        if done.returncode != 0:
            print(done.stdout[-6_000:])
    told, weak = known_weaknesses()
    print(f"pip-audit: {told}")
    return int(failed or weak)


def known_weaknesses() -> tuple[str, bool]:
    """What pip-audit says of the packages installed, with how many it could say anything of; whether any is weak."""
    command = [sys.executable, "-m", "pip_audit", "--local", "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return f"NOT CHECKED ({(done.stderr.strip().splitlines() or ['no answer'])[-1][:200]})", False
    checked = [one for one in packages if "skip_reason" not in one]
    weak = {one["name"]: [known["id"] for known in one["vulns"]] for one in checked if one["vulns"]}
    left = len(packages) - len(checked)
    told = f"{len(checked)} packages checked, {left} NOT CHECKED (their index says nothing of weaknesses)"
    if weak:
        return f"{told}; FOUND {weak}", True
    return (told if checked else f"NOT CHECKED: {told}"), False


if __name__ == "__main__":
    sys.exit(main())
