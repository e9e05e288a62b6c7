"""The pages: forms, redirects and charts as HTML."""

from fastapi import APIRouter

from app.web.pages import answers, docs, images, label, login, models, oracle, oracle_charts, people, service_worker

router = APIRouter()
for module in (login, docs, label, answers, images, people, models, oracle, oracle_charts, service_worker):
    router.include_router(module.router)
