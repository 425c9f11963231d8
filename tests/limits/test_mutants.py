"""Bodies that were valid before somebody changed them at random: each is answered, soon, and none with a server's error.

KANAME_TEST_MUTANTS sets how many are sent, KANAME_TEST_SEED which."""
import collections
import json
import os
import random
import string
import time
import urllib.parse

import pytest
import yaml

from bodies import OBJECTS

COUNT, SEED = int(os.environ.get('KANAME_TEST_MUTANTS', '4000')), int(os.environ.get('KANAME_TEST_SEED', '1'))
MERGE, STRATEGIC, APPLY = 'application/merge-patch+json', 'application/strategic-merge-patch+json', 'application/apply-patch+yaml'
JSON, YAML, PROTO = 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'
SECONDS, MEBIBYTES = 10, 96  # an answer, together with those of the requests sent with it; memory
TOGETHER = 20  # requests on their way at a time on one connection
NASTY = [None, True, False, 0, -1, 1, 1.5, -0.0, 1e308, 2**31, 2**63 - 1, 2**63, -2**63, 2**64, '', ' ', '\0', '\n', 'a' * 300, '\u00e9\U0001f600', '-', '1e999', '1Ki', '%s%n',
         '../..', 'null', 'true', '0', [], {}, [None], [[]], [{}], {'': None}, {'a': {'b': []}}, ['a', 'a'], 'replace', '2020-01-01T00:00:00Z', '0/0', '*', '::', '10.0.0.1']
DIRECTIVES = [('$patch', 'delete'), ('$patch', 'replace'), ('$patch', 'merge'), ('$patch', 'what'), ('$patch', 5), ('$patch', None), ('$retainKeys', ['a']), ('$retainKeys', 'a'),
              ('$retainKeys', [5]), ('$setElementOrder/containers', [{'name': 'a'}]), ('$setElementOrder/containers', [5]), ('$setElementOrder/containers', {}),
              ('$setElementOrder/ports', [{'port': 80}]), ('$setElementOrder/finalizers', ['a', 5]), ('$setElementOrder/finalizers', None), ('$setElementOrder/', []),
              ('$deleteFromPrimitiveList/finalizers', ['a']), ('$deleteFromPrimitiveList/finalizers', {}), ('$deleteFromPrimitiveList/finalizers', [{}]),
              ('$deleteFromPrimitiveList/', 5), ('$what', 1)]


class Client:
    """A kept connection on which requests go out some at a time."""

    def __init__(self, server):
        self.server, self.socket, self.opened = server, None, 0

    def open(self):
        self.opened += 1
        self.connection = self.server.connection(timeout=30)
        self.connection.connect()
        self.answers = self.connection.sock.makefile('rb')

    def close(self):
        if self.opened:
            self.answers.close()
            self.connection.close()

    def one(self):
        """An answer's status, and whether the connection ends with it."""
        head, line = {}, self.answers.readline()
        assert line.startswith(b'HTTP/1.1 '), f'no answer but {line!r}'
        while (field := self.answers.readline().strip()):
            name, value = field.split(b':', 1)
            head[name.lower()] = value.strip().lower()
        body = self.answers.read(int(head[b'content-length']))
        return int(line.split()[1]), body, head.get(b'connection') == b'close'

    def send(self, requests):
        """[(method, path, media, body)] -> [(status, body)]"""
        got = []
        while len(got) < len(requests):
            if not self.opened:
                self.open()
            text = b''
            for method, path, media, body in requests[len(got):]:
                text += f'{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: {JSON}\r\nContent-Type: {media}\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body
            self.connection.sock.sendall(text)
            while len(got) < len(requests):
                status, told, last = self.one()
                got.append((status, told))
                if last:
                    self.close()
                    self.open()
                    break
        return got


@pytest.fixture
def client(server):
    c = Client(server)
    yield c
    c.close()


@pytest.fixture
def attack(server, client, guard):
    """Sends them all, and checks each answer and what they cost together."""
    def attacked(mutants):
        seen, slowest = collections.Counter(), 0
        for at in range(0, len(mutants), TOGETHER):
            sent = mutants[at:at + TOGETHER]
            begun = time.monotonic()
            for (method, path, media, body), (status, told) in zip(sent, client.send(sent)):
                assert status < 500, (status, told[:1000], method, path, media, body[:5000])
                seen[status] += 1
            slowest = max(slowest, time.monotonic() - begun)
            assert slowest < SECONDS, (slowest, sent)
        guard.stop()
        assert guard.grown() < MEBIBYTES
        print(f'{sum(seen.values())} mutants on {client.opened} connections: {dict(seen)}, {guard.cpu():.1f} s of CPU, {guard.grown():.0f} MiB, '
              f'slowest together {slowest:.2f} s, a good client at most {guard.slowest():.2f} s')
        return seen
    return attacked


def copied(value):
    return json.loads(json.dumps(value))


def places(value, found, parent=None, key=None):
    """Every place in a document: (parent, key)."""
    if parent is not None:
        found.append((parent, key))
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for k, v in items:
        places(v, found, value, k)
    return found


