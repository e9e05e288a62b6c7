"""Logs as text for people or JSON for machines; each line of a request carries the request's id."""

import datetime as dt
import json
import logging
from contextvars import ContextVar
from typing import Any

from app.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, request id, and the fields of `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _STANDARD}
        if (current := request_id.get()) is not None:
            line["request_id"] = current
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """The message, and behind it the request's id where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        current = request_id.get()
        if not record.exc_info:  # input must not look like a line of its own
            record = logging.makeLogRecord({**vars(record), "msg": one_line(record.getMessage()), "args": None})
        text = super().format(record)
        return text if current is None else f"{text} [{current}]"


def one_line(text: str) -> str:
    """The text with control characters and invisible ones escaped as in Python."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def set_up(settings: Settings) -> None:
    """Send all logs to stderr in the settings' format. Chatty libraries log at "debug" only."""
    handler = logging.StreamHandler()
    is_json = settings.log_format == "json"
    handler.setFormatter(JsonFormatter() if is_json else TextFormatter("%(asctime)s %(levelname)-7s %(message)s"))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    if settings.log_level != "debug":
        for name in ("alembic", "uvicorn"):
            logging.getLogger(name).setLevel(logging.WARNING)
