import pytest
from started import Up, need_root, running


@pytest.fixture(scope='session')
def up(open_directory):
    need_root()
    with running(Up(open_directory('kill'))) as u:
        yield u
