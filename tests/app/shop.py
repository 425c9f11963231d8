"""The middle tier: keeps orders in the database, answers with what it kept."""
import http.server
import json
import os
import signal
import socket
import threading


class Database:
    """Redis' protocol, as much of it as is needed; one connection a request."""

    def __init__(self):
        self.socket = socket.create_connection((os.environ['DATABASE'], 6379), timeout=5)
        self.file = self.socket.makefile('rb')
        self.ask('AUTH', os.environ['PASSWORD'])

    def ask(self, *words):
        self.socket.sendall(f'*{len(words)}\r\n'.encode() + b''.join(f'${len(w.encode())}\r\n{w}\r\n'.encode() for w in words))
        return self.answer()

    def answer(self):
        line = self.file.readline().rstrip(b'\r\n').decode()
        kind, rest = line[0], line[1:]
        if kind == '-':
            raise RuntimeError(rest)
        if kind == '$':
            return None if rest == '-1' else self.file.read(int(rest) + 2)[:-2].decode()
        if kind == '*':
            return [self.answer() for _ in range(int(rest))]
        return int(rest) if kind == ':' else rest

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


class Handler(http.server.BaseHTTPRequestHandler):
    def reply(self, status, value):
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def answer(self, work):
        try:
            with Database() as database:
                self.reply(200, work(database))
        except (OSError, RuntimeError, IndexError) as e:
            self.reply(503, {'error': str(e)})

    def do_GET(self):
        if self.path == '/ready':
            self.answer(lambda d: d.ask('PING'))
        elif self.path == '/orders':
            self.answer(lambda d: {'orders': d.ask('LRANGE', 'orders', '0', '-1')})
        else:
            self.reply(404, {'error': self.path})

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        self.answer(lambda d: {'kept': d.ask('RPUSH', 'orders', text), 'version': os.environ['VERSION'], 'pod': os.uname().nodename})

    def log_message(self, *_):
        pass


if __name__ == '__main__':
    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = False
        request_queue_size = 128
    server = Server(('', 8000), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f'version {os.environ["VERSION"]} serves', flush=True)
    server.serve_forever()
    server.server_close()
