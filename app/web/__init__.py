"""HTTP: the only package, `main` apart, that knows FastAPI."""
