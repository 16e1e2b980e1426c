"""FunASR models by our own calls of their modules."""
