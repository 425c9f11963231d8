"""One cluster takes its share of the machine and no more: memory, disk, descriptors, processor. What it does beyond that is refused to
its own clients; its neighbour's notice nothing."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
import requests_free
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from guarded import SANITIZED
from tenant import Tenant

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
SMALL = f'{CONFIGMAPS}/kube-root-ca.crt'
MIB = 1 << 20


def limits_of(pid):
    with open(f'/proc/{pid}/limits') as f:
        return {line[:26].strip(): line[26:].split()[:2] for line in f.readlines()[1:]}


def number_in(path):
    with open(path) as f:
        return int(f.read())


def lower_limit(tenant, name, value):
    """Of a running process: its user may do that, root without CAP_SYS_RESOURCE may not."""
    uid = os.stat(tenant.directory).st_uid
    options = {'user': uid, 'group': uid, 'extra_groups': []} if os.geteuid() == 0 else {}
    subprocess.run(['prlimit', '--pid', str(tenant.pid()), f'--{name}={value}:{value}'], check=True, **options)


def spawner_of(tenant):
    with open(f'/proc/{tenant.pid()}/stat') as f:
        return int(f.read().rsplit(')', 1)[1].split()[1])


def wait_until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextlib.contextmanager
def neighbour(tenant):
    """Its client reads and writes meanwhile, each well answered."""
    faults, answered, stop = [], [], threading.Event()

    def work():
        while not stop.is_set():
            try:
                answered.append(tenant.call('GET', SMALL, certificate=tenant.admin)[0])
                answered.append(tenant.call('POST', CONFIGMAPS, {'metadata': {'generateName': 'n-'}}, certificate=tenant.admin)[0])
            except (OSError, http.client.HTTPException) as fault:
                faults.append(repr(fault))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not faults and set(answered) <= {200, 201} and len(answered) > 3, (faults[:5], set(answered))


def test_each_has_limits_and_a_session(region, tenants):
    pids = [tenant.pid() for tenant in tenants]
    for pid in pids:
        assert os.getsid(pid) == pid
        limits = limits_of(pid)
        assert int(limits['Max open files'][1]) <= 20000 and len(set(limits['Max open files'])) == 1
        assert SANITIZED or 0 < int(limits['Max data size'][1]) <= 2100 * MIB
        assert os.geteuid() != 0 or int(limits['Max processes'][1]) == 64
        # The machine's memory is found with the clusters first.
        for other in (region.process.pid, spawner_of(tenants[0])):
            assert number_in(f'/proc/{pid}/oom_score_adj') > number_in(f'/proc/{other}/oom_score_adj')
    groups = set()
    for pid in (region.process.pid, spawner_of(tenants[0]), *pids):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/autogroup') as f:  # a kernel that groups tasks by session
            groups.add(f.read().split()[0])
    assert len(groups) in (0, 4)


def body_of(size):
    return json.dumps({'metadata': {'generateName': 'large-'}, 'data': {'a': 'x' * size}})


class Hoard:
    """Connections that each have sent most of a large body, and wait."""

    def __init__(self, tenant, size):
        self.tenant, self.size, self.open = tenant, size, []

    def add(self):
        """Code and Retry-After of a refusal; None when it takes all of it."""
        connection = self.tenant.connection(self.tenant.admin, timeout=5)
        connection.connect()
        self.open.append(connection)
        head = f'POST {CONFIGMAPS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {self.size + 1}\r\n\r\n'
        with contextlib.suppress(OSError):
            connection.sock.sendall(head.encode() + b' ' * self.size)
        connection.sock.settimeout(0.05)
        try:
            answer = http.client.HTTPResponse(connection.sock)
            answer.begin()
            return answer.status, answer.getheader('Retry-After')
        except (TimeoutError, ssl.SSLWantReadError):
            return None

    def close(self):
        for connection in self.open:
            connection.close()


@pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer's shadow fits no bound")
def test_who_takes_much_memory_is_told_to_wait(region, tenants):
    small = Tenant(region, 'small', tags={'kaname.dev/memory': '96Mi'})
    pid = small.pid()
    assert 96 * MIB < int(limits_of(pid)['Max data size'][1]) < 160 * MIB
    hoard = Hoard(small, 2900000)
    with neighbour(tenants[1]):
        refusals = [r for r in (hoard.add() for _ in range(60)) if r]
        assert len(hoard.open) - len(refusals) > 8 and set(refusals) == {(429, '1')}, refusals
        nobody = small.certificate('somebody', [])
        status, text = small.call('GET', CONFIGMAPS, certificate=nobody)
        assert status == 429 and json.loads(text)['reason'] == 'TooManyRequests', text
        assert small.call('DELETE', CONFIGMAPS + '/any', certificate=nobody)[0] == 403, 'what makes room is asked for its right only'
        assert small.call('GET', SMALL, certificate=small.admin)[0] == 200, 'administrators go on, as at the original'
    hoard.close()
    wait_until(lambda: small.call('GET', CONFIGMAPS, certificate=nobody)[0] == 403, 5, 'it has room again')
    assert small.pid() == pid
    region.client().delete_cluster(name='small')


@pytest.mark.skipif(bool(SANITIZED), reason="a sanitizer's shadow fits no bound")
def test_one_that_dies_of_its_memory_comes_back_with_all_it_said(region, tenants):
    doomed = Tenant(region, 'doomed')
    pid = doomed.pid()
    made = [doomed.as_admin('POST', CONFIGMAPS, {'metadata': {'generateName': 'kept-'}})['metadata'] for _ in range(20)]
    lower_limit(doomed, 'data', 64 * MIB)  # sooner than it thinks
    hoard = Hoard(doomed, 2900000)
    with neighbour(tenants[1]):
        for _ in range(60):
            with contextlib.suppress(OSError, http.client.HTTPException):
                hoard.add()
            if doomed.pid() != pid:
                break
        hoard.close()
        wait_until(lambda: doomed.pid() not in (None, pid), 10, 'it is started again')
        for metadata in made:
            assert doomed.as_admin('GET', f'{CONFIGMAPS}/{metadata["name"]}')['metadata'] == metadata
    region.client().delete_cluster(name='doomed')


def test_one_that_dies_again_and_again_comes_back_later(region, tenants):
    weak = Tenant(region, 'weak')
    took = []
    with neighbour(tenants[1]):
        for _ in range(5):
            pid, begun = weak.pid(), time.monotonic()
            os.kill(pid, signal.SIGABRT)
            wait_until(lambda: weak.pid() not in (None, pid), 10, 'it is started again')
            took.append(time.monotonic() - begun)
    assert took[0] < 0.4 and took[4] > 0.4, took
    assert weak.call('GET', SMALL, certificate=weak.admin)[0] == 200
    region.client().delete_cluster(name='weak')


def fill(tenant, count_max):
    """Makes objects of 500 KB until one is refused: their names, and the refusal."""
    names = []
    body = {'metadata': {'generateName': 'fill-'}, 'data': {'a': 'x' * 500000}}
    for _ in range(count_max):
        status, text = tenant.call('POST', CONFIGMAPS, body, certificate=tenant.admin)
        if status != 201:
            return names, (status, json.loads(text))
        names.append(json.loads(text)['metadata']['name'])
    return names, None


def is_taken(tenant):
    return tenant.call('POST', CONFIGMAPS, {'metadata': {'generateName': 'again-'}}, certificate=tenant.admin)[0] == 201


def test_a_store_has_a_quota(region, tenants):
    full = Tenant(region, 'full', tags={'kaname.dev/storage-quota': '16Mi'})
    with neighbour(tenants[1]):
        names, refusal = fill(full, 80)
        assert 20 < len(names) < 80 and refusal == (500, {
            'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure',
            'message': 'etcdserver: mvcc: database space exceeded', 'code': 500}), (len(names), refusal)
        assert not is_taken(full)
        assert len(full.as_admin('GET', CONFIGMAPS)['items']) == len(names) + 1, 'reads go on'
        before = full.pid()
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: full.pid() not in (None, before), 10, 'it starts full, too')
        assert not is_taken(full)
        for name in names[:len(names) // 2]:
            full.as_admin('DELETE', f'{CONFIGMAPS}/{name}')
        wait_until(lambda: is_taken(full), 10, 'there is room again')
        assert len(full.as_admin('GET', f'{CONFIGMAPS}?labelSelector=!x')['items']) >= len(names) - len(names) // 2
    region.client().delete_cluster(name='full')


def test_a_share_can_be_changed(region):
    grown = Tenant(region, 'grown', tags={'kaname.dev/storage-quota': '16Mi', 'kaname.dev/memory': 'nonsense'})
    names, refusal = fill(grown, 80)
    assert refusal
    before = grown.pid()
    arn = region.client().describe_cluster(name='grown')['cluster']['arn']
    region.client().tag_resource(resourceArn=arn, tags={'kaname.dev/storage-quota': '64Mi', 'kaname.dev/memory': '200Mi'})
    wait_until(lambda: grown.pid() not in (None, before), 10, 'it is started again')
    assert SANITIZED or int(limits_of(grown.pid())['Max data size'][1]) > 200 * MIB
    assert fill(grown, 5)[1] is None
    assert {m['metadata']['name'] for m in grown.as_admin('GET', CONFIGMAPS)['items']} > set(names)
    region.client().delete_cluster(name='grown')


def test_descriptors_run_out_for_one_alone(region, tenants):
    crowded = Tenant(region, 'crowded')
    pid = crowded.pid()
    early = crowded.connection(crowded.admin)
    early.connect()
    # 20,000 would take the client as many; the process has about 30.
    lower_limit(crowded, 'nofile', 60)
    port = int(crowded.endpoint.rsplit(':', 1)[1])
    crowd = [socket.create_connection(('127.0.0.1', port)) for _ in range(120)]
    with neighbour(tenants[1]):
        used, begun = cpu_seconds(pid), time.monotonic()
        time.sleep(1)
        assert cpu_seconds(pid) - used < 0.5 * (time.monotonic() - begun), 'it waits, and does not spin'
        early.request('GET', SMALL)
        assert early.getresponse().read()
    for one in crowd:
        one.close()
    wait_until(lambda: crowded.call('GET', SMALL, certificate=crowded.admin)[0] == 200, 10, 'who left makes room')
    assert crowded.pid() == pid
    region.client().delete_cluster(name='crowded')


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root mounts a disk')
def test_a_full_disk_loses_nothing_of_others(tmp_path):
    program = str(pathlib.Path(__file__).with_name('full_disk.py'))
    done = subprocess.run(['unshare', '--mount', '--propagation', 'private', sys.executable, program, str(tmp_path)],
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stdout.strip() == 'ok', done.stdout + done.stderr


BUSY, CLIENTS, OBJECTS, SECONDS = 4, 50, 150, 2
MUCH = '/api/v1/configmaps?fieldSelector=metadata.namespace!=default,metadata.namespace!=kube-system'  # looks at all, shows few


@contextlib.contextmanager
def load(tenants):
    """A crowd on each. Clients would be on machines of their own: here they come last, and are one session."""
    commands = []
    for tenant in tenants:
        tenant.service_account('busy')
        connection = tenant.connection(tenant.admin)
        for i in range(OBJECTS):
            connection.request('POST', CONFIGMAPS, json.dumps({'metadata': {'name': f'c{i}'}}), {'Content-Type': 'application/json'})
            connection.getresponse().read()
        commands.append(f"h2load -c{CLIENTS} -D60 -H 'authorization: Bearer {tenant.token('busy')}' '{tenant.endpoint}{MUCH}' & ")
    crowd = subprocess.Popen(['nice', '-n', '15', 'sh', '-c', ''.join(commands) + 'wait'], start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        yield
    finally:
        os.killpg(crowd.pid, signal.SIGKILL)
        crowd.wait()


def times_of(seconds, ask):
    times, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        begun = time.monotonic()
        ask()
        times.append(time.monotonic() - begun)
        time.sleep(0.005)
    return sorted(times)


def told(times):
    return f'p50 {times[len(times) // 2] * 1000:.1f} p99 {times[len(times) * 99 // 100] * 1000:.1f} ms'


def test_busy_clusters_leave_the_processor_to_others(region, tenants):
    """Not judged where the kernel doesn't group tasks by session; on a machine that is busy with something else, p50 alone says
    something."""
    busy = [Tenant(region, f'busy-{i}') for i in range(BUSY)]
    connection = tenants[1].connection(tenants[1].admin)
    url, v = f'{region.endpoint}/clusters/{tenants[1].name}', region.variables
    signed = AWSRequest('GET', url)  # once: signing takes longer than the answer
    SigV4Auth(Credentials(v['AWS_ACCESS_KEY_ID'], v['AWS_SECRET_ACCESS_KEY']), 'eks', v['AWS_REGION']).add_auth(signed)

    def get():
        connection.request('GET', SMALL)
        assert connection.getresponse().read()

    def describe():
        assert requests_free.get(url, signed.headers)[0] == 200

    quiet, region_quiet = times_of(1, get), times_of(1, describe)
    with load(busy):
        used, begun = [cpu_seconds(tenant.pid()) for tenant in busy], time.monotonic()
        beside, region_beside = times_of(SECONDS, get), times_of(SECONDS, describe)
        shares = [(cpu_seconds(tenant.pid()) - u) / (time.monotonic() - begun) for tenant, u in zip(busy, used)]
    print(f'a light GET: {told(quiet)}, beside {BUSY} busy clusters {told(beside)}; DescribeCluster: {told(region_quiet)}, '
          f'{told(region_beside)}; processors of the busy: {[round(s, 2) for s in shares]}')
    assert min(shares) > 0.01, 'they are busy'
    for tenant in busy:
        region.client().delete_cluster(name=tenant.name)
    if not SANITIZED and os.path.exists('/proc/self/autogroup') and number_in('/proc/sys/kernel/sched_autogroup_enabled'):
        assert beside[len(beside) // 2] < 0.003 + 2 * quiet[len(quiet) // 2]
