"""What people decide about memories, and what agents ask before they act."""
