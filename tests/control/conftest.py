import pytest
from kubelet import Kubelet


@pytest.fixture(scope='session')
def kubelet(server):
    """Three pretend nodes whose pods run at once."""
    k = Kubelet(server, ['n1', 'n2', 'n3'])
    yield k
    k.stop()
