"""Inputs that a target once failed on, cut down to what mattered, each with what went wrong."""

FINDINGS = (
    # A whole number beyond any float ended the client's connection with a traceback.
    ("funasr", b'{"hotwords": {"Summit": ' + b"9" * 400 + b"}}"),
)
"""Target and input."""
