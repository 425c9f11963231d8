"""HTTP/2 by hand (RFC 9113, RFC 7541 without compression): what no well-behaved library would send."""
import socket
import ssl
import struct
import urllib.parse

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, ENHANCE_YOUR_CALM, CANCEL = 0, 11, 8
PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def integer(prefix_bits, first, n):
    most = (1 << prefix_bits) - 1
    if n < most:
        return bytes([first | n])
    out, n = bytes([first | most]), n - most
    while n >= 128:
        out, n = out + bytes([n % 128 + 128]), n // 128
    return out + bytes([n])


def literal(name, value):
    """A field that isn't put into the table."""
    name, value = name.encode(), value.encode() if isinstance(value, str) else value
    return b'\0' + integer(7, 0, len(name)) + name + integer(7, 0, len(value)) + value


def request(method, path, *more):
    return b''.join(literal(n, v) for n, v in [(':method', method), (':scheme', 'https'), (':path', path), (':authority', 'x'), *more])


class Connection:
    """Its answers use no table either: that is what the settings say."""

    def __init__(self, server, context=None, settings=b'\0\1\0\0\0\0', session=None):
        where = urllib.parse.urlparse(server.url)
        context = context or server.known()
        context.set_alpn_protocols(['h2'])
        raw = socket.create_connection((where.hostname, where.port), timeout=60)
        self.socket = context.wrap_socket(raw, session=session)
        assert self.socket.selected_alpn_protocol() == 'h2'
        self.pending = b''
        self.goaway = None
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, 'big')))

    def send(self, data):
        self.socket.sendall(data)

    def send_until_cut(self, data, most, each=1):
        """Sends data again and again; how often until the connection was cut."""
        for count in range(0, most, each):
            try:
                self.socket.sendall(data * each)
            except OSError:
                return count
        return most

    def get(self, stream, path='/readyz', *more):
        self.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, request('GET', path, *more)))

    def read(self):
        """(type, flags, stream, payload), or None when the connection is over."""
        while True:
            if len(self.pending) >= 9:
                size = int.from_bytes(self.pending[:3], 'big')
                if len(self.pending) >= 9 + size:
                    kind, flags, stream = self.pending[3], self.pending[4], int.from_bytes(self.pending[5:9], 'big')
                    payload, self.pending = self.pending[9:9 + size], self.pending[9 + size:]
                    if kind == GOAWAY:
                        self.goaway = int.from_bytes(payload[4:8], 'big')
                    return kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except (ssl.SSLError, ConnectionError):
                return None
            if not more:
                return None
            self.pending += more

    def answers(self, wanted=None):
        """Reads until the connection is over or so many streams ended: stream -> (status, body)."""
        heads, bodies, ended = {}, {}, set()
        while (got := self.read()) is not None:
            kind, flags, stream, payload = got
            if kind == SETTINGS and not flags & ACK:
                try:
                    self.send(frame(SETTINGS, ACK, 0))
                except OSError:
                    pass
            elif kind == HEADERS:
                heads.setdefault(stream, status_of(payload))
            elif kind == DATA:
                bodies[stream] = bodies.get(stream, b'') + payload
            elif kind == RST_STREAM:
                heads.setdefault(stream, -int.from_bytes(payload, 'big'))
                ended.add(stream)
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                ended.add(stream)
            if wanted is not None and len(ended) >= wanted:
                break
        return {s: (code, bodies.get(s, b'')) for s, code in heads.items()}

    def close(self):
        self.socket.close()


DIGITS = {  # the Huffman code of RFC 7541, appendix B: of digits
    '00000': '0', '00001': '1', '00010': '2', '011001': '3', '011010': '4', '011011': '5', '011100': '6', '011101': '7', '011110': '8', '011111': '9'}
STATIC = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def status_of(block):
    """Of an answer's header block, which begins with :status."""
    while block and block[0] >> 5 == 1:  # a change of the table's size
        block = block[1:]
    if block[0] & 0x80:
        return STATIC.get(block[0] & 0x7f, 0)
    size = block[1] & 0x7f
    text = block[2:2 + size]
    if not block[1] & 0x80:
        return int(text)
    bits, found, at = ''.join(f'{b:08b}' for b in text), '', ''
    for bit in bits:
        at += bit
        if at in DIGITS and len(found) < 3:
            found, at = found + DIGITS[at], ''
    return int(found)
