"""Azure Speech by the WebSocket protocol that its own clients speak.

Microsoft's native client would need a thread and a copy of its library's state for each call, and its licence is not
one under which Callscribe may be passed on. The protocol needs no package that is not there already.
"""

from asr.engines.azure.service import AzureService
from asr.engines.cloud import CloudEngine
from asr.settings import AzureSettings


class AzureEngine(CloudEngine):
    """Azure's recogniser. Audio leaves this machine, and is paid for."""

    def __init__(self, settings: AzureSettings) -> None:
        """Raises EngineUnavailable when key or region are missing, or the service refuses them."""
        super().__init__(AzureService(settings), settings.languages, settings.price_per_minute, settings.timeout_s)


__all__ = ["AzureEngine"]
