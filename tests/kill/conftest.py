import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'up'))
sys.path.insert(0, str(HERE))
from started import Up  # noqa: E402


@pytest.fixture(scope='session')
def up(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip('nodes need root')
    directory = tmp_path_factory.mktemp('kill')
    os.chmod(directory, 0o755)
    u = Up(directory)
    try:
        u.kaname('up')
        yield u
    finally:
        if os.environ.get('KANAME_TEST_KEEP'):
            print(u.logs(), u.data)
        else:
            u.kaname('down')
