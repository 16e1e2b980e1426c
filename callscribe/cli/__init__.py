"""The `callscribe` command; wires the rest together by hand."""
