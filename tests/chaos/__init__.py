"""What becomes of acknowledged writes when things break; `python -m tests.chaos` writes docs/reliability.md."""
