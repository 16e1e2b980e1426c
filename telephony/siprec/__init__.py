"""Recording metadata (RFC 7865): XML read tolerantly, merged over a call, put beside the SDP. No socket, no clock."""
