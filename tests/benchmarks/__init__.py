"""Benchmarks: measured on the public API, against a floor or a peer in the same run, results as JSON."""
