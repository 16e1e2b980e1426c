"""The front: the public SIP port. Admits calls, reads what lines should not see, spreads them over lines, proxies."""
