"""Makes the tiny models and the speech of tests/models: nobody but a developer runs it, and no build does.

    PYTHONPATH=. python -m scripts.tiny_models --help

What it needs beside the project's environment with the extra `funasr`: espeak-ng 1.51 and flite 2.2, as Debian has
them. Everything is drawn from fixed seeds, so that the same versions on the same kind of processor give the same files.
"""
