import pytest
from guarded import Guarded


@pytest.fixture(scope='session')
def server(tmp_path_factory):
    """One server that all of these attack: it must be there, and well, at the end."""
    s = Guarded(tmp_path_factory.mktemp('limits'), components='api')
    yield s
    assert s.alive(), 'the server ended during the tests'
    assert s.request('GET', '/readyz')[0] == 200
    assert s.stop() == 0


@pytest.fixture
def ns(server, ns):
    """Empties it in the end, which nobody else does: no controllers run here."""
    yield ns
    server.json('DELETE', f'/api/v1/namespaces/{ns}/configmaps')


@pytest.fixture
def guard(server):
    """What an attack may cost: the server's memory and CPU, and what others see of it."""
    with server.watched() as g:
        yield g
