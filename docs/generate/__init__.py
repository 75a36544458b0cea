"""Reference documentation, written from what the code itself says. Run it with ``make docs``."""
