"""The bodies of oracle runs."""

import datetime as dt
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from app.learning.ranking import Rule
from app.models import OracleRun, RunStatus
from app.oracle.scenarios import EXPERIMENTS, Experiment, Parameters
from app.web.schemas import Strict


class OracleRunIn(Strict):
    """What to run; the defaults are the paper's."""

    experiments: list[Experiment] = Field(default=list(EXPERIMENTS), min_length=1, max_length=len(EXPERIMENTS))
    pool_start: int = Field(default=0, ge=0, le=10**9, examples=[0])
    pool_size: int = Field(default=4000, ge=10, le=1_000_000)
    validation_size: int = Field(default=400, ge=1, le=1_000_000)
    batch_size: int = Field(default=10, ge=1, le=10_000)
    budget: int = Field(default=400, ge=1, le=1_000_000)
    shuffle_seed: int | None = Field(default=None, ge=0, lt=2**32)
    ranking: Rule = "least_confidence"

    @field_validator("budget")
    @classmethod
    def fits_the_pool(cls, budget: int, others: ValidationInfo) -> int:
        """Refused here, not a second later in a run that has failed."""
        pool_size = others.data.get("pool_size", budget)  # left out when it is wrong itself
        if budget > pool_size:
            raise PydanticCustomError(
                "budget_over_pool",
                "A budget of {budget} labels is more than the pool of {pool_size}. Lower the budget.",
                {"budget": budget, "pool_size": pool_size},
            )
        return budget

    def parameters(self) -> Parameters:
        """The same for the domain."""
        return Parameters(**self.model_dump() | {"experiments": tuple(dict.fromkeys(self.experiments))})


class OracleRunOut(BaseModel):
    """A run in the list: `progress` holds the experiment under way and its steps done of total."""

    id: int
    status: RunStatus
    parameters: dict[str, Any]
    progress: dict[str, Any]
    error: str | None
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None

    model_config = ConfigDict(from_attributes=True)


class OracleRunDetail(OracleRunOut):
    """A run with every curve once it is done, in the shape that `inkling oracle --json` writes."""

    result: dict[str, Any] | None

    @classmethod
    def of(cls, run: OracleRun) -> Self:
        """From its row with the result loaded."""
        return cls.model_validate(run)
