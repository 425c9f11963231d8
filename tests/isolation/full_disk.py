"""Two clusters on one small disk that one of them fills. Runs in a mount namespace of its own; the disk is the folder given."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'shared'), str(HERE)]
from regions import Region  # noqa: E402
from tenant import Tenant  # noqa: E402

CONFIGMAPS = '/api/v1/namespaces/default/configmaps'
NAMES_ONLY = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'


def make(tenant, size=0):
    return tenant.call('POST', CONFIGMAPS, {'metadata': {'generateName': 'f-'}, 'data': {'a': 'x' * size}}, certificate=tenant.admin)


def make_all(tenant, size, count_max):
    """Names of those that were acknowledged, until one is refused; the refusal."""
    names = []
    for _ in range(count_max):
        status, text = make(tenant, size)
        if status != 201:
            return names, (status, json.loads(text)['message'])
        names.append(json.loads(text)['metadata']['name'])
    return names, None


def names_of(tenant):
    status, text = tenant.call('GET', CONFIGMAPS, certificate=tenant.admin, headers={'Accept': NAMES_ONLY})
    assert status == 200, text
    return {item['metadata']['name'] for item in json.loads(text)['items']}


def crash(tenant):
    before = tenant.pid()
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while tenant.pid() in (None, before):
        assert time.monotonic() < deadline, 'it is started again on the full disk'
        time.sleep(0.02)


def use_up(path, size=1 << 40):
    """What another program may leave of the disk: nothing."""
    with open(path, 'wb', buffering=0) as f:
        try:
            while f.tell() < size:
                f.write(b'x' * 4096)
        except OSError:
            pass


def wait_until_taken(tenant):
    deadline = time.monotonic() + 15
    while make(tenant)[0] != 201:
        assert time.monotonic() < deadline, 'there is room again'
        time.sleep(0.1)


def run(region, disk):
    use_up(f'{disk}/ballast', 24 << 20)
    greedy, modest = Tenant(region, 'greedy'), Tenant(region, 'modest')
    kept, _ = make_all(modest, 100, 10)
    taken, refusal = make_all(greedy, 900000, 300)
    assert len(taken) > 26 and refusal == (500, 'Internal error occurred: the disk is full'), (len(taken), refusal)
    for name in taken[:24]:
        greedy.as_admin('DELETE', f'{CONFIGMAPS}/{name}')
    wait_until_taken(greedy)  # of what it gave back, though the disk is as full as before
    late, _ = make_all(modest, 100, 10)
    use_up(f'{disk}/filler')
    later, refusal = make_all(modest, 100000, 300)
    assert refusal and refusal[0] in (429, 500), refusal
    acknowledged = {*kept, *late, *later}
    assert names_of(modest) >= acknowledged
    crash(modest)
    assert names_of(modest) >= acknowledged and names_of(greedy) >= set(taken[24:])
    os.unlink(f'{disk}/filler')
    os.unlink(f'{disk}/ballast')
    wait_until_taken(modest)
    crash(modest)
    assert names_of(modest) >= acknowledged and names_of(greedy) >= set(taken[24:])


def main(disk):
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=112m,mode=755', 'tmpfs', disk], check=True)
    region = Region(disk)
    try:
        run(region, disk)
    finally:
        region.stop()
    print('ok')


main(sys.argv[1])
