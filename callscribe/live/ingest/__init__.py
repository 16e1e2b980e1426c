"""Calls that come by other ways than SIP: AudioSocket over TCP, and the media streams of other systems over WebSocket.

Each protocol is one module that only translates messages into steps (`steps`); what they share is done once: who may
connect (`access`), where audio lies in time (`timeline`), what a call is and how it is taken up again (`desk`).
"""
