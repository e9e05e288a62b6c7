"""Where a request comes in, whatever it asks for: security, callers, limits, problems, templates."""
