"""The REST API under /api/v1: an endpoint validates, calls one domain function in one transaction, and answers."""

from fastapi import APIRouter, Depends

from app.web.api import (
    accounts,
    classes,
    images,
    labeling,
    models,
    oracle_runs,
    own_pools,
    people,
    pools,
    predicting,
    webhooks,
)
from app.web.edge.auth import get_caller
from app.web.edge.problems import responses

router = APIRouter(prefix="/api/v1", responses=responses(401, 422))
router.include_router(pools.router, dependencies=[Depends(get_caller)])
router.include_router(own_pools.router, dependencies=[Depends(get_caller)])
router.include_router(classes.router, dependencies=[Depends(get_caller)])
router.include_router(classes.admin_router, dependencies=[Depends(get_caller)])
router.include_router(images.api_router)
router.include_router(labeling.router)  # finds its caller itself, in the transaction in which the caller acts
router.include_router(people.router, dependencies=[Depends(get_caller)])
router.include_router(accounts.router, dependencies=[Depends(get_caller)])
router.include_router(models.router, dependencies=[Depends(get_caller)])
router.include_router(predicting.router, dependencies=[Depends(get_caller)])
router.include_router(oracle_runs.router, dependencies=[Depends(get_caller)])
router.include_router(webhooks.router, dependencies=[Depends(get_caller)])
