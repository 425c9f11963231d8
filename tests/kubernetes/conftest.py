import pytest
from server import Server


@pytest.fixture
def lone_server(tmp_path):
    """A server that a test may kill."""
    s = Server(tmp_path, components='api')
    yield s
    if s.alive():
        s.stop()
