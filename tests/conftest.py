"""Fixtures that several folders share. A folder that needs another kind of server or region says so in its own conftest.py."""
import os
import uuid

import pytest
from regions import Region
from server import Server


@pytest.fixture(scope='session')
def open_directory(tmp_path_factory):
    """open_directory(name) -> a new one that every user may enter, as clusters do, which are users of their own."""
    def make(name):
        directory = tmp_path_factory.mktemp(name)
        os.chmod(directory, 0o755)
        return directory
    return make


@pytest.fixture(scope='session')
def region(open_directory):
    """One region for all tests."""
    r = Region(open_directory('region'))
    yield r
    r.stop()


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    """One control plane for all tests that only need a namespace of their own: it must be there at the end."""
    s = Server(tmp_path_factory.mktemp('server'))
    yield s
    assert s.alive(), 'the server ended during the tests'
    assert s.stop() == 0


@pytest.fixture
def ns(server):
    """The name of a namespace of the test's own."""
    name = 't-' + uuid.uuid4().hex[:8]
    assert server.json('POST', '/api/v1/namespaces', {'metadata': {'name': name}})[0] == 201
    yield name
    server.json('DELETE', f'/api/v1/namespaces/{name}')
