"""What a paid service costs, about."""

from threading import Lock


class Meter:
    """Counts what was sent to a service. Used by several threads."""

    def __init__(self, price_per_minute: float, whole: "Meter | None" = None) -> None:
        """`price_per_minute` is in whatever money the settings' price is; `whole` counts all that this one does."""
        self.price_per_minute = price_per_minute
        self._whole = whole
        self._lock = Lock()
        self._seconds = 0.0
        self._told = 0.0

    def add(self, seconds: float) -> None:
        """So much audio was sent, or billed where the service tells."""
        with self._lock:
            self._seconds += seconds
        if self._whole is not None:
            self._whole.add(seconds)

    @property
    def seconds(self) -> float:
        """All that was counted."""
        with self._lock:
            return self._seconds

    @property
    def cost(self) -> float:
        """An estimate: what it is by the settings' price."""
        return self.seconds / 60.0 * self.price_per_minute

    def newly(self) -> float:
        """What was added to the cost since this was asked last."""
        cost = self.cost
        with self._lock:
            newly, self._told = cost - self._told, cost
        return newly
