"""The engines of paid services, each with a server on this machine that speaks its service's protocol."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import grpc

from asr.engines.azure import AzureEngine
from asr.engines.cloud import CloudEngine
from asr.engines.google import GoogleEngine
from asr.engines.network import Network
from asr.settings import AzureSettings, GoogleSettings, RecognizerSettings
from tests.asr.cloud import fake_azure, fake_google
from tests.asr.cloud.fake_azure import FakeAzure
from tests.asr.cloud.fake_google import FakeGoogle

LANGUAGES = ("en-US", "de-DE")


Server = TypeVar("Server", FakeGoogle, FakeAzure)


class Received(Protocol):
    """A request as a server received it."""

    audio: bytes
    ended: bool
    gone: bool


class Rig(Protocol):
    """A server and engines that use it."""

    name: str
    slow: bool
    gathering: int

    @property
    def asked(self) -> Sequence[Received]:
        """Since the last engine was loaded."""
        ...

    def settings(self, timeout_s: float = 5.0) -> RecognizerSettings: ...

    def engine(self, timeout_s: float = 5.0) -> CloudEngine: ...

    def hang_up_next(self, *, after_words: int = 0) -> None:
        """The next request fails, as a server does that is stopped."""
        ...

    def use_up_quota(self) -> None:
        """The next request fails for want of quota."""
        ...

    def refuse_credentials(self) -> None:
        """The next request, or connection, fails for its credentials."""
        ...

    def hotwords(self) -> list[str]:
        """Those of the last request."""
        ...

    def close(self) -> None:
        """End the server and the engines; again: nothing."""
        ...


@dataclass
class ServiceRig(ABC, Generic[Server]):
    """What is the same whichever service it is."""

    name: str
    server: Server
    engines: list[CloudEngine] = field(default_factory=list)
    closed: bool = False

    @property
    def slow(self) -> bool:
        return self.server.slow

    @slow.setter
    def slow(self, slow: bool) -> None:
        self.server.slow = slow

    @property
    def gathering(self) -> int:
        return self.server.gathering

    @gathering.setter
    def gathering(self, count: int) -> None:
        self.server.gathering = count

    @property
    def asked(self) -> Sequence[Received]:
        return self.server.asked

    @abstractmethod
    def settings(self, timeout_s: float = 5.0) -> RecognizerSettings: ...

    def engine(self, timeout_s: float = 5.0) -> CloudEngine:
        self.engines.append(self.load(self.settings(timeout_s)))
        self.server.asked.clear()
        return self.engines[-1]

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        for engine in self.engines:
            engine.close()
        self.stop()

    @abstractmethod
    def load(self, settings: RecognizerSettings) -> CloudEngine:
        """The service's engine."""

    @abstractmethod
    def stop(self) -> None:
        """End the server."""


class GoogleRig(ServiceRig[FakeGoogle]):
    def __init__(self) -> None:
        super().__init__("google", FakeGoogle())
        self.server.start()

    def settings(self, timeout_s: float = 5.0) -> RecognizerSettings:
        google = GoogleSettings("a-project", endpoint=self.server.host, languages=LANGUAGES, timeout_s=timeout_s)
        return RecognizerSettings(engine="google", port=0, google=google)

    def load(self, settings: RecognizerSettings) -> CloudEngine:
        return GoogleEngine(settings.google)

    def stop(self) -> None:
        self.server.stop()

    def hang_up_next(self, *, after_words: int = 0) -> None:
        trouble = fake_google.Trouble(grpc.StatusCode.UNAVAILABLE, "The service is unavailable.", after_words)
        self.server.troubles.append(trouble)

    def use_up_quota(self) -> None:
        details = "Quota exceeded for quota metric 'Streaming requests'."
        self.server.troubles.append(fake_google.Trouble(grpc.StatusCode.RESOURCE_EXHAUSTED, details))

    def refuse_credentials(self) -> None:
        details = "Request had invalid authentication credentials."
        self.server.troubles.append(fake_google.Trouble(grpc.StatusCode.UNAUTHENTICATED, details))

    def hotwords(self) -> list[str]:
        sets = self.server.asked[-1].config.adaptation.phrase_sets
        return [phrase.value for chosen in sets for phrase in chosen.inline_phrase_set.phrases]


class AzureRig(ServiceRig[FakeAzure]):
    def __init__(self) -> None:
        super().__init__("azure", FakeAzure())
        self._network = Network("fake-azure")
        self._network.start(self.server.start()).result()

    def settings(self, timeout_s: float = 5.0) -> RecognizerSettings:
        azure = AzureSettings(fake_azure.KEY, endpoint=self.server.endpoint, languages=LANGUAGES, timeout_s=timeout_s)
        return RecognizerSettings(engine="azure", port=0, azure=azure)

    def load(self, settings: RecognizerSettings) -> CloudEngine:
        return AzureEngine(settings.azure)

    def stop(self) -> None:
        self._network.start(self.server.stop()).result()
        self._network.close()
        assert self.server.violations == []

    def hang_up_next(self, *, after_words: int = 0) -> None:
        self.server.troubles.append(fake_azure.Trouble(1011, "internal error", after_words=after_words))

    def use_up_quota(self) -> None:
        self.server.troubles.append(fake_azure.Trouble(4429, "Quota exceeded"))

    def refuse_credentials(self) -> None:
        self.server.key = "another"

    def hotwords(self) -> list[str]:
        grammar = self.server.asked[-1].context.get("dgi", {})
        assert isinstance(grammar, dict)
        return [item["Text"] for group in grammar.get("Groups", []) for item in group["Items"]]
