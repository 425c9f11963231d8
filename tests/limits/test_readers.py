"""Clients that ask for much and read nothing: they hold little memory, are ended, and nobody else waits for them."""
import concurrent.futures
import gzip
import json
import socket
import time

import pytest
from frames import ACK, DATA, END_STREAM, RST_STREAM, SETTINGS, WINDOW_UPDATE, Connection, frame

CONTENT = 'x' * 740000
PROTOBUF = 'application/vnd.kubernetes.protobuf'


def open_unread(server, path, accept='application/json'):
    """A request whose answer nobody reads, with a small buffer in the kernel."""
    connection = server.connection(timeout=20)
    connection.connect()
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    connection.request('GET', path, headers={'Accept': accept})
    return connection


@pytest.fixture(scope='module')
def large(server):
    """Four objects of 740 KB: a list of 3 MB."""
    assert server.json('POST', '/api/v1/namespaces', {'metadata': {'name': 'large'}})[0] == 201
    path = '/api/v1/namespaces/large/configmaps'
    for i in range(4):
        assert server.json('POST', path, {'metadata': {'name': f'large-{i}'}, 'data': {'a': CONTENT}})[0] == 201
    yield path
    assert server.json('DELETE', path)[0] == 200


def test_unread_lists(server, large, guard):
    """100 lists of 3 MB."""
    unread = [open_unread(server, large) for _ in range(100)]
    time.sleep(1)
    guard.stop()
    print(f'+{guard.grown():.1f} MiB, slowest {guard.slowest() * 1000:.0f} ms, {guard.cpu():.2f} s')
    for c in unread:
        c.close()
    assert guard.grown() < 16


def fill(server, path, count, size, value):
    """Writes so many objects, the same ones each time."""
    def write(i):
        body = {'metadata': {'name': f'o-{i:04}'}, 'data': {'value': value, 'filling': 'y' * size}}
        status, _ = server.json('PUT', f'{path}/o-{i:04}', body)
        if status == 404:
            status, _ = server.json('POST', path, body)
        assert status in (200, 201)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(count)))


class Http1List:
    def __init__(self, server, path, accept, encoding):
        self.connection = server.connection(timeout=20)
        self.connection.connect()
        self.connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        self.connection.request('GET', path, headers={'Accept': accept, 'Accept-Encoding': encoding})

    def read(self):
        answer = self.connection.getresponse()
        assert answer.status == 200
        body = answer.read()
        self.connection.close()
        return [body]


class Http2Lists:
    """Four streams, each with a window of 64 KB until it is read."""

    def __init__(self, server, path, accept, encoding):
        self.connection = Connection(server)
        self.streams = [1, 3, 5, 7]
        for s in self.streams:
            self.connection.get(s, path, ('accept', accept), ('accept-encoding', encoding))

    def read(self):
        c, bodies, left = self.connection, {s: [] for s in self.streams}, set(self.streams)
        for s in self.streams:
            c.send(frame(WINDOW_UPDATE, 0, s, (1 << 24).to_bytes(4, 'big')))
        while left:
            kind, flags, stream, payload = c.read()
            assert kind != RST_STREAM
            if kind == SETTINGS and not flags & ACK:
                c.send(frame(SETTINGS, ACK, 0))
            if kind == DATA:
                bodies[stream].append(payload)
                if flags & END_STREAM:
                    left.discard(stream)
        c.close()
        return [b''.join(parts) for parts in bodies.values()]


def protobuf_fields(data):
    """(number, bytes) of a message whose fields are all bytes."""
    at = 0

    def varint():
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 0x7f) << shift, shift + 7
            if byte < 0x80:
                return value
    while at < len(data):
        key = varint()
        assert key & 7 == 2
        size = varint()
        assert at + size <= len(data)
        yield key >> 3, data[at:at + size]
        at += size


