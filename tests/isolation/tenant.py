"""One cluster of a region as its administrator and its thief see it: requests, its keys, and credentials made with them."""
import base64
import datetime
import http.client
import json
import os
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

ISSUER = 'https://kubernetes.default.svc.cluster.local'


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def certificate(authority_pem, authority_key_pem, name, organizations=(), more=()):
    """A client certificate and its key as one PEM text, signed with this authority's key."""
    issuer = x509.load_pem_x509_certificate(authority_pem.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, o) for o in organizations] + [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder().subject_name(x509.Name(subject)).issuer_name(issuer.subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False))
    for extension in more:
        made = made.add_extension(extension, critical=False)
    signed = made.sign(load_pem_private_key(authority_key_pem.encode(), None), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode() + pem_of(key)


def authority_of_the_same_name(authority_pem):
    """A new authority that calls itself as this one does: certificate and key."""
    old = x509.load_pem_x509_certificate(authority_pem.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.subject).public_key(key.public_key()).serial_number(
        old.serial_number).not_valid_before(old.not_valid_before_utc).not_valid_after(old.not_valid_after_utc)
    for extension in old.extensions:
        made = made.add_extension(extension.value, extension.critical)
    signed = made.sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode(), pem_of(key)


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


def part_of(token, number):
    text = token.split('.')[number]
    return json.loads(base64.urlsafe_b64decode(text + '=' * (-len(text) % 4)))


def signed_token(key_pem, header, claims):
    """A JWT by this P-256 key."""
    head = b64(json.dumps(header).encode()) + '.' + b64(json.dumps(claims).encode())
    r, s = utils.decode_dss_signature(load_pem_private_key(key_pem.encode(), None).sign(head.encode(), ec.ECDSA(hashes.SHA256())))
    return head + '.' + b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))


def status_of(pid):
    with open(f'/proc/{pid}/status') as f:
        return {k: v.split() for k, v in (line.split(':', 1) for line in f)}


def deputy_of(region):
    with open(f'/proc/{region.process.pid}/task/{region.process.pid}/children') as f:
        children = f.read().split()
    found = [int(pid) for pid in children if status_of(pid)['Name'] == ['kaname-deputy']]
    assert len(found) == 1, found
    return found[0]


class Tenant:
    def __init__(self, region, name, **more):
        self.region, self.name = region, name
        described = region.create_cluster(name, **more)
        self.endpoint = described['endpoint']
        self.ca = base64.b64decode(described['certificateAuthority']['data']).decode()
        self.directory = f'{region.data}/clusters/{name}'
        with open(f'{self.directory}/keys.json') as f:
            self.keys = json.load(f)
        self.admin = self.certificate('admin', ['system:masters'])

    def certificate(self, name, organizations=(), authority='ca'):
        return certificate(self.keys[f'{authority}.crt'], self.keys[f'{authority}.key'], name, organizations)

    def connection(self, certificate=None, ca=None, timeout=10):
        context = ssl.create_default_context(cadata=ca or self.ca)
        if certificate:
            with tempfile.NamedTemporaryFile('w') as f:
                f.write(certificate)
                f.flush()
                context.load_cert_chain(f.name)
        return http.client.HTTPSConnection('127.0.0.1', int(self.endpoint.rsplit(':', 1)[1]), context=context, timeout=timeout)

    def call(self, method, path, body=None, certificate=None, token=None, headers=None):
        """Status and body of one request."""
        sent = {'Accept': 'application/json', 'Content-Type': 'application/json', **(headers or {})}
        if token:
            sent['Authorization'] = f'Bearer {token}'
        connection = self.connection(certificate)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, sent)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        return answer.status, text

    def as_admin(self, method, path, body=None, expected=(200, 201)):
        status, text = self.call(method, path, body, certificate=self.admin)
        assert status in expected, (status, text)
        return json.loads(text)

    def make(self, path, body):
        return self.as_admin('POST', path, body, (201, 409))

    def service_account(self, name, namespace='default'):
        """One that may do everything."""
        self.make(f'/api/v1/namespaces/{namespace}/serviceaccounts', {'metadata': {'name': name}})
        self.make('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
            'metadata': {'name': f'{namespace}-{name}'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': 'cluster-admin'},
            'subjects': [{'kind': 'ServiceAccount', 'name': name, 'namespace': namespace}]})

    def token(self, name, namespace='default', **spec):
        path = f'/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token'
        return self.as_admin('POST', path, {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenRequest', 'spec': spec})['status']['token']

    def pid(self):
        """Of its process; None while there is none."""
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                if os.readlink(f'/proc/{pid}/cwd') == self.directory:
                    return int(pid)
            except OSError:
                pass
        return None
