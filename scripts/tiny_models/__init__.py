"""Makes tiny models and the speech of tests/models: nobody but a developer runs it, and no build does.

    for task in corpus offline streaming; do
        PYTHONPATH=. python -m scripts.tiny_models $task --vocabulary en
    done
    PYTHONPATH=. python -m scripts.tiny_models corpus --vocabulary names --count 2500
    PYTHONPATH=. python -m scripts.tiny_models offline --vocabulary names --steps 1200
    PYTHONPATH=. python -m scripts.tiny_models hotwords

What it needs beside the project's environment with the extra `funasr`: espeak-ng 1.51 and flite 2.2, as Debian has
them. Speech is drawn from fixed seeds and the same wherever it is made; weights are as good each time, not the same.
"""
