"""Settings come from the environment, and a wrong one is named."""

import pytest
from pydantic import ValidationError

from app.settings import Settings


def test_every_setting_has_a_default_and_a_description() -> None:
    assert Settings().port == 8000
    assert all(field.description for field in Settings.model_fields.values())


def test_the_defaults_are_the_papers() -> None:
    settings = Settings()

    assert (settings.pool_start, settings.pool_size, settings.validation_size) == (0, 4000, 400)
    assert (settings.batch_size, settings.ranking) == (10, "least_confidence")


def test_a_setting_is_its_name_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLING_BATCH_SIZE", "25")
    monkeypatch.setenv("INKLING_ALLOWED_HOSTS", '["labels.example"]')

    assert (Settings().batch_size, Settings().allowed_hosts) == (25, ["labels.example"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATCH_SIZE", "0"),
        ("BATCH_SIZE", "ten"),
        ("PORT", "70000"),
        ("DATASET", "cats"),
        ("RANKING", "astrology"),
        ("POOL_SIZE", "0"),
        ("LEASE_SECONDS", "0"),
        ("RETRY_SECONDS", "0"),
        ("ROUND_WAIT_SECONDS", "-1"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"INKLING_{name}", value)

    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_settings_do_not_change_while_the_server_runs() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1
