"""The form that starts an oracle run: what was entered, and what is wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import ValidationError
from starlette.datastructures import FormData

from app.web.api.run_schemas import OracleRunIn

# In the order of the page.
FIELDS = (
    "experiments",
    "pool_size",
    "pool_start",
    "validation_size",
    "budget",
    "batch_size",
    "ranking",
    "shuffle_seed",
)

# Pydantic's own sentences speak of parsing and of inputs; what is not here comes in its words.
MESSAGES = {
    "too_short": "Experiments: choose at least one.",
    "literal_error": "{title}: choose one of {expected}.",
}
CHOICES = {"experiments": "Experiments", "ranking": "Query strategy"}


@dataclass(frozen=True, slots=True)
class OracleForm:
    """Values by field as they are to be shown, messages by field; `other_errors` belong beside none of them."""

    values: Mapping[str, Any]
    errors: Mapping[str, str] = field(default_factory=dict)
    other_errors: tuple[str, ...] = ()
    is_open: bool = False

    @property
    def first_error(self) -> str | None:
        """The first field of the page that has a message: it gets the focus."""
        return next((name for name in FIELDS if name in self.errors), None)


async def read_form(request: Request) -> FormData:
    """The form as sent; async because the body comes bit by bit."""
    async with request.form() as form:
        return form


InForm = Annotated[FormData, Depends(read_form)]


def form_of(parameters: Mapping[str, Any]) -> OracleForm:
    """The form with a run's parameters in it, open for changes."""
    return OracleForm(values={**OracleRunIn().model_dump(), **parameters}, is_open=True)


def empty_form() -> OracleForm:
    """The form with the paper's parameters in it."""
    return OracleForm(values=OracleRunIn().model_dump())


def parse_form(form: FormData) -> OracleRunIn | OracleForm:
    """The request, or the form again with the entered values and all that is wrong with them.

    As in the API, a field that is not sent has the paper's value: an empty form is the paper's run.
    """
    entered: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
    if "experiments" in form:  # the form always sends an empty one, else no tick would be no field: all of them
        entered["experiments"] = [value for value in form.getlist("experiments") if value]
    if not entered.get("shuffle_seed", "").strip():
        entered.pop("shuffle_seed", None)
    try:
        return OracleRunIn.model_validate(entered)
    except ValidationError as error:
        return _form_again(entered, error)


def _form_again(entered: dict[str, Any], invalid: ValidationError) -> OracleForm:
    errors: dict[str, str] = {}
    others: list[str] = []
    for item in invalid.errors():
        name = str(item["loc"][0])
        message = item["msg"]
        if item["type"] in MESSAGES:
            message = MESSAGES[item["type"]].format(title=CHOICES.get(name, name), **item.get("ctx", {}))
        if name in FIELDS:
            errors.setdefault(name, message)
        else:
            others.append(f"{name}: {message}")
    values = OracleRunIn().model_dump() | {name: value for name, value in entered.items() if name in FIELDS}
    return OracleForm(values=values, errors=errors, other_errors=tuple(others), is_open=True)
