"""The REST API under /api/v1: an endpoint validates, calls one domain function in one transaction, and answers."""

from fastapi import APIRouter, Depends

from app.web.api import labeling, oracle_runs, people, pools
from app.web.auth import get_caller
from app.web.problems import responses

router = APIRouter(prefix="/api/v1", responses=responses(401, 422), dependencies=[Depends(get_caller)])
router.include_router(pools.router)
router.include_router(labeling.router)
router.include_router(people.router)
router.include_router(oracle_runs.router)
