"""What a program in a pod does with its service account, as client-go does it: find the API server, trust it, be somebody there."""
import base64
import contextlib
import json
import os
import struct
import subprocess
import time

import kubectl_image
import pytest
from program import KUBECTL, PROJECT, SANITIZED

FILES = '/var/run/secrets/kubernetes.io/serviceaccount'
VAULT = '/var/run/vault/token'
USER = 'system:serviceaccount:accounts:watcher'


def pod(name, **spec):
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name, 'namespace': 'accounts'}, 'spec': {
        'terminationGracePeriodSeconds': 0, 'containers': [{'name': 'main', 'image': kubectl_image.NAME}], **spec}}


def with_vault(name):
    """One that has a second token, for an audience of its own."""
    projected = {'sources': [{'serviceAccountToken': {'path': 'token', 'audience': 'vault', 'expirationSeconds': 600}}]}
    made = pod(name, serviceAccountName='watcher', volumes=[{'name': 'vault', 'projected': projected}])
    made['spec']['containers'][0]['volumeMounts'] = [{'name': 'vault', 'mountPath': '/var/run/vault'}]
    return made


class Accounts:
    def __init__(self, up):
        self.up = up
        self.service = up.json('get', 'service', 'kubernetes')['spec']
        self.port = str(self.service['ports'][0]['port'])

    def exec(self, name, *command, **more):
        return self.up.kubectl('-n', 'accounts', 'exec', name, '--', *command, **more)

    def refused(self, name, *command):
        done = self.exec(name, *command, check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def start(self, *pods):
        self.up.apply({'apiVersion': 'v1', 'kind': 'List', 'items': list(pods)})
        names = [f'pod/{p["metadata"]["name"]}' for p in pods]
        self.up.kubectl('-n', 'accounts', 'wait', *names, '--for=condition=Ready', '--timeout=60s')

    def as_token(self, token, *command):
        """kubectl from outside, as whoever the token is of."""
        server = self.up.kubectl('config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}')
        return subprocess.run([KUBECTL, '--kubeconfig', '/dev/null', '--server', server, '--insecure-skip-tls-verify', '--token', token, *command],
                              capture_output=True, text=True, timeout=30)

    def review(self, token, *audiences):
        review = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token, 'audiences': list(audiences)}}
        return json.loads(self.up.kubectl('create', '-f', '-', '-o', 'json', input=json.dumps(review)))['status']


@pytest.fixture(scope='module')
def accounts(up):
    up.kaname('image', 'load', kubectl_image.write(f'{up.directory}/kubectl.tar'))
    up.kubectl('create', 'namespace', 'accounts')
    for command in ('serviceaccount watcher', 'role watch --verb=get,list,watch --resource=pods,configmaps',
                    'rolebinding watch --role=watch --serviceaccount=accounts:watcher'):
        up.kubectl('-n', 'accounts', 'create', *command.split())
    a = Accounts(up)
    a.start(with_vault('inside'), pod('bare', automountServiceAccountToken=False))
    yield a
    up.kubectl('delete', 'namespace', 'accounts')


def claims(token):
    part = token.split('.')[1]
    return json.loads(base64.urlsafe_b64decode(part + '=' * (-len(part) % 4)))


def test_its_files(up, accounts):
    assert accounts.exec('inside', 'ls', FILES).split() == ['ca.crt', 'namespace', 'token']
    assert accounts.exec('inside', 'cat', f'{FILES}/namespace') == 'accounts'
    authority = up.json('-n', 'accounts', 'get', 'configmap', 'kube-root-ca.crt')['data']['ca.crt']
    assert accounts.exec('inside', 'cat', f'{FILES}/ca.crt') == authority
    token = claims(accounts.exec('inside', 'cat', f'{FILES}/token'))
    about = up.json('-n', 'accounts', 'get', 'pod', 'inside')
    assert token['sub'] == USER and token['exp'] - token['iat'] == 365 * 86400 and token['kubernetes.io']['warnafter'] - token['iat'] == 3607
    assert token['kubernetes.io']['pod'] == {'name': 'inside', 'uid': about['metadata']['uid']}
    assert token['kubernetes.io']['node']['name'] == about['spec']['nodeName']
    vault = claims(accounts.exec('inside', 'cat', VAULT))
    assert vault['aud'] == ['vault'] and vault['exp'] - vault['iat'] == 600


def test_its_environment_names_the_server(accounts):
    environment = dict(line.split('=', 1) for line in accounts.exec('inside', 'env').splitlines())
    assert environment['KUBERNETES_SERVICE_HOST'] == accounts.service['clusterIP']
    assert environment['KUBERNETES_SERVICE_PORT'] == environment['KUBERNETES_SERVICE_PORT_HTTPS'] == accounts.port
    assert environment['KUBERNETES_PORT'] == f'tcp://{accounts.service["clusterIP"]}:{accounts.port}'


