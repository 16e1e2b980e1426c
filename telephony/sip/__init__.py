"""SIP messages as values: parsing and writing (RFC 3261 section 7), addresses, bodies, stream framing. No socket."""
