"""What a listener answers to, read from its own table of routes."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route


def routes_of(routes: Sequence[BaseRoute], prefix: str = "") -> set[str]:
    """As `GET /path/{parameter}`, those below a mount too."""
    found = set()
    for route in routes:
        if isinstance(route, Mount):
            assert isinstance(route.app, Starlette)
            found |= routes_of(route.app.routes, prefix + route.path)
        elif isinstance(route, Route):
            found |= {f"{method} {prefix}{route.path}" for method in (route.methods or ()) if method != "HEAD"}
        else:
            raise TypeError(f"nobody has said who may use {route!r}")
    return found
