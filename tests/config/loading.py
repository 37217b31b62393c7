"""The forms of the fixtures that load a configuration."""

from typing import Protocol

from wamon.config.settings import Settings


class Load(Protocol):
    def __call__(self, written: str | None = None, **environment: str) -> Settings: ...


class Faults(Protocol):
    def __call__(self, written: str | None = None, **environment: str) -> list[str]: ...
