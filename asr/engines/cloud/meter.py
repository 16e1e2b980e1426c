"""What a paid service costs, about."""

from threading import Lock


class Meter:
    """Counts what was sent to a service. Used by several threads."""

    def __init__(self, price_per_minute: float) -> None:
        """`price_per_minute` is in whatever money the settings' price is."""
        self.price_per_minute = price_per_minute
        self._lock = Lock()
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        """So much audio was sent, or billed where the service tells."""
        with self._lock:
            self._seconds += seconds

    @property
    def seconds(self) -> float:
        """All that was counted."""
        with self._lock:
            return self._seconds

    @property
    def cost(self) -> float:
        """An estimate: what it is by the settings' price."""
        return self.seconds / 60.0 * self.price_per_minute
