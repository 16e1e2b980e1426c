"""The newest refusals: what a user is told who asks why a trunk does not work. Pure."""

from dataclasses import replace

from callscribe.domain.refusal import RefusedRequest

MAX_KEPT = 32
"""Of peers that a trunk allows, and as many of all others: who is not known must not crowd out who is."""

_Key = tuple[str, str]


class Refusals:
    """Keeps the last refusal of each source and reason."""

    def __init__(self) -> None:
        self._known: dict[_Key, RefusedRequest] = {}
        self._strange: dict[_Key, RefusedRequest] = {}

    def note(self, refused: RefusedRequest) -> None:
        kept = self._known if refused.trunk else self._strange
        key = (refused.source, refused.reason)
        before = kept.pop(key, None)
        kept[key] = replace(refused, times=before.times + refused.times) if before else refused
        if len(kept) > MAX_KEPT:
            del kept[next(iter(kept))]

    def forget(self, source: str, reason: str) -> None:
        """It was no trouble after all."""
        self._known.pop((source, reason), None)

    def newest(self) -> tuple[RefusedRequest, ...]:
        """The last one first."""
        return tuple(sorted((*self._known.values(), *self._strange.values()), key=lambda it: it.at, reverse=True))
