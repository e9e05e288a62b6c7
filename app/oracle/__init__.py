"""Experiments in which the truth answers: the paper's, compared with its numbers, and run on request."""
