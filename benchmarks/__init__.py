"""Measurements against the budgets; `make bench` runs them."""
