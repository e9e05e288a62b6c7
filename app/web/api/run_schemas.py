"""The bodies of oracle runs."""

import datetime as dt
from contextvars import ContextVar
from typing import Any, Self

from fastapi import Depends
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from app import training_status
from app.datasets.sample import N_DIGITS, N_TRAIN
from app.learning.names import Strategy
from app.models import OracleRun, RunStatus
from app.oracle import runs
from app.oracle.bounds import LARGEST, TITLES, Sizes, bounds_of, find_fault
from app.oracle.experiments import ALL_EXPERIMENTS, EXPERIMENTS, Experiment
from app.oracle.results import RunResult
from app.oracle.scenarios import Parameters
from app.web.api.schemas import Strict
from app.web.edge.deps import InServices, Services

RANDOM_TWICE = "At random, active learning is the random curve: choose one of the two, or another query strategy."


def sizes_for(services: Services) -> Sizes:
    """Those of the data set that runs use; before one has loaded it, the most that the settings allow."""
    with services.database.read() as session:
        data = training_status.find_data(session)
    if data is not None:
        return Sizes(data.n_train, data.n_test)
    return Sizes(N_TRAIN, N_DIGITS - N_TRAIN) if services.settings.dataset == "sample" else LARGEST


_known_sizes: ContextVar[Sizes] = ContextVar("known_sizes", default=LARGEST)


async def _know_sizes(services: InServices) -> None:
    # Set here: a plain function would be run in a thread, and set it there alone.
    _known_sizes.set(await run_in_threadpool(sizes_for, services))


# For routes that read an `OracleRunIn`: FastAPI validates bodies after dependencies, so that the data set's faults come
# together with all others.
with_sizes = Depends(_know_sizes)


def _number(name: str, default: int | None) -> Any:
    """A field with its bounds in the documentation of the API; `is_within_its_bounds` checks them in our words."""
    least, most = bounds_of(LARGEST)[name]
    bounds = {"minimum": least, "maximum": most}
    return Field(
        default=default,
        examples=None if default is None else [default],
        json_schema_extra=lambda schema: (schema["anyOf"][0] if "anyOf" in schema else schema).update(bounds),
    )


class OracleRunIn(Strict):
    """What to run; the defaults are the paper's."""

    # The order matters: each field is checked against those above it.
    experiments: list[Experiment] = Field(default=list(EXPERIMENTS), min_length=1, max_length=len(ALL_EXPERIMENTS))
    pool_start: int = _number("pool_start", 0)
    pool_size: int = _number("pool_size", 4000)
    validation_size: int = _number("validation_size", 400)
    budget: int = _number("budget", 400)
    batch_size: int = _number("batch_size", 10)
    shuffle_seed: int | None = _number("shuffle_seed", None)
    ranking: Strategy = "least_confidence"

    @field_validator(*TITLES, mode="wrap")
    @classmethod
    def is_within_its_bounds(
        cls, entered: Any, parse: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> int | None:
        """Refused here, not seconds later in a run that has failed."""
        assert info.field_name is not None
        try:
            number: int | None = parse(entered)
        except ValidationError:
            number = None
        else:
            if number is None:
                return None  # no shuffle seed
        fault = find_fault(info.field_name, number, info.data, _known_sizes.get())
        if fault is not None:
            raise PydanticCustomError("out_of_bounds", "{fault}", {"fault": fault})
        return number

    @field_validator("ranking")
    @classmethod
    def is_no_second_random_curve(cls, ranking: Strategy, others: ValidationInfo) -> Strategy:
        """Two experiments with the same result under the same name would look like a mistake."""
        if Parameters(experiments=tuple(others.data.get("experiments", ())), ranking=ranking).has_random_twice:
            raise PydanticCustomError("random_twice", RANDOM_TWICE)
        return ranking

    def parameters(self) -> Parameters:
        """The parameters as the domain takes them."""
        return Parameters(**self.model_dump() | {"experiments": tuple(dict.fromkeys(self.experiments))})


class RunProgress(BaseModel):
    """The experiment under way, null before the first, and its steps done of total.

    Before the first answer of a learner that looks at all images, `preparation` says what it does, and done and total
    are per cent of that.
    """

    experiment: Experiment | None
    done: int
    total: int
    preparation: str | None = None


class OracleRunOut(BaseModel):
    """A run in the list."""

    id: int
    status: RunStatus
    parameters: Parameters
    progress: RunProgress
    error: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    model_config = ConfigDict(from_attributes=True)


class OracleRunDetail(OracleRunOut):
    """A run, and its result once it has ended, in the shape that `inkling oracle --json` writes.

    The result has every curve if the run is done, and those that were finished if it was stopped or failed.
    """

    result: RunResult | None

    @classmethod
    def of(cls, run: OracleRun) -> Self:
        """From its row with the result loaded; a run under way has no result yet, even if experiments are finished."""
        listed = OracleRunOut.model_validate(run)
        return cls(**{name: getattr(listed, name) for name in OracleRunOut.model_fields}, result=runs.read_result(run))
