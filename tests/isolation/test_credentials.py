"""Every credential of one cluster, tried on another and on the region. Each is good at home (or was never good anywhere), so that a
refusal elsewhere means something."""
import base64
import http.client
import json
import ssl
import subprocess

import pytest
import requests_free
from program import KANAME
from tenant import ISSUER, authority_of_the_same_name, b64, certificate, part_of, signed_token

SECRETS = '/api/v1/namespaces/kube-system/secrets'


class Credential:
    """home: what its own cluster answers to SECRETS."""

    def __init__(self, home, certificate=None, token=None, headers=None):
        self.home, self.certificate, self.token, self.headers = home, certificate, token, headers

    def ask(self, tenant, path=SECRETS):
        return tenant.call('GET', path, certificate=self.certificate, token=self.token, headers=self.headers)[0]


REMOTE = {'X-Remote-User': 'admin', 'X-Remote-Group': 'system:masters'}
NOBODY = (401, 403)


def administrator(a, b):
    return Credential(200, certificate=a.admin)


def node(a, b):
    return Credential(403, certificate=a.certificate('system:node:n1', ['system:nodes']))


def approved_node(a, b):
    """Through the cluster's own signer, as kubelets get theirs."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
    from tenant import pem_of
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'system:nodes'), x509.NameAttribute(NameOID.COMMON_NAME, 'system:node:n2')])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
    made = a.as_admin('POST', path, {'metadata': {'generateName': 'n2-'}, 'spec': {
        'request': base64.b64encode(request).decode(), 'signerName': 'kubernetes.io/kube-apiserver-client-kubelet',
        'usages': ['digital signature', 'client auth']}})
    name = made['metadata']['name']
    for _ in range(20):  # a controller may write it meanwhile
        made = a.as_admin('GET', f'{path}/{name}')
        made['status'] = {'conditions': [{'type': 'Approved', 'status': 'True', 'reason': 'test', 'message': 'test'}]}
        if a.as_admin('PUT', f'{path}/{name}/approval', made, (200, 409)).get('kind') != 'Status':
            break
    for _ in range(200):
        got = a.as_admin('GET', f'{path}/{name}')['status'].get('certificate')
        if got:
            return Credential(403, certificate=base64.b64decode(got).decode() + pem_of(key))
    raise AssertionError('the certificate was not issued')


def authority_itself(a, b):
    return Credential(None, certificate=a.keys['ca.crt'] + a.keys['ca.key'])


def namesake_of_the_authority(a, b):
    return Credential(None, certificate=certificate(*authority_of_the_same_name(b.keys['ca.crt']), 'admin', ['system:masters']))


def front_proxy(a, b):
    return Credential(200, certificate=a.certificate('front-proxy-client', authority='front-proxy-ca'), headers=REMOTE)


def namesake_of_the_front_proxy(a, b):
    return Credential(None, certificate=certificate(*authority_of_the_same_name(b.keys['front-proxy-ca.crt']), 'front-proxy-client'), headers=REMOTE)


def front_proxy_without_headers(a, b):
    return Credential(None, certificate=a.certificate('admin', ['system:masters'], authority='front-proxy-ca'))


def headers_of_a_front_proxy(a, b):
    return Credential(403, headers=REMOTE)


def headers_with_a_users_certificate(a, b):
    """A user's certificate is no proxy's."""
    return Credential(403, certificate=a.certificate('jane'), headers=REMOTE)


def account_token(a, b):
    return Credential(200, token=a.token('robot'))


def account_token_for_the_others_audience(a, b):
    audience = part_of(b.token('robot'), 1)['aud']
    return Credential(200, token=a.token('robot', audiences=[*audience, ISSUER]))


def account_token_for_another_audience(a, b):
    return Credential(401, token=a.token('robot', audiences=['https://elsewhere.example']))


def claims_of_the_other_signed_here(a, b):
    """All that the other's account is called, with this cluster's key."""
    token = b.token('robot')
    return Credential(401, token=signed_token(a.keys['service-account.key'], part_of(token, 0), part_of(token, 1)))


def claims_of_the_other_signed_by_its_authority_key(a, b):
    token = b.token('robot')
    return Credential(None, token=signed_token(a.keys['ca.key'], part_of(token, 0), part_of(token, 1)))


def claims_without_a_signature(a, b):
    token = b.token('robot')
    return Credential(401, token=b64(json.dumps({**part_of(token, 0), 'alg': 'none'}).encode()) + '.' + token.split('.')[1] + '.')


def signature_of_another_token(a, b):
    mine, theirs = a.token('robot').split('.'), b.token('robot').split('.')
    return Credential(401, token='.'.join([theirs[0], theirs[1], mine[2]]))


def region_token(a, b):
    out = subprocess.run([KANAME, 'token', '--cluster', a.name, '--data-dir', a.region.data], capture_output=True, text=True, check=True)
    return Credential(200, token=json.loads(out.stdout)['status']['token'])


def bootstrap_token(a, b):
    a.make(SECRETS, {'metadata': {'name': 'bootstrap-token-abcdef'}, 'type': 'bootstrap.kubernetes.io/token', 'stringData': {
        'token-id': 'abcdef', 'token-secret': '0123456789abcdef', 'usage-bootstrap-authentication': 'true', 'usage-bootstrap-signing': 'true'}})
    return Credential(None, token='abcdef.0123456789abcdef')


KINDS = [administrator, node, approved_node, authority_itself, namesake_of_the_authority, front_proxy, namesake_of_the_front_proxy,
         front_proxy_without_headers, headers_of_a_front_proxy, headers_with_a_users_certificate, account_token,
         account_token_for_the_others_audience, account_token_for_another_audience, claims_of_the_other_signed_here,
         claims_of_the_other_signed_by_its_authority_key, claims_without_a_signature, signature_of_another_token, region_token, bootstrap_token]


@pytest.fixture(scope='module')
def accounts(tenants):
    for tenant in tenants:
        tenant.service_account('robot')
    return tenants


@pytest.mark.parametrize('kind', KINDS, ids=lambda k: k.__name__)
def test_a_credential_is_good_at_home_only(region, accounts, kind):
    a, b = accounts
    credential = kind(a, b)
    if credential.home is not None:
        assert credential.ask(a) == credential.home
    else:
        assert credential.ask(a) in NOBODY
    for path in (SECRETS, '/api/v1/nodes', '/apis/apps/v1/deployments', '/api/v1/namespaces/default/configmaps'):
        assert credential.ask(b, path) in NOBODY, path
    body = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'SelfSubjectReview'}
    status, answer = b.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', body, certificate=credential.certificate,
                            token=credential.token, headers=credential.headers)
    assert status in NOBODY, answer
    if credential.token:
        for path in ('/clusters', '/', '/clusters/b'):
            assert requests_free.get(region.endpoint + path, {'Authorization': f'Bearer {credential.token}'})[0] in (400, 401, 403), path


def test_a_review_in_one_cluster_knows_no_token_of_another(accounts):
    a, b = accounts
    token = a.token('robot')
    for tenant, good in ((a, True), (b, False)):
        review = tenant.as_admin('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
            'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token}})
        assert bool(review['status'].get('authenticated')) is good


def test_a_servers_certificate_is_its_own(tenants):
    a, b = tenants
    connection = b.connection(ca=a.ca)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.request('GET', '/version')
    connection.close()


def test_keys_differ(tenants):
    a, b = tenants
    for name in a.keys:
        assert a.keys[name] != b.keys[name], name


@pytest.mark.parametrize('path', ['/internal/token-review/b/', '/internal/token-review/b/0123456789abcdef', '/internal/token-review/none/x',
                                  '/internal/token-review/', '/internal/token-review/b'])
def test_token_reviews_need_the_clusters_key(region, tenants, path):
    assert requests_free.get(region.endpoint + path, {})[0] == 403


def test_a_clusters_token_lists_no_clusters(region, tenants):
    """What an EKS token holds is a signature over one question to STS: it opens nothing else."""
    token = region_token(*tenants).token
    text = token.removeprefix('k8s-aws-v1.')
    url = base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)).decode()
    query = url.split('?', 1)[1]

    def ask(path):
        connection = http.client.HTTPConnection(region.endpoint.removeprefix('http://'), timeout=10)
        connection.request('GET', path, headers={'Host': url.split('/')[2], 'x-k8s-aws-id': 'a'})
        status = connection.getresponse().status
        connection.close()
        return status

    assert ask(f'/?{query}') == 200, 'the question itself'
    assert ask(f'/clusters?{query}') == 403
    assert ask('/?' + query.replace('GetCallerIdentity', 'AssumeRole')) == 403
