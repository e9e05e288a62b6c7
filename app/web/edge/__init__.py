"""What every request passes through: security, callers, limits, problems, templates."""
