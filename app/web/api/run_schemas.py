"""The bodies of oracle runs."""

import datetime as dt
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from starlette.concurrency import run_in_threadpool

from app import training_status
from app.datasets.mnist import MNIST_SHAPES
from app.datasets.sample import N_DIGITS, N_TRAIN
from app.learning.names import Strategy
from app.models import OracleRun, RunStatus
from app.oracle import runs
from app.oracle.experiments import ALL_EXPERIMENTS, EXPERIMENTS, Experiment
from app.oracle.results import RunResult
from app.oracle.scenarios import Parameters
from app.web.api.schemas import Strict
from app.web.edge.deps import InServices, Services

RANDOM_TWICE = "At random, active learning is the random curve: choose one of the two, or another query strategy."
MIN_POOL, MAX_BATCH, MAX_SEED = 10, 10_000, 2**32 - 1


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many images a data set has to label from, and how many to validate and test with."""

    train: int
    test: int


MOST = Sizes(MNIST_SHAPES["x_train"][0], MNIST_SHAPES["x_test"][0])  # the largest data set that runs may use


def sizes_for(services: Services) -> Sizes:
    """Those of the data set that runs use; before one has loaded it, the most that the settings allow."""
    with services.database.read() as session:
        data = training_status.find_data(session)
    if data is not None:
        return Sizes(data.n_train, data.n_test)
    return Sizes(N_TRAIN, N_DIGITS - N_TRAIN) if services.settings.dataset == "sample" else MOST


_known_sizes: ContextVar[Sizes] = ContextVar("known_sizes", default=MOST)


async def _know_sizes(services: InServices) -> None:
    # Set here: a plain function would be run in a thread, and set it there alone.
    _known_sizes.set(await run_in_threadpool(sizes_for, services))


# For routes that read an `OracleRunIn`: FastAPI validates bodies after dependencies, so that the data set's faults come
# together with all others.
with_sizes = Depends(_know_sizes)


class OracleRunIn(Strict):
    """What to run; the defaults are the paper's."""

    # The order matters: each field is checked against those above it.
    experiments: list[Experiment] = Field(default=list(EXPERIMENTS), min_length=1, max_length=len(ALL_EXPERIMENTS))
    pool_start: int = Field(default=0, ge=0, le=MOST.train - MIN_POOL, examples=[0])
    pool_size: int = Field(default=4000, ge=MIN_POOL, le=MOST.train)
    validation_size: int = Field(default=400, ge=1, le=MOST.test)
    batch_size: int = Field(default=10, ge=1, le=MAX_BATCH)
    budget: int = Field(default=400, ge=1, le=MOST.train)
    shuffle_seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    ranking: Strategy = "least_confidence"

    @field_validator("pool_size")
    @classmethod
    def is_in_the_data(cls, pool_size: int, others: ValidationInfo) -> int:
        """Refused here, not seconds later in a run that has failed."""
        n_images = _known_sizes.get().train
        if pool_size > n_images:
            raise _too_large(n_images)
        pool_start = others.data.get("pool_start", 0)  # left out when it is wrong itself
        if pool_start + pool_size > n_images:
            raise PydanticCustomError(
                "pool_over_data",
                "From {pool_start} on the data set has {n_left} images. Lower the pool size or the pool start.",
                {"pool_start": f"{pool_start:,}", "n_left": f"{max(0, n_images - pool_start):,}"},
            )
        return pool_size

    @field_validator("validation_size")
    @classmethod
    def is_in_the_test_images(cls, validation_size: int) -> int:
        """All of them may validate; then none is left unseen."""
        n_images = _known_sizes.get().test
        if validation_size > n_images:
            raise _too_large(n_images)
        return validation_size

    @field_validator("budget")
    @classmethod
    def fits_the_pool(cls, budget: int, others: ValidationInfo) -> int:
        """A label can be given to what is in the pool."""
        pool_size = others.data.get("pool_size", budget)  # left out when it is wrong itself
        if budget > pool_size:
            raise PydanticCustomError(
                "budget_over_pool",
                "A budget of {budget} labels is more than the pool of {pool_size}. Lower the budget.",
                {"budget": f"{budget:,}", "pool_size": f"{pool_size:,}"},
            )
        return budget

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


def _too_large(most: int) -> PydanticCustomError:
    return PydanticCustomError("over_data_set", "Enter {most} or less.", {"most": f"{most:,}"})


class RunProgress(BaseModel):
    """The experiment under way, null before the first, and its steps done of total."""

    experiment: Experiment | None
    done: int
    total: int


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
