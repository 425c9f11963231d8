"""One `kaname up` for tests: its commands, and kubectl against its cluster."""
import contextlib
import json
import os
import subprocess

import pytest
from program import CACHE, KANAME


class Up:
    """One `kaname up` in a temporary directory."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.data = f'{directory}/data'
        self.kubeconfig = f'{directory}/kubeconfig'

    def env(self, **more):
        return {**os.environ, 'KUBECONFIG': self.kubeconfig, 'HOME': self.directory, 'PATH': f'{CACHE}/bin:{os.environ["PATH"]}', **more}

    def kaname(self, *args, check=True, timeout=180):
        done = subprocess.run([KANAME, *args, '--data-dir', self.data], env=self.env(), capture_output=True, text=True, timeout=timeout)
        if check:
            assert done.returncode == 0, done.stderr + self.logs()
        return done

    def kubectl(self, *args, check=True, timeout=60, client='kubectl', **more):
        done = subprocess.run([f'{CACHE}/bin/{client}', *args], env=self.env(), capture_output=True, text=True, timeout=timeout, **more)
        if check:
            assert done.returncode == 0, f'kubectl {" ".join(args)}\n{done.stdout}{done.stderr}'
            return done.stdout
        return done

    def json(self, *args):
        return json.loads(self.kubectl(*args, '-o', 'json'))

    def apply(self, document):
        return self.kubectl('apply', '-f', '-', input=json.dumps(document))

    def logs(self):
        text = ''
        for top, _, files in os.walk(self.data):
            for name in files:
                if name in ('region.log', 'kaname-node.log'):
                    with open(os.path.join(top, name), errors='replace') as f:
                        text += f'\n== {top}/{name}\n' + ''.join(f.readlines()[-20:])
        return text


def need_root():
    if os.geteuid() != 0:
        pytest.skip('nodes need root')


@contextlib.contextmanager
def running(up, *options):
    """Started, and ended after use; $KANAME_TEST_KEEP leaves it there to be looked at."""
    try:
        up.first = up.kaname('up', *options)
        yield up
    finally:
        if os.environ.get('KANAME_TEST_KEEP'):
            print(up.logs(), up.data)
        else:
            up.kaname('down')
