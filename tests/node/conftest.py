import os
import pathlib
import shutil
import tempfile

import pytest
from machine import Machine, snapshot


def pytest_collection_modifyitems(items):
    missing = os.geteuid() != 0 or not shutil.which('containerd') or not shutil.which('ip')
    for item in items:
        if missing and pathlib.Path(__file__).resolve().parent in pathlib.Path(item.fspath).parents:
            item.add_marker(pytest.mark.skip(reason='real nodes need root, containerd and iproute2'))


@pytest.fixture(scope='session')
def machine():
    before = snapshot()
    m = Machine(tempfile.mkdtemp(prefix='kaname-node-'))
    try:
        m.up()
        m.add_node('n1')
        m.load_busybox('n1')
        yield m
    finally:
        if os.environ.get('KANAME_TEST_LOGS'):
            for log in (m.directory / 'hosts').glob('*/log/*.log'):
                shutil.copy(log, pathlib.Path(os.environ['KANAME_TEST_LOGS']) / f'{log.parts[-3]}-{log.name}')
        m.down()
    assert snapshot() == before
    assert m.left_groups() == []
