"""Attacks on HTTP/2: each is cut early, and costs next to nothing."""
import os
import re
import subprocess
import time
import urllib.parse

import pytest

import frames
from frames import (CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS,
                    WINDOW_UPDATE, Connection, frame, request)
from program import CACHE

UNREAD = [('ping', frame(PING, 0, 0, b'12345678')), ('settings', frame(SETTINGS, 0, 0, b'\0\4\0\1\0\0')), ('priority', frame(PRIORITY, 0, 5, b'\0\0\0\0\1')),
          ('unknown', frame(0xbe, 0, 0, b'x')), ('window', frame(WINDOW_UPDATE, 0, 0, b'\0\0\0\1')), ('empty data', frame(DATA, 0, 1))]


def test_manners(server):
    """All that h2spec asks (RFC 9113, RFC 7541). The original stands 140 to 142 of its 145 tests."""
    where = urllib.parse.urlparse(server.url)
    done = subprocess.run([os.path.join(CACHE, 'bin', 'h2spec'), '-h', where.hostname, '-p', str(where.port), '-t', '-k', '-P', '/version', '-o', '5'],
                          capture_output=True, text=True, errors='replace')
    told = done.stdout.partition('Failures:')[2] or done.stdout
    assert (found := re.search(r'(\d+) tests, (\d+) passed', told)), done
    assert found[1] == found[2] == '145', told


def test_a_good_client_is_served(server):
    connection = Connection(server)
    for i in range(500):
        connection.get(2 * i + 1)
        assert connection.answers(1) == {2 * i + 1: (200, b'ok')}
    connection.close()


def lists(server):
    """How many lists of limit ranges the server has begun so far."""
    text = server.request('GET', '/metrics')[2].decode()
    return sum(int(line.split()[-1]) for line in text.split('\n') if line.startswith('apiserver_request_total{') and '"limitranges"' in line
               and 'verb="LIST"' in line)


def test_rapid_resets(server, guard):
    """20,000 requests taken back at once (CVE-2023-44487)."""
    reset, head = CANCEL.to_bytes(4, 'big'), request('GET', '/api/v1/namespaces/default/limitranges')
    pairs = [frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, head) + frame(RST_STREAM, 0, 2 * i + 1, reset) for i in range(20000)]
    before, connection = lists(server), Connection(server)
    try:
        for first in range(0, 20000, 100):
            connection.send(b''.join(pairs[first:first + 100]))
    except OSError:
        pass
    connection.answers()
    assert connection.goaway in (ENHANCE_YOUR_CALM, None) and lists(server) - before < 2000
    guard.stop()
    assert guard.cpu() < 1.5 and guard.grown() < 8


def test_strangers_get_one_answer(server):
    """Who is nobody known has to open a connection for each request."""
    connection = Connection(server, server.stranger())
    connection.get(1, '/healthz')
    answers = connection.answers()
    assert answers == {1: (200, b'ok')} and connection.goaway == frames.NO_ERROR
    connection = Connection(server, server.stranger())
    connection.get(1, '/api/v1/pods', ('authorization', 'Bearer what'))
    assert connection.answers()[1][0] == 401 and connection.goaway == frames.NO_ERROR


@pytest.mark.parametrize('name, attack', UNREAD, ids=[n for n, _ in UNREAD])
def test_frames_whose_answers_are_not_read(server, guard, name, attack):
    connection = Connection(server)
    connection.send(frame(HEADERS, END_HEADERS, 1, request('POST', '/api/v1/namespaces')))
    taken = connection.send_until_cut(attack, 1000000, each=200)
    connection.close()
    # What the kernels' buffers hold comes on top of what is looked at.
    assert taken < 600000
    guard.stop()
    assert guard.cpu() < 1 and guard.grown() < 4


def test_continuations_without_end(server, guard):
    connection = Connection(server)
    connection.send(frame(HEADERS, 0, 1, request('GET', '/readyz')))
    taken = connection.send_until_cut(frame(CONTINUATION, 0, 1, b'\x82' * 16384), 2000)
    connection.close()
    assert taken < 1000
    guard.stop()
    assert guard.cpu() < 1 and guard.grown() < 4


