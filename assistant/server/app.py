"""The composition root of the HTTP surface: settings in, one ASGI application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI
from fastapi.security import HTTPBearer
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from assistant.sections import Server
from assistant.server import chat_api, health, inbox_api, knowledge_api, openai_api, page, problems, sagemaker_api
from assistant.server.guard import Guard, check_listen
from assistant.server.limits import BodyLimit
from assistant.server.meters import Metered
from assistant.server.parts import Parts
from assistant.server.startup import Startup
from assistant.server.webhooks import Webhooks
from assistant.settings import Settings

if TYPE_CHECKING:
    from assistant.assistant import Assistant

__all__ = ["check_listen", "create_app"]


def create_app(settings: Settings, *, assistant: Assistant | None = None) -> FastAPI:
    """The whole HTTP surface; `assistant` is opened from `settings` when not given, and then closed at the end.

    Raises:
        ConfigurationError: `server.host` is not loopback and no API key is set, or a connector is not installed or its
            section is wrong.
    """
    check_listen(settings, settings.server.host)
    parts = Parts(settings, startup=Startup(settings, assistant=assistant))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts.begin()
        yield
        await parts.aclose()

    app = FastAPI(
        title=settings.server.title,
        version=installed_version("llama-assistant-sdk"),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        middleware=_middleware(settings.server, parts),
    )
    app.state.parts = parts
    problems.install(app)
    app.router.routes.append(Webhooks(parts.inbox, registry=parts.meters.registry).route)
    key = [Depends(HTTPBearer(auto_error=False))]  # tells the API reference; the guard asks for it
    for router in (openai_api.router, knowledge_api.router, inbox_api.router, sagemaker_api.router):
        app.include_router(router, dependencies=key)
    app.include_router(chat_api.router)
    app.include_router(health.router)
    app.include_router(page.router)
    app.mount("/static", page.static_files())
    return app


def _middleware(server: Server, parts: Parts) -> list[Middleware]:
    """From the outermost in: a preflight is answered before a key is asked for, a key before the body is read."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=server.cors_origins,
        allow_methods=["GET", "POST", "DELETE"],
        allow_headers=["*"],
        expose_headers=["Retry-After"],
        max_age=3600,
    )
    return [
        Middleware(Metered, meters=parts.meters),
        Middleware(page.SecurityHeaders),
        *([cors] if server.cors_origins else []),
        Middleware(Guard, server=server),
        Middleware(BodyLimit, max_mib=server.max_body_mib),
    ]
