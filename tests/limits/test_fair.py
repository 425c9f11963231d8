"""Who asks little is served while others send much."""
import subprocess
import sys
import threading
import time

from program import SANITIZED

CLIENTS, SECONDS = 16, 4
CROWD = """
import http.client, json, ssl, sys, threading, time, urllib.parse
url, directory, clients, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(directory + '/client-certificate-data', directory + '/client-key-data')
where, until, made = urllib.parse.urlparse(url), time.monotonic() + seconds, []

def create(n):
    connection = http.client.HTTPSConnection(where.hostname, where.port, context=context, timeout=60)
    i = 0
    while time.monotonic() < until:
        body = json.dumps({'metadata': {'name': f'fair-{n}-{i}'}, 'data': {'a': 'x' * 900000}})
        connection.request('POST', '/api/v1/namespaces/default/configmaps', body, {'Content-Type': 'application/json'})
        answer = connection.getresponse()
        answer.read()
        made.append(answer.status)
        i += 1

threads = [threading.Thread(target=create, args=(n,)) for n in range(clients)]
for t in threads: t.start()
for t in threads: t.join()
assert set(made) <= {201, 429}, set(made)
made = [code for code in made if code == 201]
print(len(made))
"""


class Prober(threading.Thread):
    """Asks for a small object again and again, and how long the server's loop was at work meanwhile: time in which a processor was
    busy with others doesn't count."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.ended, self.waits, self.times = server, threading.Event(), [], []

    def worked(self):
        with open(f'/proc/{self.server.process.pid}/task/{self.server.process.pid}/schedstat') as f:
            return int(f.read().split()[0]) / 1e6

    def run(self):
        connection = self.server.connection(timeout=30)
        while not self.ended.is_set():
            worked, begun = self.worked(), time.monotonic()
            connection.request('GET', '/api/v1/namespaces/default', headers={'Accept': 'application/json'})
            assert connection.getresponse().read()
            self.waits.append(self.worked() - worked)
            self.times.append((time.monotonic() - begun) * 1000)
            self.ended.wait(0.005)
        connection.close()


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


def test_a_light_get_beside_large_creates(server):
    """A process of its own makes the load. A quiet machine of two cores takes 10 ms, the original 923."""
    prober = Prober(server)
    begun = prober.worked()
    prober.start()
    done = subprocess.run([sys.executable, '-c', CROWD, server.url, server.directory, str(CLIENTS), str(SECONDS)], capture_output=True, text=True)
    each = (prober.worked() - begun) / max(int(done.stdout or 0), 1)
    prober.ended.set()
    prober.join(30)
    assert done.returncode == 0, done.stderr
    half, most = quantile(prober.waits, 0.5), quantile(prober.waits, 0.99)
    print(f'{done.stdout.strip()} creates of {each:.1f} ms of work; a light GET waits for p50 {half:.1f} and p99 {most:.1f} ms of it, '
          f'{quantile(prober.times, 0.5):.1f} and {quantile(prober.times, 0.99):.1f} ms by the clock')
    assert int(done.stdout) > CLIENTS and len(prober.times) > 50
    # Behind the whole crowd it would wait for sixteen.
    assert most < 4 * each and half < each, (each, half, most)
    assert SANITIZED or quantile(prober.times, 0.99) < 500
    assert server.json('DELETE', '/api/v1/namespaces/default/configmaps')[0] == 200
