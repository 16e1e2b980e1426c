"""The recogniser wire: its messages and its client."""
