import os

import pytest
from regions import Region


@pytest.fixture(scope='module')
def region(tmp_path_factory):
    directory = tmp_path_factory.mktemp('region')
    os.chmod(directory, 0o755)
    r = Region(directory)
    yield r
    r.stop()
