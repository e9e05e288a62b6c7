"""Measures the budgets: `python -m benchmarks [part …]`. No part of the product imports it."""
