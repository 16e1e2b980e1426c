"""Who speaks when, in a channel that carries more than one party."""
