"""A line: one process that owns one PJSUA2 endpoint, answers calls on loopback and hands their audio to its parent."""
