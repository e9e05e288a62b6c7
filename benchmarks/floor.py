"""The bare floor: what one durable insert over HTTP costs with our parts and none of our rules.

FastAPI, SQLAlchemy and SQLite with the pragmas, the writer's lock and the kind of transaction of `app/db.py`.
Run as `python -m benchmarks.floor <database URL> <port>`.
"""

import datetime as dt
import sqlite3
import sys
import threading
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    """The base of the one table."""


class Row(Base):
    """A label and nothing else."""

    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True)
    annotator: Mapped[str]
    image_id: Mapped[int]
    value: Mapped[int]
    created_at: Mapped[dt.datetime]


class RowIn(BaseModel):
    """The body of a request."""

    annotator: str
    image_id: int
    value: int


class RowOut(RowIn):
    """The body of a response."""

    id: int
    created_at: dt.datetime


def create_floor(url: str) -> FastAPI:
    """The application on an empty database."""
    engine = create_engine(url, pool_size=16, max_overflow=112)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    Base.metadata.create_all(engine)
    lock = threading.Lock()
    floor = FastAPI()

    @floor.get("/healthz")
    def get_health() -> dict[str, str]:
        return {"status": "ok"}

    @floor.post("/labels", status_code=201)
    def store(body: RowIn) -> RowOut:
        now = dt.datetime.now(dt.UTC)
        row = Row(annotator=body.annotator, image_id=body.image_id, value=body.value, created_at=now)
        with lock, Session(engine, expire_on_commit=False) as session, session.begin():
            session.add(row)
        return RowOut(**body.model_dump(), id=row.id, created_at=now)

    return floor


def _configure(connection: sqlite3.Connection, _: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


if __name__ == "__main__":
    uvicorn.run(create_floor(sys.argv[1]), port=int(sys.argv[2]), log_config=None, access_log=False)
