"""What becomes a memory, what takes its place, and what is put aside."""
