"""Values that programs keep under keys."""
