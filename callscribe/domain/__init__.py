"""What flows through Callscribe: calls, channels, parties, audio, words and the error tree. Standard library only."""
