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
    pools,
    service_worker,
    taking,
    webhooks,
)

router = APIRouter()
_POOLS = (pools, bringing, label, answers, images, people, models, taking, webhooks)  # /pools/new before /pools/{slug}
for module in (login, join, account, accounts, docs, *_POOLS, oracle, oracle_charts, service_worker):
    router.include_router(module.router)
