"""A container behind SageMaker's door, and a model that calls it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from sagemaker_container import Container
from sagemaker_door import Door

from assistant.testing.serving import served
from deploy import ChatSageMaker

SECRET, TOKEN = "secret-of-the-tests", "token-of-the-tests"


class Site:
    """The endpoint `llama`, from the caller's side and from the container's; each test begins with new ones."""

    def __init__(self) -> None:
        self.container, self.door = Container(), Door()
        self.url = self._inside = ""

    def reset(self, container: Container) -> Self:
        """Nothing has happened yet; whoever waits for the old container is let go."""
        self.container.gate.set()
        self.container, self.door = container, Door(endpoints={"llama": self._inside})
        return self

    def model(self, **options: Any) -> ChatSageMaker:
        """A model on the endpoint; repeats nothing unless `options` say so."""
        return ChatSageMaker(**{"endpoint": "llama", "endpoint_url": self.url, "max_retries": 0, **options})

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """Serve both."""

        async def inside(*call: Any) -> None:
            await self.container.app(*call)

        async def outside(*call: Any) -> None:
            await self.door.app(*call)

        with served(inside) as self._inside, served(outside) as self.url:
            yield self.reset(Container())
            self.container.gate.set()


def set_credentials(patch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AWS settings of the tests' own; every service is at a port where nobody listens."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        patch.delenv(name)
    values = {"ACCESS_KEY_ID": "AKIATEST", "SECRET_ACCESS_KEY": SECRET, "SESSION_TOKEN": TOKEN}
    values |= {"DEFAULT_REGION": "us-east-1", "ENDPOINT_URL": "http://127.0.0.1:9", "EC2_METADATA_DISABLED": "true"}
    values |= {"CONFIG_FILE": str(tmp_path / "config"), "SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}
    for name, value in values.items():
        patch.setenv(f"AWS_{name}", value)
