"""HTTP/1 requests that two readers could cut differently (request smuggling): each is refused and its connection closed, so that nothing
behind it is ever taken for a request."""
import socket
import urllib.parse

import pytest

HIDDEN = b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
POST, GET = b'POST /version HTTP/1.1\r\nHost: x\r\n', b'GET /version HTTP/1.1\r\nHost: x\r\n'
CHUNKED = POST + b'Transfer-Encoding: chunked\r\n\r\n'


def post(*lines):
    return POST + b''.join(line + b'\r\n' for line in lines) + b'\r\n'


def get(*lines):
    return GET + b''.join(line + b'\r\n' for line in lines) + b'\r\n'


REFUSED = {
    # Two lengths, or one that isn't a number.
    'length and chunks': post(b'Content-Length: 6', b'Transfer-Encoding: chunked') + b'0\r\n\r\n',
    'chunks and length': post(b'Transfer-Encoding: chunked', b'Content-Length: 6') + b'0\r\n\r\n',
    'length and identity': post(b'Content-Length: 0', b'Transfer-Encoding: identity'),
    'two lengths': post(b'Content-Length: 0', b'Content-Length: 35'),
    'two lengths in one': post(b'Content-Length: 0, 35'),
    'signed length': post(b'Content-Length: +0'),
    'negative length': post(b'Content-Length: -1'),
    'length in hex': post(b'Content-Length: 0x0'),
    'length with a blank': post(b'Content-Length: 0 0'),
    'length of nothing': post(b'Content-Length: '),
    'length with letters': post(b'Content-Length: 0a'),
    'length too large': post(b'Content-Length: 18446744073709551616'),
    'length with a fraction': post(b'Content-Length: 0.0'),
    # Encodings that aren't chunked, or not quite.
    'unknown encoding': post(b'Transfer-Encoding: xchunked') + b'0\r\n\r\n',
    'chunked twice': post(b'Transfer-Encoding: chunked', b'Transfer-Encoding: chunked') + b'0\r\n\r\n',
    'chunked twice in one': post(b'Transfer-Encoding: chunked, chunked') + b'0\r\n\r\n',
    'chunked, then identity': post(b'Transfer-Encoding: chunked', b'Transfer-Encoding: identity') + b'0\r\n\r\n',
    'chunked before gzip': post(b'Transfer-Encoding: chunked, gzip') + b'0\r\n\r\n',
    'chunked in quotes': post(b'Transfer-Encoding: "chunked"') + b'0\r\n\r\n',
    'chunked behind a tab': post(b'Transfer-Encoding:\x0bchunked') + b'0\r\n\r\n',
    'encoding of nothing': post(b'Transfer-Encoding: ') + b'0\r\n\r\n',
    'chunks in HTTP/1.0': b'POST /version HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    # Names and lines.
    'blank before the colon': post(b'Content-Length : 0'),
    'tab before the colon': post(b'Transfer-Encoding\t: chunked') + b'0\r\n\r\n',
    'blank before a name': get(b' X-A: b'),
    'folded line': get(b'X-A: b', b' Content-Length: 35'),
    'folded encoding': post(b'Transfer-Encoding:', b' chunked') + b'0\r\n\r\n',
    'line without colon': get(b'X-A'),
    'no name': get(b': b'),
    'NUL in a value': get(b'X-A: b\0c'),
    'NUL in a name': get(b'X\0A: b'),
    'bare CR in a value': get(b'X-A: b\rContent-Length: 35'),
    'bare LF in a value': get(b'X-A: b\nContent-Length: 35'),
    'bare LF everywhere': b'GET /version HTTP/1.1\nHost: x\n\n',
    'bare LF at the end': GET + b'\n',
    'CR CR LF': GET + b'X-A: b\r\r\n\r\n',
    'two hosts': get(b'Host: y'),
    'no host': b'GET /version HTTP/1.1\r\n\r\n',
    'blanks in the target': b'GET /version /healthz HTTP/1.1\r\nHost: x\r\n\r\n',
    'blank in front': b' GET /version HTTP/1.1\r\nHost: x\r\n\r\n',
    'two blanks': b'GET  /version HTTP/1.1\r\nHost: x\r\n\r\n',
    # Chunks.
    'bare LF behind a size': CHUNKED + b'0\n\r\n',
    'signed size': CHUNKED + b'+0\r\n\r\n',
    'size in C': CHUNKED + b'0x0\r\n\r\n',
    'size of nothing': CHUNKED + b'\r\n\r\n',
    'blank before a size': CHUNKED + b' 0\r\n\r\n',
    'size too large': CHUNKED + b'10000000000000000\r\n',
    'more data than said': CHUNKED + b'1\r\nab\r\n0\r\n\r\n',
    'no CRLF behind data': CHUNKED + b'1\r\na0\r\n\r\n',
    'bare CR in an extension': CHUNKED + b'0;a\rb\r\n\r\n',
    'NUL in an extension': CHUNKED + b'0;a\0b\r\n\r\n',
    'folded trailer': CHUNKED + b'0\r\nX-A: b\r\n c\r\n\r\n',
}


def told(server, data):
    """Everything that comes until the connection is closed."""
    where, got = urllib.parse.urlparse(server.url), b''
    with server.known().wrap_socket(socket.create_connection((where.hostname, where.port), timeout=10)) as s:
        s.sendall(data)
        try:
            while more := s.recv(65536):
                got += more
        except ConnectionError:
            pass
    return got


@pytest.mark.parametrize('what', REFUSED)
def test_refused(server, what):
    answer = told(server, REFUSED[what] + HIDDEN)
    assert answer.count(b'HTTP/1.1 ') == 1, answer
    assert answer.startswith((b'HTTP/1.1 400 ', b'HTTP/1.1 413 ', b'HTTP/1.1 501 ')), answer
    head = answer.partition(b'\r\n\r\n')[0].lower()
    assert b'\r\nconnection: close' in head, answer


PODS = b'POST /api/v1/namespaces/default/pods/x HTTP/1.1\r\nHost: x\r\n'
GOOD = {'length': (PODS + b'Content-Length: 2\r\n\r\n{}', 405), 'chunks': (PODS + b'Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0\r\nX-A: b\r\n\r\n', 405),
        'plain': (get(), 200), 'same again': (get(b'X-A: b', b'X-A:b  ', b'X-B:'), 200)}


@pytest.mark.parametrize('what', GOOD)
def test_others_are_taken(server, what):
    data, status = GOOD[what]
    answer = told(server, data + b'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    assert answer.startswith(b'HTTP/1.1 %d ' % status) and answer.endswith(b'\r\n\r\nok') and answer.count(b'HTTP/1.1 ') == 2, answer
