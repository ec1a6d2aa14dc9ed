"""Data sets of the course: one module each, generated from a seed or fetched by hash."""
