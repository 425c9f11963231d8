import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'region'))
sys.path.insert(0, str(HERE))
from regions import Region  # noqa: E402
from tenant import Tenant  # noqa: E402


@pytest.fixture(scope='session')
def region(tmp_path_factory):
    directory = tmp_path_factory.mktemp('isolation')
    os.chmod(directory, 0o755)
    r = Region(directory)
    yield r
    r.stop()


@pytest.fixture(scope='session')
def tenants(region):
    """Two clusters of one region."""
    return Tenant(region, 'a'), Tenant(region, 'b')
