"""Benchmarks: ratios against something else in the same run, never a bare time."""
