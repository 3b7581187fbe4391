"""What the guard makes of memories, when they are stored and when they are shown."""
