import os
import pathlib
import shutil
import tempfile

import pytest
from kubelet import CNI, KUBELET, KubeletMachine, snapshot


def pytest_collection_modifyitems(items):
    missing = os.geteuid() != 0 or not shutil.which('containerd') or not (CNI / 'ptp').exists() or not KUBELET.exists()
    for item in items:
        if missing:
            item.add_marker(pytest.mark.skip(reason='make e2e-originals brings the original kubelet and its network plug-ins; root only'))


@pytest.fixture(scope='session')
def machine():
    """Two nodes: k1 as kubelets of 1.36 are, k2 as those before, which take no WebSocket of today's clients."""
    before = snapshot()
    m = KubeletMachine(tempfile.mkdtemp(prefix='kaname-kubelet-'))
    try:
        m.up()
        m.add_kubelet('k1', {})
        m.add_kubelet('k2', {'ExtendWebSocketsToKubelet': False})
        for name in ('k1', 'k2'):
            m.hosts[name]['serving'] = m.approve_serving(name)
            m.wait(lambda: m.condition('node', name, 'Ready') == 'True', 60, f'{name} is Ready')
        yield m
    finally:
        if os.environ.get('KANAME_TEST_LOGS'):
            for log in [*m.directory.glob('*.log'), *(m.directory / 'hosts').glob('*/log/*.log')]:
                shutil.copy(log, pathlib.Path(os.environ['KANAME_TEST_LOGS']) / '-'.join(log.parts[len(m.directory.parts):]))
        m.down()
    assert snapshot() == before
    assert m.left_groups() == []
