import json
import os
import pty
import select
import subprocess
import time
import uuid

import pytest
from program import CACHE
from started import Up, need_root, running

IMAGE = 'kaname.local/busybox:1'


class Client:
    """One kubectl in a namespace of its own."""

    def __init__(self, up, program, namespace):
        self.up, self.program, self.namespace = up, f'{CACHE}/bin/{program}', namespace

    def command(self, *args):
        return [self.program, '-n', self.namespace, *args]

    def run(self, *args, input=None, timeout=90, **env):
        if isinstance(input, (dict, list)):
            input = json.dumps(input)
        return subprocess.run(self.command(*args), env=self.up.env(**env), input=input, capture_output=True, text=True, timeout=timeout)

    def __call__(self, *args, **more):
        done = self.run(*args, **more)
        assert done.returncode == 0, f'kubectl {" ".join(args)}\n{done.stdout}{done.stderr}{self.up.logs()}'
        return done.stdout

    def fails(self, *args, status=1, **more):
        done = self.run(*args, **more)
        assert done.returncode == status, f'kubectl {" ".join(args)}: {done.returncode}\n{done.stdout}{done.stderr}'
        return done.stderr

    def json(self, *args):
        return json.loads(self(*args, '-o', 'json'))

    def start(self, *args, **more):
        return subprocess.Popen(self.command(*args), env=self.up.env(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)

    def run_pod(self, name, script, labels=None, **container):
        """A pod whose shell ends at once when it is told to."""
        self('apply', '-f', '-', input={
            'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'labels': labels or {}},
            'spec': {'restartPolicy': 'Never', 'terminationGracePeriodSeconds': 1,
                     'containers': [{'name': 'main', 'image': IMAGE, 'command': ['sh', '-c', script], **container}]}})

    def ready(self, *what):
        return self('wait', *what, '--for=condition=Ready', '--timeout=60s')

    def deployment(self, name='web', replicas=2):
        self('apply', '-f', '-', input={
            'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': name, 'labels': {'app': name}},
            'spec': {'replicas': replicas, 'selector': {'matchLabels': {'app': name}},
                     'template': {'metadata': {'labels': {'app': name}},
                                  'spec': {'terminationGracePeriodSeconds': 1,
                                           'containers': [{'name': 'web', 'image': IMAGE, 'ports': [{'containerPort': 8080}],
                                                           'readinessProbe': {'httpGet': {'path': '/', 'port': 8080}, 'periodSeconds': 1}}]}}}})
        self('rollout', 'status', f'deployment/{name}', '--timeout=60s')


class Terminal:
    """A command on a pseudo terminal, as a person at a keyboard has it."""

    def __init__(self, command, env, size=None):
        self.text = ''
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if size:
                os.system(f'stty rows {size[0]} cols {size[1]}')
            os.execve(command[0], command, env)

    def expect(self, words, timeout=30):
        end = time.monotonic() + timeout
        while words not in self.text:
            assert time.monotonic() < end, f'{words!r} not in {self.text!r}'
            if not select.select([self.fd], [], [], 1)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b''
            assert data, f'ended: {words!r} not in {self.text!r}'
            self.text += data.decode(errors='replace')

    def type(self, text):
        os.write(self.fd, text.encode())

    def wait(self, timeout=30):
        """Exit status."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 65536).decode(errors='replace')
                except OSError:
                    pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        raise AssertionError(f'did not end: {self.text!r}')


@pytest.fixture(scope='session')
def up(open_directory):
    need_root()
    with running(Up(open_directory('kubectl')), '--no-sample') as u:
        yield u


@pytest.fixture(params=['kubectl', 'kubectl-1.34'])
def k(up, request):
    name = 't-' + uuid.uuid4().hex[:8]
    up.kubectl('create', 'namespace', name)
    up.kubectl('wait', 'serviceaccount/default', '-n', name, '--for=create', '--timeout=30s')
    yield Client(up, request.param, name)
    up.kubectl('delete', 'namespace', name, '--wait=false')
