"""Benchmarks: cases, a runner, rows under results/."""
