"""What is kept: calls, transcripts, jobs and hotword lists in Postgres, recordings on disk."""
