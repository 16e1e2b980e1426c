"""Pure text work that several rooms need."""
