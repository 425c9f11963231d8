import pytest
from regions import Region


@pytest.fixture(scope='module')
def region(open_directory):
    """A new one for each file: some look at all that a region has."""
    r = Region(open_directory('region'))
    yield r
    r.stop()
