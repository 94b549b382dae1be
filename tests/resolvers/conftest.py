"""The scene that the tests of all doors are played in: built once in a process, since it takes seconds."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.resolvers.doors.stage import Scene, Stage, opened, set_up


@pytest.fixture(scope="session")
def scene(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return asyncio.run(set_up(sqlite_template, tmp_path_factory.mktemp("scene")))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """The stage of one module; its tests run on the module's event loop: `pytest.mark.asyncio(loop_scope="module")`."""
    async with opened(scene, tmp_path_factory.mktemp("stage")) as stage:
        yield stage
