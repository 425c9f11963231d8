import os
import sys
import uuid

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'kubernetes'))

from kubelet import Kubelet  # noqa: E402
from server import Server  # noqa: E402


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    s = Server(tmp_path_factory.mktemp('control'))
    yield s
    assert s.alive(), 'the server ended during the tests'
    assert s.stop() == 0


@pytest.fixture(scope='session')
def kubelet(server):
    """Three pretend nodes whose pods run at once."""
    k = Kubelet(server, ['n1', 'n2', 'n3'])
    yield k
    k.stop()


@pytest.fixture
def ns(server):
    name = 'c-' + uuid.uuid4().hex[:8]
    server.kubectl('create', 'namespace', name)
    yield name
    server.kubectl('delete', 'namespace', name, '--wait=false')
