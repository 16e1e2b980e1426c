"""Looking up where targets are, off the path of calls: a name server that does not answer must not hold them up."""

import asyncio
import socket

import structlog

from telephony.bridge.bridging import Bridging

log = structlog.get_logger()

REFRESH_S = 60.0
_LIMIT_S = 3.0


class TargetLookup:
    """Keeps the addresses of targets that are host names. One that cannot be found keeps the address it had."""

    def __init__(self, bridging: Bridging) -> None:
        self._bridging = bridging
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Look all up once, and from now on again and again."""
        if any(not self._bridging.address_of(host) for host in self._bridging.routes.hosts):
            await self._refresh()
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._task = None

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_S)
            await self._refresh()

    async def _refresh(self) -> None:
        await asyncio.gather(*(self._look_up(host) for host in self._bridging.routes.hosts))

    async def _look_up(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LIMIT_S):
                found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
        except (OSError, TimeoutError, UnicodeError):
            log.warning("target_not_found", host=host)
            return
        self._bridging.addresses[host] = str(found[0][4][0])
