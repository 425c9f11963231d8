"""Eight write and read four objects while the server is killed and its disk fails: what they were told is a linear history. Meanwhile others
watch, and go on wherever they were: nothing is missing, repeated or out of order, across all restarts.

KILLS says how often, SEED makes it another run."""
import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.parse

from parties import OBJECTS, PATH, Watcher, Writer, number_of, seen_of

KILLS = int(os.environ.get('KILLS', '8'))
SEED = int(os.environ.get('SEED', '1'))


def end(server, how):
    """A sync that fails ends the process by itself: what it wrote may or may not be there."""
    if how == 'kill':
        server.process.send_signal(signal.SIGKILL)
    else:
        server.failing_disk()
    server.process.wait(20)
    server.sound_disk()


def kill_some(server, chance):
    port, ends = urllib.parse.urlparse(server.url).port, []
    for n in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.9))
        ends.append('kill' if n % 2 == 0 else 'disk')
        end(server, ends[-1])
        server.start(port)
    time.sleep(0.5)
    print(f'ended by {ends}')


def check_watchers(watchers, operations, items):
    straight = watchers[0].events
    for w in watchers[1:]:
        assert w.events == straight
    revisions = [e[0] for e in straight]
    assert revisions == sorted(set(revisions))
    # Complete: all that was acknowledged was told, and what was told leads to what is there.
    written = {(o['revision'], o['object'], o['value']) for o in operations if o['kind'] in ('create', 'update') and o['outcome'] == 'done'}
    told = {(r, n, v) for r, kind, n, v in straight if kind != 'DELETED'}
    assert written <= told
    there = {}
    for revision, kind, n, value in straight:
        assert kind == ('ADDED' if n not in there else kind) and (kind == 'ADDED') == (n not in there), (revision, kind, n)
        if kind == 'DELETED':
            assert there.pop(n)['value'] == value
        else:
            there[n] = {'revision': revision, 'value': value}
    assert there == items
    # What nobody was told of was lost in a kill: no value came from nowhere.
    assert {v for _, _, v in told} <= {o['value'] for o in operations}
    assert all(w.bookmarks and w.streams > KILLS / 2 for w in watchers)


def resolve(operations, events):
    """What became of writes without an answer: each value is written once, so the events tell; a deletion they tell only by number."""
    happened = {v: r for r, kind, _, v in events if kind != 'DELETED'}
    deleted = [sum(kind == 'DELETED' and n == at for _, kind, n, _ in events) for at in range(OBJECTS)]
    for o in operations:
        if o['kind'] == 'delete' and o['outcome'] == 'done':
            deleted[o['object']] -= 1
    resolved = []
    for o in operations:
        if o['outcome'] == 'unknown' and o['kind'] == 'delete' and deleted[o['object']] == 0:
            continue
        if o['outcome'] == 'unknown' and o['kind'] != 'delete':
            if o['value'] not in happened:
                continue
            o = {**o, 'outcome': 'late', 'revision': happened[o['value']]}
        resolved.append(o)
    return resolved


def test_what_was_told_is_a_linear_history(server, judge, tmp_path):
    writing, watching = threading.Event(), threading.Event()
    revision = server.json('GET', PATH)[1]['metadata']['resourceVersion']
    writers = [Writer(server, writing, i, SEED) for i in range(8)]
    watchers = [Watcher(server, watching, revision), Watcher(server, watching, revision, back=random.Random(SEED)), Watcher(server, watching, revision)]
    for p in writers + watchers:
        p.start()
    try:
        kill_some(server, random.Random(SEED))
    finally:
        writing.set()
        for w in writers:
            w.join(20)
    status, answer = server.json('GET', f'{PATH}?labelSelector=history')
    assert status == 200
    last, until = int(answer['metadata']['resourceVersion']), time.monotonic() + 20
    # Those that go back are asked to stand still where all is told.
    for w in watchers:
        w.back = None
    while any(w.revision < last and w.is_alive() for w in watchers) and time.monotonic() < until:
        time.sleep(0.05)
    watching.set()
    for p in writers + watchers:
        p.join(10)
        if p.fault:
            raise p.fault
    operations = sorted((o for w in writers for o in w.operations), key=lambda o: o['call'])
    unknown = sum(o['outcome'] == 'unknown' for o in operations)
    check_watchers(watchers, operations, {number_of(i): seen_of(i) for i in answer['items']})
    print(f'{len(operations)} operations, {unknown} without an answer, {len(watchers[0].events)} events in {[w.streams for w in watchers]} streams')
    assert len(operations) > 100 * KILLS
    operations = resolve(operations, watchers[0].events)
    history = '\n'.join(json.dumps(o) for o in operations)
    (tmp_path / 'history.jsonl').write_text(history)
    verdict = subprocess.run([judge, str(tmp_path / 'history.html')], input=history, capture_output=True, text=True, timeout=60)
    assert verdict.returncode == 0, (verdict.stdout, str(tmp_path))
    print(verdict.stdout)
    check_the_judge(judge, operations)


def check_the_judge(judge, operations):
    """One answer changed, and it is no linear history any more: seen at its beginning, where few orders have to be tried."""
    def refuses(changed):
        text = '\n'.join(json.dumps(o) for o in changed)
        return 'Illegal' in subprocess.run([judge], input=text, capture_output=True, text=True, timeout=60).stdout
    at = next(i for i, o in enumerate(operations) if i > 40 and o['kind'] == 'get' and any(s['value'] for s in o['seen']))
    lie = json.loads(json.dumps(operations[:at + 1]))
    lie[at]['seen'][lie[at]['object']]['value'] = 'nobody wrote this'
    assert refuses(lie)
    at = next(i for i, o in enumerate(operations) if i > 40 and o['kind'] == 'update' and o['outcome'] == 'done')
    lie = json.loads(json.dumps(operations[:at + 1]))
    lie[at]['revision'] = 1
    assert refuses(lie)
