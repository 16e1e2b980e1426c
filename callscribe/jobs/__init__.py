"""Celery: thin tasks, ids in, nothing out, safe to run twice; the dispatcher sends what the database says is due."""
