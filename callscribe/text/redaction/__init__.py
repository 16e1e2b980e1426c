"""Redaction: numbers and addresses that must not be kept, found in what is said and masked there. Pure."""
