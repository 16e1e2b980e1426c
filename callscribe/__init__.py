"""Callscribe: telephone calls become text, live over SIP and SIPREC, and again after they end."""
