"""Recording clients as they are in the field: what each sends, written for these tests, and the right outcome of it."""
