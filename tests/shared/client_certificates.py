"""Client certificates of every kind, with what the original answers to each: 200 or 401, or 403 to a user who may do nothing.

Its server asks for a certificate and takes whatever comes; whether it is good is judged request by request, behind TLS."""
import datetime
import http.client
import itertools
import socket
import ssl
import tempfile
import time
import urllib.parse

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID, ObjectIdentifier
from frames import Connection

HOUR = datetime.timedelta(hours=1)
UID = ObjectIdentifier('1.3.6.1.4.1.57683.2')
MASTERS = 'system:masters'


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


class Pair:
    """A certificate with its key, which may sign others."""

    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    @classmethod
    def load(cls, certificate_pem, key_pem):
        return cls(x509.load_pem_x509_certificate(certificate_pem.encode()), serialization.load_pem_private_key(key_pem.encode(), None))

    def pem(self):
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, name='jane', organization=MASTERS, *, authority=False, usages=(Usage.CLIENT_AUTH,), begins=-HOUR, ends=HOUR, key=None,
              subject=(), extensions=(), self_signed=False):
        key = key or ec.generate_private_key(ec.SECP256R1())
        names = [(NameOID.ORGANIZATION_NAME, organization)] * bool(organization) + [(NameOID.COMMON_NAME, name)] * bool(name) + list(subject)
        subject = x509.Name([x509.NameAttribute(*n) for n in names])
        now = datetime.datetime.now(datetime.timezone.utc)
        made = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject if self_signed else self.certificate.subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now + begins).not_valid_after(now + ends))
        if authority:
            made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        if usages:
            made = made.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        for extension, critical in extensions:
            made = made.add_extension(extension, critical=critical)
        signer = key if self_signed else self.key
        return Pair(made.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()), key)


def new_authority(name):
    return Pair(None, None).issue(name, None, authority=True, usages=(), self_signed=True)


def chain(leaf, *others):
    """What a client loads: the leaf, what it sends with it, and the leaf's key."""
    return leaf.pem() + ''.join(o.pem() for o in others) + pem_of(leaf.key)


def key_usage(**given):
    names = ('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment', 'key_agreement', 'key_cert_sign', 'crl_sign',
             'encipher_only', 'decipher_only')
    return x509.KeyUsage(**{n: given.get(n, False) for n in names}), True


def through(ca, *, sent=True, **more):
    between = ca.issue('between', None, authority=True, **{'usages': (), **more})
    return chain(between.issue(), *[between] * sent)


def two_between(ca):
    first = ca.issue('first', None, authority=True, usages=())
    second = first.issue('second', None, authority=True, usages=())
    return chain(second.issue(), second, first)


def wrong_side(ca):
    """Signed by a plain certificate, which may not."""
    between = ca.issue('between', None)
    return chain(between.issue(), between)


