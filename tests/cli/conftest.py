import os

import pytest
from commands import Pretended, Region


@pytest.fixture(scope='session')
def region(tmp_path_factory):
    directory = tmp_path_factory.mktemp('region')
    os.chmod(directory, 0o755)
    r = Region(directory)
    yield r
    r.stop()


@pytest.fixture
def pretend(tmp_path):
    """pretend(answer) -> a region that answers so."""
    started = []

    def start(answer):
        started.append(Pretended(tmp_path, answer))
        return started[-1]

    yield start
    for p in started:
        p.stop()
