"""HTTP API, live push and web pages. Reads storage and event streams; never touches audio capture."""
