"""Fuzzing: `python -m tests.fuzz --help`. A small sample with a fixed seed is in tests/property/test_fuzz_sample.py."""
