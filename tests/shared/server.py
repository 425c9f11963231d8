"""A control plane for tests: started on a free port in a temporary directory, ended by its process id."""
import base64
import http.client
import json
import os
import signal
import ssl
import subprocess
import urllib.parse

import yaml
from program import CACHE, KANAME


def exchange(connection, method, path, body=None, headers=None):
    """One request on a connection of its own: (status, headers, body as bytes). A dict or list goes as JSON."""
    sent = {'Accept': 'application/json', **(headers or {})}
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        sent.setdefault('Content-Type', 'application/json')
    connection.request(method, path, body=body, headers=sent)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, answer.headers, data


class Server:
    address = '127.0.0.1'

    def __init__(self, directory, components='all'):
        self.directory = str(directory)
        self.kubeconfig = os.path.join(self.directory, 'kubeconfig')
        self.components = components
        self.process = None
        self.start()

    def start(self, port=0):
        self.log = open(os.path.join(self.directory, 'server.log'), 'a')
        self.process = subprocess.Popen(
            [KANAME, 'apiserver', '--data-dir', os.path.join(self.directory, 'data'), '--listen', f'{self.address}:{port}',
             '--kubeconfig', self.kubeconfig, '--components', self.components],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        assert line.startswith('ready '), open(self.log.name).read()
        self.url = line.split()[1]
        with open(self.kubeconfig) as text:
            user = yaml.safe_load(text)['users'][0]['user']
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        for name in ('client-certificate-data', 'client-key-data'):
            with open(os.path.join(self.directory, name), 'wb') as out:
                out.write(base64.b64decode(user[name]))
        self.context.load_cert_chain(os.path.join(self.directory, 'client-certificate-data'),
                                     os.path.join(self.directory, 'client-key-data'))

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def alive(self):
        return self.process.poll() is None

    def run(self, client, *args, input=None, check=True, timeout=60):
        home = os.path.join(self.directory, 'home')
        os.makedirs(home, exist_ok=True)
        environment = {**os.environ, 'KUBECONFIG': self.kubeconfig, 'HOME': home}
        done = subprocess.run([os.path.join(CACHE, 'bin', client), *args], input=input, capture_output=True, text=True,
                              timeout=timeout, env=environment)
        if check and done.returncode != 0:
            raise AssertionError(f'{client} {" ".join(args)}: exit status {done.returncode}\n{done.stdout}{done.stderr}')
        return done

    def kubectl(self, *args, input=None, **more):
        if isinstance(input, (dict, list)):
            input = json.dumps(input)
        return self.run('kubectl', *args, input=input, **more).stdout

    def kubectl_error(self, *args, input=None):
        if isinstance(input, (dict, list)):
            input = json.dumps(input)
        done = self.run('kubectl', *args, input=input, check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr

    def get(self, *args):
        return json.loads(self.kubectl('get', *args, '-o', 'json'))

    def connection(self, timeout=20):
        where = urllib.parse.urlparse(self.url)
        return http.client.HTTPSConnection(where.hostname, where.port, context=self.context, timeout=timeout)

    def request(self, method, path, body=None, headers=None):
        """One HTTP/1.1 request: (status, headers, body as bytes)."""
        return exchange(self.connection(), method, path, body, headers)

    def json(self, method, path, body=None, headers=None):
        status, _, data = self.request(method, path, body, headers)
        return status, json.loads(data)
