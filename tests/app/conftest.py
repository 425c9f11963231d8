import json
import pathlib
import time

import pytest
from images import image
from started import Up, need_root, running

HERE = pathlib.Path(__file__).resolve().parent

LINKS = {f'bin/{name}': (0o755, f'#!/bin/busybox sh\nexec /bin/busybox {name} "$@"\n') for name in ('sh', 'sleep', 'grep', 'cat', 'wget', 'ls')}
PATH = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin']
USERS = 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\nredis:x:999:999::/data:/bin/sh\n'


def base(**files):
    return {'etc/passwd': (0o644, USERS), 'etc/group': (0o644, 'root:x:0:\nwww-data:x:33:\nredis:x:999:\n'),
            'tmp': (0o1777, None), 'run': (0o755, None), **LINKS, **files}


def images():
    """The shop's three images."""
    busybox = ['busybox-static']
    yield image(['shop.local/database:1'], ['redis-server', 'redis-tools'] + busybox, base(data=(0o755, None)),
                {'Env': PATH, 'Entrypoint': ['/usr/bin/redis-server'], 'WorkingDir': '/data'})
    yield image(['shop.local/orders:1'], ['python3.11-minimal', 'libpython3.11-stdlib'] + busybox,
                base(**{'app/shop.py': (0o644, (HERE / 'shop.py').read_text()), 'app/buyers.py': (0o644, (HERE / 'buyers.py').read_text())}),
                {'Env': PATH + ['PYTHONDONTWRITEBYTECODE=1'], 'Entrypoint': ['/usr/bin/python3.11', '-u'], 'Cmd': ['/app/shop.py'], 'WorkingDir': '/app'})
    yield image(['shop.local/web:1'], ['nginx', 'nginx-common'] + busybox, base(**{'var/log/nginx': (0o755, None), 'srv': (0o755, None)}),
                {'Env': PATH, 'Entrypoint': ['/usr/sbin/nginx', '-g', 'daemon off;'], 'WorkingDir': '/'})


class Shop(Up):
    def rolled(self, *names):
        for name in names:
            self.kubectl('rollout', 'status', name, '--timeout=120s', timeout=150)

    def node_of_database(self):
        return self.kubectl('get', 'pod', 'database-0', '-o', 'jsonpath={.spec.nodeName}')

    def kept(self):
        """All orders, asked through all tiers."""
        return json.loads(self.asked('/orders'))['orders']

    def asked(self, path):
        """What the shop answers to somebody in the cluster."""
        return self.kubectl('exec', 'buyers', '--', 'python3.11', '-c',
                            f'import urllib.request; print(urllib.request.urlopen("http://shop{path}", timeout=20).read().decode())')

    def start_buyers(self, name='buyers'):
        """Load from a pod on the database's node, until stop_buyers."""
        self.kubectl('delete', 'pod', name, '--ignore-not-found')
        self.apply({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name}, 'spec': {
            'restartPolicy': 'Never', 'terminationGracePeriodSeconds': 1, 'nodeName': self.node_of_database(),
            'containers': [{'name': 'buyers', 'image': 'shop.local/orders:1', 'args': ['/app/buyers.py', 'shop', f'{name}{time.time():.0f}']}]}})
        self.kubectl('wait', f'pod/{name}', '--for=condition=Ready', '--timeout=60s')

    def stop_buyers(self, name='buyers'):
        """What they bought."""
        self.kubectl('exec', name, '--', '/bin/busybox', 'touch', '/tmp/stop')
        self.kubectl('wait', f'pod/{name}', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s')
        result = json.loads(self.kubectl('logs', name).splitlines()[-1])
        print(f'{len(result["kept"])} orders kept, {len(result["failed"])} failed, by version {result["versions"]}, slowest {result["slowest"]:.3f} s')
        return result


@pytest.fixture(scope='session')
def shop(open_directory):
    need_root()
    archives = [str(path) for path in images()]
    with running(Shop(open_directory('app')), '--no-sample') as s:
        for line in s.kaname('image', 'load', *archives).stdout.splitlines():
            assert line.endswith(': in 2 nodes'), line
        s.kubectl('apply', '-f', str(HERE / 'shop.yaml'))
        s.rolled('statefulset/database', 'deployment/orders', 'deployment/web')
        yield s
