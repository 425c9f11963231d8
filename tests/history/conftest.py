import pathlib

import pytest
from go_programs import built
from shimmed import Shimmed

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope='session')
def judge():
    """The program that judges histories, built once."""
    return built(HERE / 'judge', 'judge')


@pytest.fixture
def server(tmp_path):
    s = Shimmed(tmp_path, components='api')
    yield s
    if s.alive():
        s.stop()