@pytest.mark.parametrize('name', ['kubernetes.default.svc', 'kubernetes.default', 'kubernetes.default.svc.cluster.local'])
def test_the_server_is_found_by_name_and_trusted_by_its_authority(accounts, name):
    assert accounts.service['clusterIP'] in accounts.exec('inside', 'nslookup', 'kubernetes.default.svc.cluster.local')
    trusted = f'kubectl --server=https://{name}:{accounts.port} --token="$(cat {FILES}/token)"'
    version = json.loads(accounts.exec('inside', 'sh', '-c', f'{trusted} --certificate-authority={FILES}/ca.crt get --raw /version'))
    assert version['major'] == '1'
    assert 'certificate signed by unknown authority' in accounts.refused('inside', 'sh', '-c', f'{trusted} get --raw /version')


def test_it_is_somebody_who_may_what_its_role_says(accounts):
    who = json.loads(accounts.exec('inside', 'kubectl', 'auth', 'whoami', '-o', 'json'))['status']['userInfo']
    assert who['username'] == USER and 'system:serviceaccounts:accounts' in who['groups']
    assert 'pod/inside' in accounts.exec('inside', 'kubectl', 'get', 'pods', '-o', 'name')
    for what, said in ((['secrets'], f'secrets is forbidden: User "{USER}" cannot list resource "secrets" in API group "" in the namespace "accounts"'),
                       (['pods', '-n', 'default'], f'User "{USER}" cannot list resource "pods" in API group "" in the namespace "default"'),
                       (['nodes'], f'User "{USER}" cannot list resource "nodes" in API group "" at the cluster scope')):
        assert said in accounts.refused('inside', 'kubectl', 'get', *what)
    assert 'cannot delete resource "pods"' in accounts.refused('inside', 'kubectl', 'delete', 'pod', 'inside')
    assert accounts.exec('inside', 'kubectl', 'auth', 'can-i', 'watch', 'configmaps').strip() == 'yes'
    assert accounts.exec('inside', 'kubectl', 'auth', 'can-i', 'create', 'configmaps', check=False).stdout.strip() == 'no'


def test_what_it_may_changes_at_once(up, accounts):
    up.kubectl('-n', 'accounts', 'create', 'role', 'more', '--verb=list', '--resource=secrets')
    up.kubectl('-n', 'accounts', 'create', 'rolebinding', 'more', '--role=more', '--serviceaccount=accounts:watcher')
    accounts.exec('inside', 'kubectl', 'get', 'secrets')
    up.kubectl('-n', 'accounts', 'delete', 'rolebinding', 'more')
    assert 'forbidden' in accounts.refused('inside', 'kubectl', 'get', 'secrets')


def test_it_watches(up, accounts):
    watch = subprocess.Popen([KUBECTL, '-n', 'accounts', 'exec', 'inside', '--', 'kubectl', 'get', 'configmaps', '--watch', '-o', 'name'],
                             env=up.env(), stdout=subprocess.PIPE, text=True)
    try:
        assert watch.stdout.readline().strip() == 'configmap/kube-root-ca.crt'
        for number in range(3):
            up.kubectl('-n', 'accounts', 'create', 'configmap', f'seen-{number}')
            assert watch.stdout.readline().strip() == f'configmap/seen-{number}'
    finally:
        watch.kill()
        watch.wait()


def test_a_token_for_somebody_else_is_refused(accounts):
    token = accounts.exec('inside', 'cat', VAULT)
    assert 'You must be logged in to the server' in accounts.as_token(token, 'get', 'pods').stderr
    status = accounts.review(token, 'vault')
    assert status['authenticated'] and status['audiences'] == ['vault'] and status['user']['username'] == USER
    assert not accounts.review(token, 'safe').get('authenticated') and not accounts.review(token).get('authenticated')


