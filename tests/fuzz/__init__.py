"""What strangers may send, by the million: `make fuzz TARGET=sip SECONDS=300`; a short part of it is in `make test`."""
