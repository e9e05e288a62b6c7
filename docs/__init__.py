"""Makers of what README shows."""
