import pytest
from commands import Pretended, Region


@pytest.fixture(scope='session')
def region(open_directory):
    r = Region(open_directory('region'))
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
