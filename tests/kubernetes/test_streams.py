"""Logs, exec and proxying go to the node's kubelet: here one that speaks just enough."""
import ast
import base64
import hashlib
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import zlib

import pytest

HEADER = pathlib.Path(__file__).resolve().parents[2] / 'src' / 'net' / 'spdy_dictionary.h'
DICTIONARY = ast.literal_eval('b' + ' b'.join(re.findall(r'"(?:[^"\\]|\\.)*"', HEADER.read_text().split('[] =', 1)[1].split(';')[0])))


class Kubelet:
    """Answers logs, and exec by WebSocket, on a port of 127.0.0.1 with a certificate of its own."""
    ADDRESS = '127.0.0.1'

    def __init__(self, directory):
        certificate, key = os.path.join(directory, 'kubelet.crt'), os.path.join(directory, 'kubelet.key')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1',
                        '-subj', '/CN=kubelet', '-keyout', key, '-out', certificate], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server((self.ADDRESS, 0))
        self.port = self.listener.getsockname()[1]
        self.requests = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(plain,), daemon=True).start()

    def answer(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as connection:
            head = b''
            while b'\r\n\r\n' not in head:
                part = connection.recv(4096)
                if not part:
                    return
                head += part
            lines = head.decode().split('\r\n')
            headers = {name.lower(): value for name, value in (line.split(': ', 1) for line in lines[1:] if ': ' in line)}
            self.requests.append((lines[0], headers))
            if headers.get('upgrade', '').lower() == 'websocket':
                self.exec(connection, headers)
            elif headers.get('upgrade', '').upper() == 'SPDY/3.1':
                self.exec_spdy(connection, headers, head.split(b'\r\n\r\n', 1)[1])
            else:
                body = b'line 1\nline 2\n'
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n' % len(body) + body)

    @staticmethod
    def exec(connection, headers):
        accept = hashlib.sha1((headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').encode()).digest()
        protocol = headers['sec-websocket-protocol'].split(',')[0].strip()
        connection.sendall(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
                            f'Sec-WebSocket-Accept: {base64.b64encode(accept).decode()}\r\n'
                            f'Sec-WebSocket-Protocol: {protocol}\r\n\r\n').encode())
        for message in (b'\x01hello from the node\n', b'\x03{"metadata":{},"status":"Success"}'):
            connection.sendall(bytes([0x82, len(message)]) + message)
        connection.sendall(b'\x88\x02' + struct.pack('>H', 1000))
        connection.recv(4096)

    @staticmethod
    def exec_spdy(connection, headers, data):
        """Runs `cat`: what comes on stdin goes to stdout; at its end the status follows, on the error stream."""
        connection.sendall(('HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n'
                            f'X-Stream-Protocol-Version: {headers["x-stream-protocol-version"]}\r\n\r\n').encode())
        inflate, deflate, streams = zlib.decompressobj(zdict=DICTIONARY), zlib.compressobj(zdict=DICTIONARY), {}

        def send(stream, payload, flags=0):
            connection.sendall(struct.pack('>II', stream, flags << 24 | len(payload)) + payload)
        while True:
            while len(data) < 8 or len(data) < 8 + (struct.unpack('>I', data[4:8])[0] & 0xffffff):
                part = connection.recv(65536)
                if not part:
                    return
                data += part
            word, length = struct.unpack('>II', data[:8])
            flags, body, data = length >> 24, data[8:8 + (length & 0xffffff)], data[8 + (length & 0xffffff):]
            if word == 0x80030001:  # a stream, with one header
                name = inflate.decompress(body[10:])
                stream = struct.unpack('>I', body[:4])[0]
                streams[re.search(rb'(?i)streamtype....(\w+)$', name, re.S)[1].decode()] = stream
                connection.sendall(struct.pack('>III', 0x80030002, 4 + len(block := deflate.compress(b'\0\0\0\0') + deflate.flush(zlib.Z_SYNC_FLUSH)),
                                               stream) + block)
            elif word == streams.get('stdin'):
                if body:
                    send(streams['stdout'], body)
                if flags & 1:
                    send(streams['stderr'], b'read all\n', 1)
                    send(streams['error'], b'{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","message":"exit code 5",'
                         b'"details":{"causes":[{"reason":"ExitCode","message":"5"}]}}', 1)
                    send(streams['stdout'], b'', 1)

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass
        self.listener.close()


@pytest.fixture
def kubelet(server, ns, tmp_path):
    k = Kubelet(str(tmp_path))
    node = 'node-' + ns
    server.kubectl('create', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': node}})
    server.json('PATCH', f'/api/v1/nodes/{node}/status',
                {'status': {'declaredFeatures': ['ExtendWebSocketsToKubelet'], 'addresses': [{'type': 'InternalIP', 'address': '127.0.0.1'}],
                            'daemonEndpoints': {'kubeletEndpoint': {'Port': k.port}}}},
                {'Content-Type': 'application/merge-patch+json'})
    server.kubectl('create', '-f', '-', input={
        'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p', 'namespace': ns},
        'spec': {'nodeName': node, 'containers': [{'name': 'c', 'image': 'busybox'}]}})
    yield k
    server.kubectl('-n', ns, 'delete', 'pod', 'p', '--force', '--grace-period=0')
    server.kubectl('delete', 'node', node)
    k.close()


def test_logs(server, ns, kubelet):
    assert server.kubectl('-n', ns, 'logs', 'p', '--tail=5') == 'line 1\nline 2\n'
    line, headers = kubelet.requests[-1]
    assert line == f'GET /containerLogs/{ns}/p/c?tailLines=5 HTTP/1.1'
    assert 'authorization' not in headers


def test_a_backend_hears_nothing_of_who_one_claims_to_be(server, ns, kubelet):
    """Some trust a proxy that says so, and clients reach them through the server."""
    said = {'X-Remote-User': 'admin', 'X-Remote-Uid': '0', 'X-Remote-Group': 'system:masters', 'X-Remote-Extra-Scopes': 'all', 'X-Remote-Control': 'kept'}
    assert server.request('GET', f'/api/v1/namespaces/{ns}/pods/p/log', headers=said)[0] == 200
    assert [name for name in kubelet.requests[-1][1] if name.startswith('x-remote')] == ['x-remote-control']


def test_exec_through_a_websocket(server, ns, kubelet):
    assert server.kubectl('-n', ns, 'exec', 'p', '--', 'echo', 'a b') == 'hello from the node\n'
    line, headers = kubelet.requests[-1]
    assert line.startswith(f'GET /exec/{ns}/p/c?') and 'command=echo' in line and 'command=a%20b' in line and 'output=1' in line
    assert headers['sec-websocket-protocol'].startswith('v5.channel.k8s.io')


@pytest.fixture
def old_kubelet(server, ns, kubelet):
    server.json('PATCH', f'/api/v1/nodes/node-{ns}/status', {'status': {'declaredFeatures': None}},
                {'Content-Type': 'application/merge-patch+json'})
    return kubelet


def test_exec_of_a_kubelet_without_websockets(server, ns, old_kubelet):
    """The client's WebSocket is translated to SPDY."""
    text = ''.join(f'line {n}\n' for n in range(100000))
    done = server.run('kubectl', '-n', ns, 'exec', '-i', 'p', '--', 'cat', input=text, check=False)
    assert (done.returncode, done.stdout == text) == (5, True), done.stderr
    assert 'read all' in done.stderr
    line, headers = old_kubelet.requests[-1]
    assert line.startswith(f'POST /exec/{ns}/p/c?') and 'input=1' in line
    assert headers['upgrade'] == 'SPDY/3.1' and headers['x-stream-protocol-version'].startswith('v4.channel.k8s.io')


def test_logs_through_a_websocket(server, ns, kubelet):
    connection = server.context.wrap_socket(socket.create_connection(('127.0.0.1', int(server.url.rsplit(':', 1)[1]))))
    connection.sendall((f'GET /api/v1/namespaces/{ns}/pods/p/log?container=c HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n'
                        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
                        'Sec-WebSocket-Protocol: binary.k8s.io\r\n\r\n').encode())
    connection.settimeout(10)
    data = b''
    while b'line 2\n' not in data:
        part = connection.recv(4096)
        assert part, data
        data += part
    connection.close()
    assert data.startswith(b'HTTP/1.1 101') and b'Sec-WebSocket-Protocol: binary.k8s.io' in data
    assert data.split(b'\r\n\r\n', 1)[1][:16] == b'\x82\x0eline 1\nline 2\n'


@pytest.mark.parametrize('address', ['127.0.0.1', '::1', '::ffff:127.0.0.1', '169.254.169.254', '224.0.0.1', '0.0.0.0', 'localhost'])
def test_no_proxy_to_the_machine_itself(server, ns, kubelet, address):
    """What a proxy answers elsewhere is compared with the original in differential/test_proxy_differential.py."""
    server.json('PATCH', f'/api/v1/nodes/node-{ns}/status', {'status': {'addresses': [
        {'type': 'Hostname' if address == 'localhost' else 'InternalIP', 'address': address}]}}, {'Content-Type': 'application/merge-patch+json'})
    before = len(kubelet.requests)
    status, answer = server.json('GET', f'/api/v1/nodes/node-{ns}/proxy/containerLogs/x/y/z')
    assert (status, answer['message']) == (400, 'address not allowed') and len(kubelet.requests) == before


@pytest.mark.parametrize('method, what', [('POST', 'exec?command=x&stdout=1'), ('GET', 'attach?stdout=1'), ('POST', 'portforward')])
def test_streams_need_an_upgrade(server, ns, kubelet, method, what):
    status, answer = server.json(method, f'/api/v1/namespaces/{ns}/pods/p/{what}')
    assert (status, answer['message']) == (400, 'Upgrade request required') and kubelet.requests == []


def test_nobody_there(server, ns, kubelet):
    kubelet.close()
    status, answer = server.json('GET', f'/api/v1/namespaces/{ns}/pods/p/log')
    assert status == 503 and answer['reason'] == 'ServiceUnavailable' and 'error dialing backend' in answer['message']
    error = server.kubectl_error('-n', ns, 'exec', 'p', '--', 'true')
    assert 'error dialing backend' in error or 'unable to upgrade' in error
