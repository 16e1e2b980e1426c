"""FunASR's WebSocket protocol, spoken as its servers speak it: what its clients say becomes calls of Callscribe."""
