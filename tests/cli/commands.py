"""Running kaname as a person does, and regions for it: a real one, and a pretended one that answers what a test wants."""
import http.server
import json
import os
import subprocess
import threading

import regions
from program import CACHE, KANAME, PROJECT  # noqa: F401


def environment(home, **more):
    base = {k: v for k, v in os.environ.items() if not k.startswith(('AWS_', 'SUDO_')) and k not in ('KUBECONFIG', 'NO_COLOR', 'TERM')
            and 'proxy' not in k.lower()}
    return {**base, 'HOME': str(home), 'PATH': f'{CACHE}/bin:{os.environ["PATH"]}', **{k: str(v) for k, v in more.items()}}


def run(*args, home, check=True, timeout=60, text=True, stdin=None, **more):
    """A finished command; with check it must have succeeded."""
    done = subprocess.run([KANAME, *map(str, args)], env=environment(home, **more), capture_output=True, text=text, timeout=timeout, input=stdin)
    assert not check or done.returncode == 0, (args, done.stdout, done.stderr)
    return done


class Region(regions.Region):
    """One whose commands a person runs at home in its directory."""

    @property
    def home(self):
        return self.directory

    def kaname(self, *args, **more):
        args = [str(a) for a in args]
        at = args.index('--') if '--' in args else len(args)
        return run(*args[:at], '--data-dir', self.data, *args[at:], home=more.pop('home', self.home), **more)


class Pretended:
    """Answers EKS calls with what `answer(method, path)` returns: (status, exception's name, body)."""

    def __init__(self, directory, answer):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def reply(self):
                self.rfile.read(int(self.headers.get('content-length') or 0))
                if self.path == '/healthz':
                    status, name, body = 200, None, {}
                else:
                    status, name, body = outer.answer(self.command, self.path)
                data = json.dumps(body).encode()
                self.send_response(status)
                if name:
                    self.send_header('x-amzn-ErrorType', name)
                self.send_header('content-length', str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = reply

            def log_message(self, *args):
                pass

        self.answer = answer
        self.home = str(directory)
        self.data = f'{directory}/pretended'
        os.makedirs(self.data, exist_ok=True)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        with open(f'{self.data}/credentials.json', 'w') as f:
            json.dump({'accessKeyId': 'AKIAPRETENDEDREGION0', 'secretAccessKey': 'x' * 40, 'region': 'us-east-1', 'account': '1' * 12}, f)
        with open(f'{self.data}/port', 'w') as f:
            f.write(str(self.server.server_port))

    def kaname(self, *args, **more):
        return run(*args, '--data-dir', self.data, home=self.home, **more)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
