"""The pages: forms, redirects and charts as HTML."""

from fastapi import APIRouter

from app.web.pages import (
    answers,
    bringing,
    docs,
    images,
    label,
    login,
    models,
    oracle,
    oracle_charts,
    people,
    pool_settings,
    pools,
    service_worker,
    taking,
)

router = APIRouter()
_POOLS = (
    pools,
    bringing,
    label,
    answers,
    images,
    people,
    models,
    taking,
    pool_settings,
)  # /pools/new before /pools/{slug}
for module in (login, docs, *_POOLS, oracle, oracle_charts, service_worker):
    router.include_router(module.router)
