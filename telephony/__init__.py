"""SIP, SIPREC and RTP in; call events and channel audio out. Knows no recogniser and no database."""
