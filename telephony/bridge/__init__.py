"""Bridged calls: a back-to-back user agent (RFC 7092) that sends calls on, and has a line hear them on the way."""
