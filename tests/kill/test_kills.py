"""Parts are killed at any moment, while four write and two watch. Nothing acknowledged is lost, nobody who watches misses
or repeats anything, containers don't notice, and afterwards everything works. KILLS says how often, SEED makes it another run."""
import os
import random
import signal
import threading
import time

import processes
from history import NAMESPACE, PATH, Access, Watcher, Writer

KILLS = int(os.environ.get('KILLS', '12'))
SEED = int(os.environ.get('SEED', '1'))
PARTS = ('cluster', 'region', 'node', 'containerd')


def access_to(up):
    up.kubectl('create', 'namespace', NAMESPACE)
    up.kubectl('create', 'serviceaccount', 'writer', '-n', NAMESPACE)
    up.kubectl('create', 'clusterrolebinding', 'writer', '--clusterrole=cluster-admin', f'--serviceaccount={NAMESPACE}:writer')
    return Access(up, up.kubectl('create', 'token', 'writer', '-n', NAMESPACE, '--duration=24h').strip())


def containers(up):
    """Of the sample application: pod -> container and when it started."""
    found = {}
    for pod in up.json('get', 'pods', '-l', 'app=hello')['items']:
        status = pod['status']['containerStatuses'][0]
        found[pod['metadata']['name']] = (status['containerID'], status['restartCount'], status['state']['running']['startedAt'])
    return found


def find(up, what):
    """A running one; a part that was just killed has a moment to come back."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        pids = processes.of(up.data, what)
        if pids:
            return pids
        time.sleep(0.01)
    raise AssertionError(f'no {what} runs{up.logs()}')


def kill_some(up, chance):
    order = list(PARTS)
    chance.shuffle(order)
    for number in range(KILLS):
        what = order[number] if number < len(order) else chance.choice(PARTS)
        wait = chance.uniform(0.05, 1.5)
        time.sleep(wait)
        pid = chance.choice(sorted(find(up, what)))
        os.kill(pid, signal.SIGKILL)
        print(f'kill {number + 1}: {what} ({pid}) after {wait:.2f} s', flush=True)
        if what == 'region':
            up.kaname('up')


def everything(access):
    status, answer = access.call('GET', PATH)
    assert status == 200, answer
    items = {i['metadata']['name']: (int(i['metadata']['resourceVersion']), i['data']['value']) for i in answer['items'] if 'value' in i.get('data', {})}
    return int(answer['metadata']['resourceVersion']), items


def wait_for(watchers, revision):
    end = time.monotonic() + 60
    while any(w.revision < revision and w.is_alive() for w in watchers) and time.monotonic() < end:
        time.sleep(0.05)


def check_history(writers, watchers, items):
    acknowledged = {entry for w in writers for entry in w.acknowledged}
    told = [e for e in watchers[0].events if e[3] is not None]
    assert watchers[0].events == watchers[1].events
    assert not acknowledged - {(revision, name, value) for revision, _, name, value in told}
    replayed = {}
    for revision, kind, name, value in told:
        assert kind == ('MODIFIED' if name in replayed else 'ADDED'), (revision, kind, name)
        replayed[name] = (revision, value)
    assert replayed == items
    return acknowledged


def check_everything_works(up, access, before):
    up.kaname('up')
    up.kubectl('wait', 'nodes', '--all', '--for=condition=Ready', '--timeout=60s')
    assert containers(up) == before
    up.kubectl('scale', 'deployment/hello', '--replicas=4')
    up.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s')
    for pod in containers(up):
        assert '<h1>It runs.</h1>' in up.kubectl('exec', pod, '--', 'wget', '-qO-', 'http://hello')
    up.kubectl('scale', 'deployment/hello', '--replicas=2')


def test_kills(up):
    access, stop_writing, stop_watching = access_to(up), threading.Event(), threading.Event()
    before = containers(up)
    revision, _ = everything(access)
    watchers = [Watcher(access, stop_watching, revision) for _ in range(2)]
    writers = [Writer(access, stop_writing, i, SEED) for i in range(4)]
    for part in watchers + writers:
        part.start()
    try:
        kill_some(up, random.Random(SEED))
        time.sleep(1)
    finally:
        stop_writing.set()
        for w in writers:
            w.join(60)
    revision, items = everything(access)
    last = max(r for r, _ in items.values())
    wait_for(watchers, last)
    stop_watching.set()
    for part in writers + watchers:
        if part.fault:
            raise part.fault
    assert not any(w.is_alive() for w in writers)
    acknowledged = check_history(writers, watchers, items)
    assert len(acknowledged) >= 20 * KILLS
    print(f'{len(acknowledged)} writes acknowledged, {sum(w.uncertain for w in writers)} answers lost, '
          f'{len(watchers[0].events)} events, resumed {[w.resumed - 1 for w in watchers]} times')
    check_everything_works(up, access, before)
