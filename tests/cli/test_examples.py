"""examples/ as they stand."""
import json
import os
import subprocess
import sys

import pytest
from commands import CACHE, KANAME, PROJECT, environment

EXAMPLES = os.path.join(PROJECT, 'examples')


@pytest.mark.parametrize('name', ['boto3', 'operator'])
def test_python(name, tmp_path):
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', os.path.join(EXAMPLES, name)], capture_output=True, text=True,
                          env=environment(tmp_path, KANAME=KANAME, PYTHONDONTWRITEBYTECODE='1'), cwd=tmp_path, timeout=120)
    assert done.returncode == 0 and ' passed' in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope='module')
def up(tmp_path_factory):
    if os.geteuid() != 0:
        pytest.skip('nodes need root')
    home = tmp_path_factory.mktemp('up')
    os.chmod(home, 0o755)
    options = ['--data-dir', f'{home}/data', '--kubeconfig', f'{home}/config', '--progress', 'quiet']

    def call(*args):
        at = args.index('--') if '--' in args else len(args)
        more = options[:2] if args[0] == 'connect' else options
        done = subprocess.run([KANAME, *args[:at], *more, *args[at:]], env=environment(home), capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    call('up', '--nodes', '1', '--no-sample')
    yield call
    call('down', '--purge')


def kubectl(up, cluster, *args):
    return up('connect', cluster, '--', f'{CACHE}/bin/kubectl', *args)


def test_application(up):
    kubectl(up, 'default', 'apply', '-f', f'{EXAMPLES}/application/hello.yaml')
    kubectl(up, 'default', 'wait', 'job/ask', '--for=condition=Complete', '--timeout=60s')
    assert '<h1>It runs.</h1>' in kubectl(up, 'default', 'logs', 'job/ask')


def test_cluster(up):
    up('cluster', 'create', '--file', f'{EXAMPLES}/cluster/cluster.yaml')
    nodes = json.loads(kubectl(up, 'shop', 'get', 'nodes', '-l', 'tier=web', '-o', 'json'))['items']
    assert len(nodes) == 1
    assert kubectl(up, 'shop', 'get', 'service', 'kubernetes', '-o', 'jsonpath={.spec.clusterIP}').startswith('10.101.')
    up('cluster', 'delete', 'shop')
