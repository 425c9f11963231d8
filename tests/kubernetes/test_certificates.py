"""Certificates that nodes ask for when they join: approved by whether the asker may have one, signed, and good for logging in."""
import base64
import json
import subprocess
import time

import pytest


def certificate_request(folder, subject):
    key, request = folder / 'key', folder / 'request'
    subprocess.run(['openssl', 'req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', subject,
                    '-keyout', str(key), '-out', str(request)], check=True, capture_output=True)
    return key, base64.b64encode(request.read_bytes()).decode()


def ask(server, ns, name, request):
    """As the service account `joiner` of the namespace."""
    server.kubectl('create', '-f', '-', f'--as=system:serviceaccount:{ns}:joiner', input={
        'apiVersion': 'certificates.k8s.io/v1', 'kind': 'CertificateSigningRequest', 'metadata': {'name': name}, 'spec': {
            'signerName': 'kubernetes.io/kube-apiserver-client-kubelet', 'request': request, 'usages': ['digital signature', 'client auth']}})


def status(server, name):
    return server.get('csr', name).get('status', {})


@pytest.fixture
def joiner(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'joiner')
    server.kubectl('create', 'clusterrolebinding', ns, '--clusterrole=system:node-bootstrapper', f'--serviceaccount={ns}:joiner')
    yield ns
    server.kubectl('delete', 'clusterrolebinding', ns)


def test_who_may_have_one_gets_it(server, joiner, tmp_path):
    key, request = certificate_request(tmp_path, '/O=system:nodes/CN=system:node:joining')
    server.kubectl('create', 'clusterrolebinding', joiner + '-approve', '--clusterrole=system:certificates.k8s.io:certificatesigningrequests:nodeclient',
                   f'--serviceaccount={joiner}:joiner')
    ask(server, joiner, joiner + '-yes', request)
    deadline = time.time() + 10
    while 'certificate' not in status(server, joiner + '-yes'):
        assert time.time() < deadline, status(server, joiner + '-yes')
        time.sleep(0.05)
    (condition,) = status(server, joiner + '-yes')['conditions']
    assert (condition['type'], condition['reason']) == ('Approved', 'AutoApproved')
    certificate = tmp_path / 'certificate'
    certificate.write_bytes(base64.b64decode(status(server, joiner + '-yes')['certificate']))
    done = subprocess.run(['curl', '-sk', '--cert', str(certificate), '--key', str(key), '-H', 'Content-Type: application/json', '-d',
                           '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
                           server.url + '/apis/authentication.k8s.io/v1/selfsubjectreviews'], capture_output=True, text=True, check=True)
    user = json.loads(done.stdout)['status']['userInfo']
    assert user['username'] == 'system:node:joining' and user['groups'] == ['system:nodes', 'system:authenticated']
    server.kubectl('delete', 'clusterrolebinding', joiner + '-approve')


def test_others_wait_for_an_administrator(server, joiner, tmp_path):
    _, request = certificate_request(tmp_path, '/O=system:nodes/CN=system:node:waiting')
    ask(server, joiner, joiner + '-no', request)
    time.sleep(1)
    assert status(server, joiner + '-no') == {}
    server.kubectl('certificate', 'approve', joiner + '-no')
    server.kubectl('wait', '--for=jsonpath={.status.certificate}', 'csr/' + joiner + '-no', '--timeout=10s')
