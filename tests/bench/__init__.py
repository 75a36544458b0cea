"""How long the lab takes, and what it costs; `python -m tests.bench` writes docs/benchmarks.md."""
