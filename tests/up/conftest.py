import footprint
import pytest
from started import Up, need_root, running


@pytest.fixture(scope='session')
def up(open_directory):
    need_root()
    u = Up(open_directory('up'))
    u.before = footprint.snapshot(u.data)
    with running(u):
        yield u


@pytest.fixture
def pod(up):
    """A pod of the sample application."""
    return up.kubectl('get', 'pods', '-l', 'app=hello', '-o', 'name').split()[0]