# name: (what the client presents, signed by this authority; the answer to it)
CASES = {
    'good': (lambda ca: chain(ca.issue()), 200),
    'expired': (lambda ca: chain(ca.issue(ends=-HOUR / 2)), 401),
    'not yet valid': (lambda ca: chain(ca.issue(begins=HOUR / 2)), 401),
    'for servers only': (lambda ca: chain(ca.issue(usages=(Usage.SERVER_AUTH,))), 401),
    'for servers and clients': (lambda ca: chain(ca.issue(usages=(Usage.SERVER_AUTH, Usage.CLIENT_AUTH))), 200),
    'for anything': (lambda ca: chain(ca.issue(usages=(Usage.ANY_EXTENDED_KEY_USAGE,))), 200),
    'without usages': (lambda ca: chain(ca.issue(usages=())), 200),
    'a key for enciphering only': (lambda ca: chain(ca.issue(extensions=[key_usage(key_encipherment=True)])), 200),
    'of a foreign authority': (lambda ca: chain(new_authority('elsewhere').issue()), 401),
    'of a namesake of the authority': (lambda ca: chain(new_authority('kubernetes').issue()), 401),
    'of a foreign authority, sent along': (lambda ca: (lambda other: chain(other.issue(), other))(new_authority('elsewhere')), 401),
    'signed by itself': (lambda ca: chain(ca.issue(self_signed=True)), 401),
    'the authority itself': (lambda ca: chain(ca), 403),
    'through an intermediate': (through, 200),
    'through two intermediates': (two_between, 200),
    'through an intermediate that is not sent': (lambda ca: through(ca, sent=False), 401),
    'through an expired intermediate': (lambda ca: through(ca, ends=-HOUR / 2), 401),
    'through an intermediate for servers': (lambda ca: through(ca, usages=(Usage.SERVER_AUTH,)), 401),
    'through no authority': (wrong_side, 401),
    'with an unknown critical extension': (lambda ca: chain(ca.issue(extensions=[(x509.UnrecognizedExtension(ObjectIdentifier('1.2.3.4'), b'\5\0'), True)])), 401),
    'of a nameless': (lambda ca: chain(ca.issue(name=None)), 401),
    'with a blank UID': (lambda ca: chain(ca.issue(subject=[(UID, ' ')])), 200),
    'with two UIDs': (lambda ca: chain(ca.issue(subject=[(UID, 'a'), (UID, 'b')])), 401),
    'with an RSA key': (lambda ca: chain(ca.issue(key=rsa.generate_private_key(65537, 2048))), 200),
    'with a short RSA key': (lambda ca: chain(ca.issue(key=rsa.generate_private_key(65537, 1024))), 200),
    'with an Ed25519 key': (lambda ca: chain(ca.issue(key=ed25519.Ed25519PrivateKey.generate())), 200),
    'with a P-384 key': (lambda ca: chain(ca.issue(key=ec.generate_private_key(ec.SECP384R1()))), 200),
}

VERSIONS = {'1.2': ssl.TLSVersion.TLSv1_2, '1.3': ssl.TLSVersion.TLSv1_3}
WAYS = list(itertools.product(VERSIONS, ('http/1.1', 'h2')))


def context_with(pem, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers('DEFAULT:@SECLEVEL=0')  # what a client sends is its own affair
    if version:
        context.minimum_version = context.maximum_version = VERSIONS[version]
    if pem:
        with tempfile.NamedTemporaryFile('w') as f:
            f.write(pem)
            f.flush()
            context.load_cert_chain(f.name)
    return context


class Answer:
    def __init__(self, status, body, session, reused):
        self.status, self.body, self.session, self.reused = status, body, session, reused


def ask(server, context, protocol, session=None, path='/api/v1/namespaces/default', headers=()):
    """One request on a connection of its own."""
    if protocol == 'h2':
        connection = Connection(server, context, session=session)
        connection.get(1, path, *[(name.lower(), value) for name, value in headers])
        status, body = connection.answers(1)[1]
        answer = Answer(status, body, connection.socket.session, connection.socket.session_reused)
        connection.close()
        return answer
    where = urllib.parse.urlparse(server.url)
    with socket.create_connection((where.hostname, where.port), timeout=20) as raw, context.wrap_socket(raw, session=session) as s:
        more = ''.join(f'{name}: {value}\r\n' for name, value in headers)
        s.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n'.encode())
        text = b''
        while part := s.recv(65536):
            text += part
        head, _, body = text.partition(b'\r\n\r\n')
        return Answer(int(head.split()[1]), body, s.session, s.session_reused)


def judged_otherwise(server, ca):
    """Cases that this server answers otherwise: by each version and protocol, on a new TLS session and on one taken up again."""
    found = []
    for (name, (present, expected)), (version, protocol) in itertools.product(CASES.items(), WAYS):
        context = context_with(present(ca), version)
        first = ask(server, context, protocol)
        again = ask(server, context, protocol, first.session)
        if not first.status == again.status == expected:
            found.append((name, version, protocol, first.status, again.status, again.reused))
    return found


def expires_meanwhile(server, ca):
    """What a connection's requests are answered before and after the end of its certificate."""
    seconds = datetime.timedelta(seconds=1)
    context = context_with(chain(ca.issue(ends=seconds)))
    where = urllib.parse.urlparse(server.url)
    connection = http.client.HTTPSConnection(where.hostname, where.port, context=context, timeout=20)
    statuses = []
    for pause in (2.1, 0):
        connection.request('GET', '/api/v1/namespaces/default')
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
        time.sleep(pause)
    connection.close()
    return statuses
