"""Structured logging to standard error: for people as one line each, for machines as JSON."""

import logging
import sys

import structlog


def configure_logging(level: str, style: str) -> None:
    """Set up structlog and the standard library's loggers.

    `level` is a standard level name; `style` is "console" or "json". Raises ValueError for another one.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None or style not in ("console", "json"):
        raise ValueError('log.level is a level such as "info", log.format is "console" or "json"')
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if style == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    logging.basicConfig(level=number, handlers=[output], force=True)
    for chatty in ("websockets", "uvicorn.access", "asyncio", "faster_whisper", "httpx", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
