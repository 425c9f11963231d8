import os
import sys
import uuid

import pytest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), 'kubernetes'))
sys.path.insert(0, here)
from guarded import Guarded  # noqa: E402


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    """One server that all of these attack: it must be there, and well, at the end."""
    s = Guarded(tmp_path_factory.mktemp('limits'), components='api')
    yield s
    assert s.alive(), 'the server ended during the tests'
    assert s.request('GET', '/readyz')[0] == 200
    assert s.stop() == 0


@pytest.fixture
def ns(server):
    name = 't-' + uuid.uuid4().hex[:8]
    assert server.json('POST', '/api/v1/namespaces', {'metadata': {'name': name}})[0] == 201
    yield name
    server.json('DELETE', f'/api/v1/namespaces/{name}/configmaps')
    server.json('DELETE', f'/api/v1/namespaces/{name}')


@pytest.fixture
def guard(server):
    """What an attack may cost: the server's memory and CPU, and what others see of it."""
    with server.watched() as g:
        yield g
