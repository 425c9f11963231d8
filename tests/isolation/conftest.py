import pytest
from tenant import Tenant


@pytest.fixture(scope='session')
def tenants(region):
    """Two clusters of one region."""
    return Tenant(region, 'a'), Tenant(region, 'b')
