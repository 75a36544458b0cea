"""Checks of a running cluster from outside, as its users meet it. Nothing they make stays."""
