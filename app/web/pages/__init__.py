"""The pages: forms, redirects and charts as HTML."""

from fastapi import APIRouter

from app.web.pages import (
    account,
    accounts,
    answers,
    bringing,
    docs,
    images,
    join,
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
    webhooks,
)

router = APIRouter()
# /pools/new before /pools/{slug}
_POOLS = (pools, bringing, label, answers, images, people, models, taking, webhooks, pool_settings)
for module in (login, join, account, accounts, docs, *_POOLS, oracle, oracle_charts, service_worker):
    router.include_router(module.router)
