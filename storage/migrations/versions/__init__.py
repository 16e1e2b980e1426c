"""The revisions. Each works with the release that is running while it is applied."""
