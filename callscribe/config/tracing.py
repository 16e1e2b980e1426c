"""Spans of calls to an OpenTelemetry collector, over OTLP/HTTP. The libraries are loaded where that is wanted only."""

from dataclasses import dataclass
from importlib.metadata import version

from callscribe.config.urls import check_url
from callscribe.domain.errors import SettingsError
from callscribe.domain.trace import send_spans


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """Traces of calls."""

    endpoint: str = ""
    """Address of an OpenTelemetry collector that takes OTLP over HTTP, as "http://127.0.0.1:4318"; "": no traces."""

    def __post_init__(self) -> None:
        if self.endpoint:
            check_url("tracing.endpoint", self.endpoint, ("http", "https"))


def start_tracing(settings: TracingSettings, role: str, node: str) -> None:
    """Send the spans of this process as those of the service `callscribe-ROLE`, where the settings want any.

    Headers, certificates and the like are as the variables OTEL_… have them. Raises SettingsError where the libraries
    are missing.
    """
    if not settings.endpoint:
        return
    try:
        from callscribe.config.otlp import SpanExport
    except ImportError as error:
        raise SettingsError("tracing.endpoint needs the libraries of callscribe[tracing]: install them") from error
    described = {
        "service.name": f"callscribe-{role}",
        "service.instance.id": node,
        "service.version": version("callscribe"),
    }
    send_spans(SpanExport(settings.endpoint, described).send)
