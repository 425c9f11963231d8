"""The folder for KUBEBUILDER_ASSETS, and the programs in it started as controller-runtime's envtest starts them."""
import base64
import http.client
import json
import os
import ssl
import subprocess
import time

import pytest
from client_certificates import new_authority, pem_of
from commands import KANAME, environment, run
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from program import free_port

ISSUER = 'https://tests.example.com/'


@pytest.fixture
def folder(tmp_path):
    return run('envtest', '--data-dir', tmp_path / 'data', home=tmp_path).stdout.strip()


class Environment:
    """A control plane as envtest makes one: its own authorities, certificates and keys."""

    def __init__(self, folder, path):
        self.folder, self.path, self.started = folder, path, []
        self.authority, self.clients, self.signer = (new_authority(name) for name in ('serving', 'clients', 'accounts'))
        serving = self.authority.issue('localhost', None, usages=(Usage.SERVER_AUTH,),
                                       extensions=[(x509.SubjectAlternativeName([x509.DNSName('localhost')]), False)])
        self.port = free_port()
        for name, text in (('apiserver.crt', serving.pem()), ('apiserver.key', pem_of(serving.key)), ('ca.crt', self.authority.pem()),
                           ('clients.crt', self.clients.pem()), ('sa.key', pem_of(self.signer.key)),
                           ('jane.pem', (jane := self.clients.issue('jane')).pem() + pem_of(jane.key))):
            (path / name).write_text(text)
        self.context = ssl.create_default_context(cafile=path / 'ca.crt')
        self.context.load_cert_chain(path / 'jane.pem')

    def start(self, name, *flags):
        log = open(self.path / f'{name}.log', 'a')
        self.started.append(subprocess.Popen([os.path.join(self.folder, name), *flags], stdout=log, stderr=log, env=environment(self.path)))

    def start_server(self):
        self.start('kube-apiserver', '--allow-privileged=true', '--authorization-mode=RBAC', '--bind-address=127.0.0.1', f'--cert-dir={self.path}',
                   f'--client-ca-file={self.path}/clients.crt', '--disable-admission-plugins=ServiceAccount', '--etcd-servers=http://127.0.0.1:1',
                   f'--secure-port={self.port}', f'--service-account-issuer={ISSUER}', f'--service-account-key-file={self.path}/sa.crt',
                   f'--service-account-signing-key-file={self.path}/sa.key', '--service-cluster-ip-range=10.0.0.0/24')

    def wait(self, connection, path):
        end = time.monotonic() + 60
        while True:
            try:
                connection.request('GET', path)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                return
            except OSError:
                assert time.monotonic() < end and self.started[-1].poll() is None, self.log()
                connection.close()
                time.sleep(0.02)

    def log(self):
        return (self.path / 'kube-apiserver.log').read_text()

    def ask(self, method, path, body=None):
        connection = http.client.HTTPSConnection('localhost', self.port, context=self.context, timeout=30)
        connection.request(method, path, body if body is None else json.dumps(body), {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def stop(self):
        for p in self.started:
            p.terminate()
        return [p.wait(30) for p in self.started]


@pytest.fixture
def planes(folder, tmp_path):
    e = Environment(folder, tmp_path)
    yield e
    e.stop()


def test_the_folder(folder, tmp_path):
    assert {'kube-apiserver', 'etcd'} <= set(os.listdir(folder))
    assert run('envtest', '--data-dir', tmp_path / 'data', home=tmp_path).stdout.strip() == folder
    for name, flag in (('kube-apiserver', 'secure-port'), ('etcd', 'data-dir')):
        assert os.path.samefile(os.path.join(folder, name), KANAME)
        told = subprocess.run([os.path.join(folder, name), '--help'], capture_output=True, text=True)
        assert told.returncode == 0 and f'\n  --{flag} ' in told.stdout and 'insecure-port' not in told.stdout


def test_etcd_is_well(planes):
    port = free_port()
    planes.start('etcd', f'--advertise-client-urls=http://127.0.0.1:{port}', f'--data-dir={planes.path}/etcd',
                 f'--listen-client-urls=http://127.0.0.1:{port}', '--listen-peer-urls=http://127.0.0.1:1', '--unsafe-no-fsync=true')
    planes.wait(http.client.HTTPConnection('127.0.0.1', port, timeout=30), '/health')
    assert planes.stop() == [0]


def test_the_server_is_as_envtest_wants_it(planes):
    planes.start_server()
    # The certificates that envtest made count on both sides: the context trusts the one, and jane's is signed by the other.
    planes.wait(http.client.HTTPSConnection('localhost', planes.port, context=planes.context, timeout=30), '/healthz')
    status, review = planes.ask('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {})
    assert status == 201 and review['status']['userInfo']['username'] == 'jane' and 'system:masters' in review['status']['userInfo']['groups']
    # Without controllers no namespace has a service account, and pods need none.
    pod = {'metadata': {'name': 'p'}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}
    status, made = planes.ask('POST', '/api/v1/namespaces/default/pods', pod)
    assert status == 201 and 'serviceAccountName' not in made['spec'] and 'volumes' not in made['spec']
    assert planes.ask('GET', '/api/v1/namespaces/default/services/kubernetes')[1]['spec']['clusterIP'] == '10.0.0.1'
    # Tokens are signed with its key.
    assert planes.ask('POST', '/api/v1/namespaces/default/serviceaccounts', {'metadata': {'name': 'robot'}})[0] == 201
    token = planes.ask('POST', '/api/v1/namespaces/default/serviceaccounts/robot/token', {'spec': {}})[1]['status']['token']
    assert json.loads(base64.urlsafe_b64decode(token.split('.')[1] + '=='))['iss'] == ISSUER
    numbers = planes.signer.key.public_key().public_numbers()
    known = planes.ask('GET', '/openid/v1/jwks')[1]['keys']
    assert [base64.urlsafe_b64decode(k['x'] + '=') for k in known] == [numbers.x.to_bytes(32, 'big')]
    assert '--authorization-mode is not heeded' in planes.log() and '--secure-port is not' not in planes.log()
    # Stopped and started with the same folder it knows what it knew.
    assert planes.stop() == [0]
    planes.started.clear()
    planes.start_server()
    planes.wait(http.client.HTTPSConnection('localhost', planes.port, context=planes.context, timeout=30), '/healthz')
    assert planes.ask('GET', '/api/v1/namespaces/default/pods/p')[0] == 200


@pytest.mark.parametrize('flags, told', [([], '--cert-dir and --secure-port are needed'), (['--cert-dir=/nowhere', '--secure-port=x'], 'are needed'),
                                         (['--cert-dir=/nowhere', '--secure-port=1', '--client-ca-file=/nowhere/ca'], '/nowhere/ca can\'t be read')])
def test_what_is_missing_is_told(folder, flags, told):
    done = subprocess.run([os.path.join(folder, 'kube-apiserver'), *flags], capture_output=True, text=True, timeout=30)
    assert done.returncode in (1, 2) and told in done.stderr