def test_header_bomb(server, guard):
    """A field of 3,000 bytes is put into the table once and named by a byte each 16,000 times: 47 MB of headers."""
    connection = Connection(server)
    block = request('GET', '/readyz') + b'\x40\x01z' + frames.integer(7, 0, 3000) + b'v' * 3000
    for stream in range(1, 41, 2):
        parts = block + b'\xbe' * 16000
        connection.send(frame(HEADERS, END_STREAM, stream, parts[:16384]) + frame(CONTINUATION, END_HEADERS, stream, parts[16384:]))
        block = request('GET', '/readyz')
    answers = connection.answers(20)
    assert {code for code, _ in answers.values()} == {431}
    connection.get(41)
    assert connection.answers(1)[41] == (200, b'ok')
    guard.stop()
    assert guard.cpu() < 1 and guard.grown() < 4


@pytest.mark.parametrize('what, code', [('lines', 431), ('bytes', 431), ('count', 431), ('good', 200)])
def test_headers_have_limits(server, what, code):
    more = {'lines': [('x-a', 'a' * 17000)], 'bytes': [(f'x-{i}', 'a' * 9000) for i in range(8)],
            'count': [(f'x-{i}', 'a') for i in range(300)], 'good': [(f'x-{i}', 'a' * 100) for i in range(100)]}[what]
    connection = Connection(server)
    head = request('GET', '/readyz', *more)
    pieces = [head[i:i + 16384] for i in range(0, len(head), 16384)]
    for i, piece in enumerate(pieces):
        connection.send(frame(CONTINUATION if i else HEADERS, (END_HEADERS if i == len(pieces) - 1 else 0) | (0 if i else END_STREAM), 1, piece))
    assert connection.answers(1)[1][0] == code
    status, _, _ = server.request('GET', '/readyz', headers=dict(more))
    assert status == code


def test_more_streams_than_allowed_are_refused(server):
    connection = Connection(server)
    token = server.token()
    head = request('POST', '/api/v1/namespaces', ('authorization', 'Bearer ' + token))
    connection.send(b''.join(frame(HEADERS, END_HEADERS, 2 * i + 1, head) for i in range(300)))
    refused = [code for code, _ in connection.answers(50).values() if code == -7]
    assert len(refused) == 50
    connection.close()


def test_half_received_bodies_are_bounded(server, guard):
    """64 uploads at once on one connection, none finished: beyond 16 MiB together the next one ends."""
    connection = Connection(server)
    head = request('POST', '/api/v1/namespaces')
    for stream in range(1, 129, 2):
        connection.send(frame(HEADERS, END_HEADERS, stream, head))
    for _ in range(17):
        for stream in range(1, 129, 2):
            connection.send(frame(DATA, 0, stream, b'x' * 16384))
    connection.socket.settimeout(10)
    assert [code for code, _ in connection.answers(1).values()] == [-ENHANCE_YOUR_CALM]
    guard.stop()
    assert guard.grown() < 40
    connection.close()


class Uploads(Connection):
    """Keeps to the windows that the server gives."""

    def __init__(self, server):
        super().__init__(server)
        self.room = {0: 65535}

    def post(self, stream, path, body):
        """The answer's code; minus that of a reset."""
        self.send(frame(HEADERS, END_HEADERS, stream, request('POST', path, ('content-type', 'application/json'))))
        self.room[stream], code, sent, over = 65535, None, 0, False
        while not over:
            while sent < len(body) and (most := min(16384, self.room[0], self.room[stream], len(body) - sent)) > 0:
                self.send(frame(DATA, END_STREAM if sent + most == len(body) else 0, stream, body[sent:sent + most]))
                self.room[0], self.room[stream], sent = self.room[0] - most, self.room[stream] - most, sent + most
            kind, flags, at, payload = self.read()
            if kind == WINDOW_UPDATE:
                self.room[at] = self.room.get(at, 0) + int.from_bytes(payload, 'big')
            elif at == stream and kind in (HEADERS, RST_STREAM):
                code = code or (frames.status_of(payload) if kind == HEADERS else -int.from_bytes(payload, 'big'))
            over = sent == len(body) and at == stream and (kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM)) or kind == frames.GOAWAY
        return code


def test_a_refused_body_counts_once(server, ns):
    """What was dropped of a body too large isn't taken off again when its end comes: later ones are as welcome as before."""
    connection, path = Uploads(server), f'/api/v1/namespaces/{ns}/configmaps'
    assert connection.post(1, path, b'{"metadata":{"name":"first"}}') == 201
    assert connection.post(3, path, b' ' * ((3 << 20) + 4)) == 413
    assert [connection.post(stream, path, b'{"metadata":{"name":"n%d"}}' % stream) for stream in (5, 7)] == [201, 201]
    connection.close()
