import os

import footprint
import pytest
from started import Up


@pytest.fixture(scope='session')
def up(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip('nodes need root')
    directory = tmp_path_factory.mktemp('up')
    os.chmod(directory, 0o755)
    u = Up(directory)
    u.before = footprint.snapshot(u.data)
    u.first = u.kaname('up')
    yield u
    u.kaname('down')


@pytest.fixture
def pod(up):
    """A pod of the sample application."""
    return up.kubectl('get', 'pods', '-l', 'app=hello', '-o', 'name').split()[0]
