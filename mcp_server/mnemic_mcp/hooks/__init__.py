"""What Claude Code runs at the turning points of a session: it shows what was prepared, and has the rest done behind it."""
