import uuid

import pytest

from server import Server


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    """One server for all tests that only need a namespace of their own."""
    s = Server(tmp_path_factory.mktemp('server'))
    yield s
    assert s.alive(), 'the server ended during the tests'
    assert s.stop() == 0


@pytest.fixture
def ns(server):
    name = 't-' + uuid.uuid4().hex[:8]
    server.kubectl('create', 'namespace', name)
    yield name
    server.kubectl('delete', 'namespace', name, '--wait=false')


@pytest.fixture
def lone_server(tmp_path):
    """A server that a test may kill."""
    s = Server(tmp_path, components='api')
    yield s
    if s.alive():
        s.stop()
