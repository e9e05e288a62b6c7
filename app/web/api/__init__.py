"""The REST API under /api/v1: an endpoint validates, calls one domain function in one transaction, and answers."""

from fastapi import APIRouter

from app.web.api import labeling, oracle_runs, pools
from app.web.problems import responses

router = APIRouter(prefix="/api/v1", responses=responses(422))
router.include_router(pools.router)
router.include_router(labeling.router)
router.include_router(oracle_runs.router)
