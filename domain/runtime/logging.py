"""Log lines with the request id of whatever they belong to, as text for people or JSON for machines."""

import logging
import sys
from typing import Literal

import structlog


def configure_logging(style: Literal["console", "json"], level: str) -> None:
    """Set up structlog and send the standard library's loggers through it, to standard error."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if style == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer]
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiosqlite", "dramatiq", "engineio", "socketio", "httpx", "httpcore", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, getattr(logging, level)))
    logging.getLogger("uvicorn.access").disabled = True


def bind_request(request_id: str, **values: str | None) -> None:
    """Put the request id, and whatever else identifies the work, on every line logged from here on in this task."""
    structlog.contextvars.bind_contextvars(request_id=request_id, **{name: value for name, value in values.items() if value})
