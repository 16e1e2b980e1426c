"""The running node: one CallSession per call, the supervisor, the journal, recovery."""
