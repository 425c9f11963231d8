"""What happens to one cluster doesn't reach another's clients."""
import http.client
import json
import os
import signal
import subprocess
import threading
import time

import pytest
from program import KANAME
from regions import Region
from tenant import Tenant, deputy_of

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
CRASHES = 20
VICTIMS = 4  # a cluster that crashes again and again waits longer and longer for its next start


class Client(threading.Thread):
    """Reads and writes until it is stopped; each request that isn't answered well is a fault."""

    def __init__(self, tenant, lasting):
        super().__init__(daemon=True)
        self.tenant, self.lasting, self.stop = tenant, lasting, threading.Event()
        self.answered, self.faults, self.slowest = 0, [], 0.0

    def run(self):
        connection = None
        while not self.stop.is_set():
            begun = time.monotonic()
            try:
                connection = connection or self.tenant.connection(self.tenant.admin)
                body = json.dumps({'metadata': {'generateName': 'c-'}}) if self.answered % 2 else None
                connection.request('POST' if body else 'GET', CONFIGMAPS if body else f'{CONFIGMAPS}/kube-root-ca.crt', body,
                                   {'Content-Type': 'application/json'})
                answer = connection.getresponse()
                answer.read()
                if answer.status not in (200, 201):
                    self.faults.append(answer.status)
            except (OSError, http.client.HTTPException) as fault:
                self.faults.append(repr(fault))
                connection = None
            self.answered += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
            if not self.lasting and connection:
                connection.close()
                connection = None


def clients_of(tenant):
    clients = [Client(tenant, lasting=True), Client(tenant, lasting=False)]
    for client in clients:
        client.start()
    return clients


def end(clients):
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(30)
        assert not client.faults and client.answered > 20, (client.answered, client.faults[:5])


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def answers(tenant):
    try:
        return tenant.call('GET', '/readyz')[0] == 200
    except OSError:
        return False


def test_a_crashing_cluster_disturbs_no_other(region, tenants):
    victims = [Tenant(region, f'victim-{i}') for i in range(VICTIMS)]
    last = {}
    clients = clients_of(tenants[1])
    for crash in range(CRASHES):
        victim = victims[crash % VICTIMS]
        wait_until(lambda: victim.pid() not in (None, last.get(victim.name)), 20, f'{victim.name} comes back')
        last[victim.name] = victim.pid()
        os.kill(last[victim.name], signal.SIGSEGV)
    for victim in victims:
        wait_until(lambda: victim.pid() not in (None, last[victim.name]) and answers(victim), 20, f'{victim.name} answers again')
    end(clients)
    for victim in victims:
        left = [os.path.join(top, name) for top, _, names in os.walk(victim.directory) for name in names if name.startswith('core')]
        assert not left, 'core dumps hold keys'
        region.client().delete_cluster(name=victim.name)


def gone(pids):
    return not any(os.path.exists(f'/proc/{pid}') for pid in pids)


def test_clusters_outlive_a_region_that_is_killed(region, tenants):
    """Twice, and what the next region finds is its own: a crash is noticed, a deletion ends it."""
    doomed = Tenant(region, 'doomed')
    before = {tenant.name: tenant.pid() for tenant in (*tenants, doomed)}
    clients = clients_of(tenants[1])
    for _ in range(2):
        region.kill()
        time.sleep(0.3)
        assert {tenant.name: tenant.pid() for tenant in (*tenants, doomed)} == before
        region.start()
    time.sleep(0.3)
    assert {tenant.name: tenant.pid() for tenant in (*tenants, doomed)} == before
    os.kill(before['a'], signal.SIGSEGV)
    wait_until(lambda: tenants[0].pid() not in (None, before['a']) and answers(tenants[0]), 20, 'a cluster comes back under the next region')
    out = subprocess.run([KANAME, 'token', '--cluster', 'b', '--data-dir', region.data], capture_output=True, text=True, check=True)
    token = json.loads(out.stdout)['status']['token']
    assert tenants[1].call('GET', CONFIGMAPS, token=token)[0] == 200, 'it asks the region that is there now'
    region.client().delete_cluster(name='doomed')
    wait_until(lambda: gone([before['doomed']]) and not os.path.exists(doomed.directory), 20, 'a deleted cluster ends')
    end(clients)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root has a deputy')
def test_a_region_ends_with_its_deputy_and_comes_back(region, tenants):
    before = {tenant.name: tenant.pid() for tenant in tenants}
    os.kill(deputy_of(region), signal.SIGKILL)
    assert region.process.wait(10) != 0
    assert all(answers(tenant) for tenant in tenants)
    region.start()
    Tenant(region, 'later')
    region.client().delete_cluster(name='later')
    assert {tenant.name: tenant.pid() for tenant in tenants} == before


@pytest.mark.skipif(os.geteuid() != 0, reason='only root has a deputy')
def test_no_deputy_outlives_its_region(region, tenants):
    pid = deputy_of(region)
    region.kill()
    wait_until(lambda: gone([pid]), 5, 'it ends')
    region.start()


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives its region a user')
def test_a_region_takes_over_state_that_was_roots(tmp_path):
    """As regions wrote it that were root themselves."""
    os.chmod(tmp_path, 0o755)
    region = Region(tmp_path)
    kept = Tenant(region, 'kept')
    made = kept.as_admin('POST', CONFIGMAPS, {'metadata': {'generateName': 'kept-'}})['metadata']['name']
    region.kill()
    for top, _, files in os.walk(f'{region.data}/region'):
        for name in ('.', *files):
            os.chown(os.path.join(top, name), 0, 0)
    region.start()
    assert region.client().list_clusters()['clusters'] == ['kept']
    assert kept.as_admin('GET', f'{CONFIGMAPS}/{made}')['metadata']['name'] == made
    Tenant(region, 'next')
    assert {os.lstat(f'{region.data}/region/{name}').st_uid for name in os.listdir(f'{region.data}/region')} == {os.lstat(f'{region.data}/region').st_uid} != {0}
    region.stop()


def test_a_second_region_is_refused(region, tenants):
    again = subprocess.run([KANAME, 'serve', '--data-dir', region.data, '--listen', '127.0.0.1:0'], capture_output=True, text=True, timeout=20)
    assert again.returncode != 0 and 'already' in again.stderr
    assert answers(tenants[0])


def test_nothing_is_left_of_a_killed_region_after_down(tmp_path):
    os.chmod(tmp_path, 0o755)
    region = Region(tmp_path)
    left = Tenant(region, 'left')
    pid = left.pid()
    region.kill()
    assert not gone([pid])
    region.stop()
    wait_until(lambda: gone([pid]), 5, 'it ends')
    assert not os.path.exists(f'{region.data}/spawner.sock')
