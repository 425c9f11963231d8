"""The original kube-apiserver with its etcd, started in a temporary directory; for comparing answers."""
import http.client
import os
import ssl
import subprocess
import time

from client_certificates import new_authority
from program import CACHE, free_port
from server import exchange

binaries = os.path.join(CACHE, 'bin')


def missing():
    """Names of programs that are not built (tests/setup/originals builds them)."""
    return [name for name in ('etcd', 'kube-apiserver') if not os.access(os.path.join(binaries, name), os.X_OK)]


class Original:
    token = 'differential'

    def __init__(self, directory):
        self.directory = str(directory)
        self.processes = []
        self.port = free_port()
        self.url = f'https://127.0.0.1:{self.port}'
        self.authority, self.front_proxy = new_authority('kubernetes'), new_authority('front-proxy-ca')
        for name, authority in (('ca.crt', self.authority), ('front-proxy-ca.crt', self.front_proxy)):
            with open(self.path(name), 'w') as out:
                out.write(authority.pem())
        peer, client = free_port(), free_port()
        self.spawn('etcd', [f'--data-dir={self.path("etcd")}', f'--listen-client-urls=http://127.0.0.1:{client}',
                            f'--advertise-client-urls=http://127.0.0.1:{client}', f'--listen-peer-urls=http://127.0.0.1:{peer}',
                            f'--initial-advertise-peer-urls=http://127.0.0.1:{peer}',
                            f'--initial-cluster=default=http://127.0.0.1:{peer}', '--log-level=error', '--unsafe-no-fsync'])
        subprocess.run(['openssl', 'genrsa', '-out', self.path('sa.key'), '2048'], check=True, capture_output=True)
        with open(self.path('tokens.csv'), 'w') as out:
            out.write(f'{self.token},admin,uid,"system:masters"\n')
        self.spawn('kube-apiserver', [
            f'--etcd-servers=http://127.0.0.1:{client}', '--bind-address=127.0.0.1', f'--secure-port={self.port}',
            '--advertise-address=192.0.2.1', '--service-cluster-ip-range=10.96.0.0/16', f'--cert-dir={self.path("certs")}',
            '--authorization-mode=Node,RBAC', f'--token-auth-file={self.path("tokens.csv")}', '--allow-privileged=true',
            '--enable-admission-plugins=NodeRestriction', '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
            f'--service-account-key-file={self.path("sa.key")}', f'--service-account-signing-key-file={self.path("sa.key")}',
            '--profiling=false', f'--client-ca-file={self.path("ca.crt")}', f'--requestheader-client-ca-file={self.path("front-proxy-ca.crt")}',
            '--requestheader-username-headers=X-Remote-User', '--requestheader-group-headers=X-Remote-Group',
            '--requestheader-extra-headers-prefix=X-Remote-Extra-'])
        self.context = ssl.create_default_context()
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.wait()

    def path(self, name):
        return os.path.join(self.directory, name)

    def spawn(self, name, arguments):
        log = open(self.path(name + '.log'), 'w')
        self.processes.append(subprocess.Popen([os.path.join(binaries, name), *arguments], stdout=log, stderr=log))

    def wait(self):
        for _ in range(240):
            try:
                if self.request('GET', '/readyz')[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.25)
        self.stop()
        raise AssertionError('the original did not become ready:\n' + open(self.path('kube-apiserver.log')).read()[-2000:])

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPSConnection('127.0.0.1', self.port, context=self.context, timeout=30)
        return exchange(connection, method, path, body, {'Authorization': f'Bearer {self.token}', **(headers or {})})

    def stop(self):
        """At once: asked to end, it takes half a minute to say farewell to its clients."""
        for process in self.processes:
            process.kill()
            process.wait()
