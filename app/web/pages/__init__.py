"""The pages: forms, redirects and charts as HTML."""

from fastapi import APIRouter

from app.web.pages import (
    answers,
    docs,
    images,
    label,
    login,
    models,
    oracle,
    oracle_charts,
    people,
    pools,
    service_worker,
    taking,
)

router = APIRouter()
_MODULES = (login, docs, pools, label, answers, images, people, models, taking, oracle, oracle_charts, service_worker)
for module in _MODULES:
    router.include_router(module.router)
