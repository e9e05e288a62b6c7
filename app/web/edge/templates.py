"""Jinja's environment: templates are compiled once, and an undefined name is an error."""

from typing import Any
from urllib.parse import urlencode

import jinja2
from fastapi import Request
from fastapi.templating import Jinja2Templates

from app.settings import ROOT
from app.web.edge.assets import static_url, vendor_url


def as_percent(share: float, digits: int = 2) -> str:
    """0.8975 as "89.75 %", with a narrow no-break space."""
    return f"{share * 100:.{digits}f}\u202f%"


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = as_percent
    environment.globals |= {"static_url": static_url, "vendor_url": vendor_url}
    return environment


def _about_request(request: Request) -> dict[str, Any]:
    """`caller` for the header: None where the caller is not identified, as on the login page and at an unknown address.

    `here` is the page's address, for links that lead back to it.
    """
    cursor = request.query_params.get("cursor")
    here = f"{request.url.path}?{urlencode({'cursor': cursor})}" if cursor else request.url.path
    return {"caller": getattr(request.state, "caller", None), "here": here}


templates = Jinja2Templates(env=_environment(), context_processors=[_about_request])
