"""What `callscribe doctor` looks at. A check is a small function that gives a verdict, a sentence and the cure."""