def change(rng, document):
    """One change of a document's shape or values, in place."""
    parent, key = rng.choice(places(document, []))
    what = rng.randrange(10)
    if what < 5:
        parent[key] = copied(rng.choice(NASTY))
    elif what == 5:
        del parent[key]
    elif what == 6 and isinstance(parent, dict):
        parent[rng.choice(['', 'x', key + 'x', key[:-1], key.upper(), '$patch', 'metadata', 'f:a', '.', 'a/b'])] = parent.pop(key)
    elif what == 7:
        other, k = rng.choice(places(document, []))
        parent[key] = copied(other[k])
    elif what == 8 and isinstance(parent, list):
        parent.extend(copied(parent[key]) for _ in range(rng.choice([1, 2, 50])))
    elif what == 9 and isinstance(parent[key], str):
        text = parent[key]
        at = rng.randrange(len(text) + 1)
        parent[key] = text[:at] + rng.choice(string.printable) + text[at + rng.randrange(2):]
    else:
        parent[key] = [parent[key]] if rng.random() < 0.5 else {'a': parent[key]}


def changed(rng, document):
    copy = copied(document)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        if places(copy, []):
            change(rng, copy)
    return copy


def scrambled(rng, data):
    """Bytes of it changed, lost, said twice or moved."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        at = rng.randrange(len(data) + 1)
        size = rng.choice([1, 1, 2, 4, 16])
        what = rng.randrange(7)
        if what == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < len(data):
            data[at] = rng.choice([0, 0x7f, 0x80, 0xff, rng.randrange(256)])
        elif what == 2:
            del data[at:at + size]
        elif what == 3:
            data[at:at] = data[at:at + size]
        elif what == 4:
            data[at:at] = rng.choice([b'{', b'}', b'[', b']', b'"', b',', b':', b'\\', b'\n', b'- ', b'  ', b'&a ', b'*a', b'!!', b'|', b'#', b'\xff\xff\xff\xff\x0f', b'\x80' * 10])
        elif what == 5:
            there = rng.randrange(len(data) + 1)
            data[at:at] = data[there:there + 4 * size]
        elif rng.random() < 0.1:
            del data[at:]
    return bytes(data)


def creation(path, media, body):
    return 'POST', path + '?dryRun=All&fieldValidation=' + ('Strict' if len(body) % 2 else 'Ignore'), media, body


def in_protobuf(server, path, document):
    """The object that would be made of a document, as protobuf; None when it can't be made."""
    status, _, data = server.request('POST', path + '?dryRun=All', json.dumps(document), {'Content-Type': JSON, 'Accept': PROTO})
    assert status == 201, (status, data)
    return data


def seeds(ns):
    return [(path.replace('NAMESPACE', ns), document) for path, document in OBJECTS]


@pytest.mark.parametrize('media', [JSON, YAML, PROTO])
def test_mutants_of_objects(server, ns, attack, media):
    rng, mutants, objects = random.Random(f'{SEED} {media}'), [], seeds(ns)
    server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'default'}})
    valid = [(path, in_protobuf(server, path, document)) for path, document in objects]
    for i in range(COUNT // 3):
        path, document = rng.choice(objects)
        if media == PROTO:
            path, body = rng.choice(valid)
        else:
            document = changed(rng, document) if i % 2 else document
            body = (json.dumps(document) if media == JSON else yaml.safe_dump(document, allow_unicode=True)).encode()
        mutants.append(creation(path, media, body if media != PROTO and i % 2 else scrambled(rng, body)))
    seen = attack(mutants)
    assert seen[201] and seen[400] + seen[422] > len(mutants) // 10


@pytest.fixture
def there(server, ns):
    """The objects, made: (path, what was sent)."""
    server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'default'}})
    made = []
    for path, document in seeds(ns):
        status, told = server.json('POST', path, document)
        assert status == 201, told
        made.append((f'{path}/{told["metadata"]["name"]}', document))
    yield made
    for path, _ in made:
        server.request('PATCH', path, json.dumps({'metadata': {'finalizers': None}}), {'Content-Type': MERGE})
        server.request('DELETE', path + '?gracePeriodSeconds=0')


def patch_mutant(rng, i, media, path, document):
    patch = changed(rng, document)
    for _ in range(rng.randrange(3) if media == STRATEGIC else 0):
        maps = [parent[key] for parent, key in places(patch, []) if isinstance(parent[key], dict)]
        if maps:
            rng.choice(maps).update([copied(rng.choice(DIRECTIVES))])
    body = json.dumps(patch).encode()
    options = {'fieldManager': rng.choice('ab'), 'fieldValidation': rng.choice(['Strict', 'Warn', 'Ignore'])}
    if media == APPLY:
        options['force'] = rng.choice(['true', 'false'])
    if i % 2:
        options['dryRun'] = 'All'
    return 'PATCH', path + '?' + urllib.parse.urlencode(options), media, scrambled(rng, body) if i % 8 == 7 else body


@pytest.mark.parametrize('media', [MERGE, STRATEGIC, APPLY])
def test_mutants_of_patches(there, attack, media):
    """Of objects that are there, half of which stay changed, with fields of two managers."""
    rng = random.Random(f'{SEED} {media}')
    mutants = [patch_mutant(rng, i, media, *rng.choice(there)) for i in range(COUNT // 10)]
    seen = attack(mutants)
    assert seen[200] and seen[400] + seen[422] > len(mutants) // 10
