"""Every setting: its name is the field's in capitals behind `INKLING_`."""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.learning.names import Strategy

Source = Literal["auto", "mnist", "sample"]

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Read from the environment; a wrong value stops the start with the name of the setting."""

    model_config = SettingsConfigDict(env_prefix="INKLING_", extra="ignore", frozen=True)

    database_url: str = Field(
        default="sqlite:///inkling.db", description="SQLAlchemy URL of the database; SQLite for now."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description="Further names by which browsers may address the server, as a JSON list.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1024, description="Largest body of labels that is read, in bytes; others may have 65,536."
    )
    max_upload_bytes: int = Field(
        default=100_000_000, ge=1024, description="Largest request that brings images, in bytes."
    )
    max_pool_bytes: int = Field(
        default=50_000_000_000, ge=1024, description="How much the originals of a pool may take, in bytes."
    )
    max_pool_images: int = Field(default=1_000_000, ge=1, description="How many images a pool may have.")
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description="Addresses of reverse proxies whose X-Forwarded-For and -Proto are believed, as a JSON list.",
    )
    webhooks_private: bool = Field(
        default=False, description="Whether webhooks may lead to this machine and into private networks."
    )
    session_days: int = Field(default=14, ge=1, le=365, description="How long a login lasts.")
    log_format: Literal["text", "json"] = Field(
        default="text", description="Logs for people, or one JSON object a line."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much is logged.")

    dataset: Source = Field(
        default="auto",
        description="Where the images come from: MNIST, the embedded sample, or MNIST if it can be had.",
    )
    mnist: Path | None = Field(default=None, description="A Keras mnist.npz, or a folder with the four IDX files.")
    side_by_side: bool = Field(
        default=True,
        description="Whether the first start makes a second pool of the same images, for Inkling's own learner.",
    )
    pool_start: int = Field(default=0, ge=0, description="First training image of the pool.")
    pool_size: int = Field(default=4000, ge=1, description="Number of images in the pool.")
    validation_size: int = Field(
        default=400, ge=1, description="Number of validation images, the first of the test set."
    )
    batch_size: int = Field(default=10, ge=1, le=1000, description="New labels that make a round due.")
    ranking: Strategy = Field(
        default="least_confidence", description="Query strategy: which unlabeled images are asked first."
    )
    queue_size: int = Field(default=500, ge=1, description="How many images of a round's ranking are stored.")
    lease_seconds: int = Field(
        default=600, ge=1, description="Lease time: how long an image is held for one annotator."
    )
    round_wait_seconds: float = Field(
        default=1.0, ge=0, le=30, description="How long asking for images waits for a round that is due."
    )
    retry_seconds: float = Field(default=5.0, gt=0, description="Pause before a training that failed is tried again.")


def as_environment(settings: Settings) -> dict[str, str]:
    """The variables from which another process reads the same settings."""
    values = settings.model_dump(mode="json", exclude_none=True)
    return {
        f"INKLING_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
