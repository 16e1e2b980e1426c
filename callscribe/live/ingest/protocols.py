"""The protocols of the WebSocket port, by path."""

from callscribe.live.ingest.asterisk import AsteriskMedia
from callscribe.live.ingest.audiohook import AudiohookSession
from callscribe.live.ingest.browser import BrowserMicrophone
from callscribe.live.ingest.freeswitch import FreeswitchStream
from callscribe.live.ingest.server import Protocols
from callscribe.live.ingest.twilio import TwilioStream

PROTOCOLS: Protocols = {
    "twilio": TwilioStream,
    "asterisk": AsteriskMedia,
    "freeswitch": FreeswitchStream,
    "audiohook": AudiohookSession,
    "browser": BrowserMicrophone,
}
