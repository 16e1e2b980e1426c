"""Makes tiny models and the speech of tests/models: nobody but a developer runs it, and no build does.

    for task in corpus offline streaming hotwords; do
        PYTHONPATH=. python -m scripts.tiny_models $task --language en
    done

What it needs beside the project's environment with the extra `funasr`: espeak-ng 1.51 and flite 2.2, as Debian has
them. Speech is drawn from fixed seeds and the same wherever it is made; weights are as good each time, not the same.
"""
