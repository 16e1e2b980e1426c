"""Typed frozen settings and logging, read once at the entry points only."""
