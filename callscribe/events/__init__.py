"""Event schemas and the stream client: publish, subscribe, replay."""
