"""A server whose memory and CPU are measured, and which somebody well-behaved asks all the time."""
import contextlib
import os
import ssl
import threading
import time

from program import SANITIZED
from server import Server

TICK = os.sysconf('SC_CLK_TCK')


class Guarded(Server):
    def rss(self):
        """MiB of memory of its own: pages of its file are the kernel's."""
        with open(f'/proc/{self.process.pid}/status') as f:
            return 0 if SANITIZED else next(int(line.split()[1]) for line in f if line.startswith('RssAnon:')) / 1024

    def cpu(self):
        with open(f'/proc/{self.process.pid}/stat') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return 0 if SANITIZED else (int(fields[11]) + int(fields[12])) / TICK

    @contextlib.contextmanager
    def watched(self):
        guard = Guard(self)
        guard.start()
        try:
            yield guard
        finally:
            guard.stop()

    def token(self, name='nobody', *, role=None):
        """Of a service account, which may be given a cluster role."""
        accounts = '/api/v1/namespaces/default/serviceaccounts'
        self.json('POST', accounts, {'metadata': {'name': name}})
        if role:
            self.json('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
                      {'metadata': {'name': name}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': role},
                       'subjects': [{'kind': 'ServiceAccount', 'name': name, 'namespace': 'default'}]})
        status, made = self.json('POST', f'{accounts}/{name}/token', {'spec': {}})
        assert status == 201, made
        return made['status']['token']

    def stranger(self):
        """A TLS context without a client certificate."""
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def known(self):
        """One with the administrator's."""
        context = self.stranger()
        context.load_cert_chain(os.path.join(self.directory, 'client-certificate-data'), os.path.join(self.directory, 'client-key-data'))
        return context


class Guard(threading.Thread):
    """Samples memory, and asks for a small object again and again."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended, self.times, self.fault = server, threading.Event(), [], None
        self.before = self.peak = server.rss()
        self.cpu_before = server.cpu()

    def run(self):
        connection = self.server.connection(timeout=30)
        try:
            while not self.ended.is_set():
                begun = time.monotonic()
                connection.request('GET', '/api/v1/namespaces/default', headers={'Accept': 'application/json'})
                answer = connection.getresponse()
                answer.read()
                self.times.append(time.monotonic() - begun)
                if answer.status != 200:
                    raise AssertionError(f'a good client got {answer.status}')
                self.peak = max(self.peak, self.server.rss())
                self.ended.wait(0.005)
        except Exception as e:
            self.fault = e
        finally:
            connection.close()

    def stop(self):
        if not self.ended.is_set():
            self.ended.set()
            self.join(40)
        if self.fault:
            raise AssertionError(f'a good client failed: {self.fault!r}')

    def grown(self):
        """MiB more than before, at most so far."""
        self.peak = max(self.peak, self.server.rss())
        return self.peak - self.before

    def cpu(self):
        return self.server.cpu() - self.cpu_before

    def slowest(self):
        return max(self.times, default=0)

    def quantile(self, q):
        times = sorted(self.times)
        return times[min(len(times) - 1, int(len(times) * q))]