class Clock:
    """The clock of a node's agent, which the test can set forward: the agent is started again behind a library that stands before the C library's."""

    def __init__(self, up, node):
        self.folder = f'{up.data}/instances/{node}'
        with open(f'{self.folder}/host.json') as f:
            self.pid = str(json.load(f)['pid'])

    def inside(self, script):
        return subprocess.run(['nsenter', '-t', self.pid, '--mount', '--pid', 'sh', '-c', script], capture_output=True, text=True, check=True).stdout

    def restart_agent(self):
        self.inside('pkill -9 -f "^/opt/kaname/bin/kaname node"')

    @contextlib.contextmanager
    def held(self):
        self.ahead(0)
        with open(f'{self.folder}/log/clock.c', 'w') as f:
            f.write(f'#include <stdlib.h>\n#define getenv(name) "/var/log/clock"\n#include "{PROJECT}/tests/shared/shim.c"\n')
        subprocess.run(['cc', '-O1', '-shared', '-fPIC', '-o', f'{self.folder}/log/clock.so', f.name], check=True)
        self.inside('echo /var/log/clock.so >/etc/ld.so.preload')
        try:
            self.restart_agent()
            yield self
        finally:
            self.inside('rm /etc/ld.so.preload')
            self.restart_agent()

    def ahead(self, seconds):
        path = f'{self.folder}/log/clock'
        with open(path, 'r+b' if os.path.exists(path) else 'w+b') as f:
            f.write(struct.pack('<qq', seconds * 10**9, 0))


def until_other(accounts, name, path, before):
    """A token's file, once it has another one."""
    begun = time.monotonic()
    while True:
        done = accounts.exec(name, 'cat', path, check=False)  # the agent may just start
        if done.returncode == 0 and done.stdout != before:
            return done.stdout
        assert time.monotonic() - begun < 30, done.stderr
        time.sleep(0.1)


@pytest.mark.skipif(SANITIZED, reason='the sanitizer wants to be the first library')
def test_tokens_are_renewed_in_time(up, accounts):
    """At four fifths of their lives, in the same file; the old one is good until its end."""
    accounts.start(with_vault('renewed'))
    files = (VAULT, f'{FILES}/token')
    first = [accounts.exec('renewed', 'cat', path) for path in files]
    with Clock(up, up.json('-n', 'accounts', 'get', 'pod', 'renewed')['spec']['nodeName']).held() as clock:
        begun = [until_other(accounts, 'renewed', path, token) for path, token in zip(files, first)]
        clock.ahead(470)
        time.sleep(1)
        assert [accounts.exec('renewed', 'cat', path) for path in files] == begun, 'too early'
        clock.ahead(490)
        vault = until_other(accounts, 'renewed', VAULT, begun[0])
        assert claims(vault)['aud'] == ['vault'] and claims(vault)['jti'] != claims(begun[0])['jti']
        assert accounts.exec('renewed', 'cat', files[1]) == begun[1]
        clock.ahead(2900)
        token = until_other(accounts, 'renewed', files[1], begun[1])
    for t in (begun[1], token):
        assert accounts.as_token(t, '-n', 'accounts', 'get', 'pods').returncode == 0
    until_other(accounts, 'renewed', VAULT, vault)  # by the agent with the right clock
    up.kubectl('-n', 'accounts', 'delete', 'pod', 'renewed')


def test_a_pod_may_have_none(up, accounts):
    assert 'No such file' in accounts.refused('bare', 'ls', FILES)
    assert 'refused' in accounts.refused('bare', 'kubectl', 'get', 'pods')
    assert up.json('-n', 'accounts', 'get', 'pod', 'bare')['spec'].get('volumes') is None
    up.kubectl('-n', 'accounts', 'create', 'serviceaccount', 'quiet')
    up.kubectl('-n', 'accounts', 'patch', 'serviceaccount', 'quiet', '-p', '{"automountServiceAccountToken": false}')
    accounts.start(pod('quiet', serviceAccountName='quiet'), pod('loud', serviceAccountName='quiet', automountServiceAccountToken=True))
    assert 'No such file' in accounts.refused('quiet', 'ls', FILES)
    assert 'token' in accounts.exec('loud', 'ls', FILES)


def test_a_token_ends_with_its_pod_and_its_account(up, accounts):
    up.kubectl('-n', 'accounts', 'create', 'serviceaccount', 'brief')
    accounts.start(pod('first', serviceAccountName='brief'), pod('second', serviceAccountName='brief'))
    tokens = [accounts.exec(name, 'cat', f'{FILES}/token') for name in ('first', 'second')]
    assert all('brief" cannot list' in accounts.as_token(t, 'get', 'pods').stderr for t in tokens)
    up.kubectl('-n', 'accounts', 'delete', 'pod', 'first', '--now')
    assert 'You must be logged in to the server' in accounts.as_token(tokens[0], 'get', 'pods').stderr
    assert 'brief" cannot list' in accounts.as_token(tokens[1], 'get', 'pods').stderr
    up.kubectl('-n', 'accounts', 'delete', 'serviceaccount', 'brief')
    begun = time.monotonic()
    while 'You must be logged in to the server' not in accounts.as_token(tokens[1], 'get', 'pods').stderr:
        assert time.monotonic() - begun < 10