def values_of_protobuf(body):
    assert body[:4] == b'k8s\0'
    raw = dict(protobuf_fields(body[4:]))[2]
    items = [list(protobuf_fields(item)) for number, item in protobuf_fields(raw) if number == 2]
    data = [dict(tuple(v for _, v in protobuf_fields(field)) for number, field in item if number == 2) for item in items]
    return [d[b'value'].decode() for d in data]


def values_of_json(body):
    answer = json.loads(body)
    revision = int(answer['metadata']['resourceVersion'])
    assert all(int(o['metadata']['resourceVersion']) <= revision for o in answer['items'])
    assert [o['metadata']['name'] for o in answer['items']] == [f'o-{i:04}' for i in range(len(answer['items']))]
    return [o['data']['value'] for o in answer['items']]


CASES = [
    (Http1List, 'application/json', 'identity', 4, 740000),
    (Http2Lists, 'application/json', 'identity', 4, 740000),
    (Http2Lists, 'application/json', 'identity', 100, 30000),
    (Http1List, 'application/json', 'gzip', 100, 30000),
    (Http2Lists, PROTOBUF, 'identity', 100, 30000),
]


@pytest.mark.parametrize('kind,accept,encoding,count,size', CASES)
def test_unread_lists_stay_of_one_revision(server, ns, kind, accept, encoding, count, size):
    """100 lists of 3 MB that nobody reads cost little; when they are read at last, they show what was there when they were asked for."""
    path = f'/api/v1/namespaces/{ns}/configmaps'
    fill(server, path, count, size, 'old')
    time.sleep(0.5)
    each = 4 if kind is Http2Lists else 1
    with server.watched() as guard:
        lists = [kind(server, path, accept, encoding) for _ in range(100 // each)]
        time.sleep(1)
        guard.stop()
    print(f'+{guard.grown():.1f} MiB, slowest {guard.slowest() * 1000:.0f} ms, {guard.cpu():.2f} s')
    fill(server, path, count, size, 'new')
    for i in range(0, count, 3):
        assert server.json('DELETE', f'{path}/o-{i:04}')[0] == 200
    bodies = [body for answer in lists for body in answer.read()]
    assert len(bodies) == 100
    for body in set(bodies):
        body = gzip.decompress(body) if encoding == 'gzip' else body
        values = values_of_protobuf(body) if accept == PROTOBUF else values_of_json(body)
        assert values == ['old'] * count
    assert guard.grown() <= 24


@pytest.mark.parametrize('accept', ['application/json', 'application/vnd.kubernetes.protobuf'])
def test_watchers_that_never_read(server, ns, guard, accept):
    """50 of them while 20 MB are written. They are ended when the events that wait for them are gone; one that reads misses nothing."""
    path = f'/api/v1/namespaces/{ns}/configmaps'
    revision = server.json('GET', path)[1]['metadata']['resourceVersion']
    watch = f'{path}?watch=1&resourceVersion={revision}'
    unread = [open_unread(server, watch, accept) for _ in range(50)]
    good = server.connection(timeout=20)
    good.request('GET', watch, headers={'Accept': 'application/json'})
    events = good.getresponse()
    writer = server.connection()
    for i in range(100):
        writer.request('POST', path, json.dumps({'metadata': {'name': f'w-{i}'}, 'data': {'a': 'y' * 200000}}), {'Content-Type': 'application/json'})
        answer = writer.getresponse()
        answer.read()
        assert answer.status == 201
        event = json.loads(events.readline())
        assert (event['type'], event['object']['metadata']['name']) == ('ADDED', f'w-{i}')
    good.close()
    time.sleep(0.5)
    guard.stop()
    print(f'+{guard.grown():.1f} MiB, slowest {guard.slowest() * 1000:.0f} ms, {guard.cpu():.2f} s')
    assert guard.grown() < 40
    ended = 0
    for c in unread:
        size, last = 0, b''
        answer = c.getresponse()
        try:
            while data := answer.read1(65536):
                size, last = size + len(data), data
            ended += 1
        except (OSError, ValueError):
            pass
        c.close()
    assert ended == 50
