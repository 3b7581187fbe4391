"""Taking over what other memories hold: a plan first, then batches that may be interrupted anywhere."""
