"""What probes and hooks ask:  probed.py ADDRESS CERTIFICATE KEY FOLDER

HTTP on 8081, HTTPS on 8443, gRPC health on 8082. FOLDER/log gets a JSON line for each request. A path /code/N is answered with N; /to/TARGET is a
redirect. gRPC answers SERVING for the service named in FOLDER/serving (any when it is empty), NOT_SERVING else."""
import http.server
import json
import pathlib
import socketserver
import ssl
import struct
import sys
import threading
import urllib.parse

address, certificate, key, folder = sys.argv[1:]
folder = pathlib.Path(folder)


def log(**what):
    with open(folder / 'log', 'a') as file:
        file.write(json.dumps(what) + '\n')


class Http(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        log(path=self.path, headers=dict(self.headers.items()), tls=isinstance(self.connection, ssl.SSLSocket))
        path = self.path.split('?')[0]
        code = int(path.split('/')[2]) if path.startswith('/code/') else 302 if path.startswith('/to/') else 200
        self.send_response(code)
        if code == 302:
            self.send_header('Location', urllib.parse.unquote(path[4:]))
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'hi')


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def literal(name, value):
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


class Grpc(socketserver.BaseRequestHandler):
    """As much HTTP/2 as a unary call needs: header blocks of requests are not read."""

    def read(self, size):
        data = b''
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def handle(self):
        try:
            self.read(24)
            self.request.sendall(frame(4, 0, 0))
            while True:
                head = self.read(9)
                size, kind, flags, stream = int.from_bytes(head[:3], 'big'), head[3], head[4], int.from_bytes(head[5:], 'big')
                payload = self.read(size)
                if kind == 4 and not flags & 1:
                    self.request.sendall(frame(4, 1, 0))
                elif kind == 6 and not flags & 1:
                    self.request.sendall(frame(6, 1, 0, payload))
                elif kind == 0 and flags & 1:
                    self.answer(stream, payload[5:])
        except (ConnectionError, OSError):
            pass

    def answer(self, stream, message):
        service = message[2:2 + message[1]].decode() if message else ''
        serving = (folder / 'serving').read_text()
        good = not serving or service == serving
        log(grpc=service, good=good)
        self.request.sendall(frame(1, 4, stream, b'\x88' + literal(b'content-type', b'application/grpc')) +
                             frame(0, 0, stream, bytes([0, 0, 0, 0, 2, 8, 1 if good else 2])) + frame(1, 5, stream, literal(b'grpc-status', b'0')))


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


plain, secure = (http.server.ThreadingHTTPServer((address, port), Http) for port in (8081, 8443))
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
secure.socket = context.wrap_socket(secure.socket, server_side=True)
for server in (plain, secure, Server((address, 8082), Grpc)):
    threading.Thread(target=server.serve_forever).start()
print('ready', flush=True)
