"""kubectl on running pods: logs, exec, attach, cp, port-forward, debug, run, events, and what moves them."""
import hashlib
import json
import os
import re
import time
import urllib.request

from conftest import IMAGE, Terminal
from program import free_port

PAGE = '<h1>It runs.</h1>'


def test_run_and_describe(k):
    out = k('run', 'p', f'--image={IMAGE}', '--labels=a=b', '--env=WORD=hello', '--overrides={"spec":{"terminationGracePeriodSeconds":1}}')
    assert out == 'pod/p created\n'
    assert k.ready('pod/p') == 'pod/p condition met\n'
    assert re.search(r'p +1/1 +Running +0 +\d+s +[\d.]+ +i-\w+', k('get', 'pods', '-o', 'wide'))
    told = k('describe', 'pod', 'p')
    for words in (r'Status: +Running', r'Image: +' + IMAGE, r'WORD: +hello', r'Ready: +True', r'Node: +i-\w+/[\d.]+', r'QoS Class: +BestEffort',
                  r'Normal +Scheduled .* Successfully assigned', r'Normal +Started'):
        assert re.search(words, told), (words, told)
    assert re.match(r'pod "p" deleted', k('delete', 'pod', 'p'))
    assert 'NotFound' in k.fails('get', 'pod', 'p')


def test_run_attached(k):
    done = k.run('run', 'once', f'--image={IMAGE}', '--restart=Never', '--rm', '-i', '--', 'cat', input='through\n')
    assert done.returncode == 0 and 'through\n' in done.stdout and 'pod "once" deleted' in done.stdout, done
    failed = k.run('run', 'fails', f'--image={IMAGE}', '--restart=Never', '--rm', '-i', '--', 'sh', '-c', 'read line; echo $line; exit 3', input='x\n')
    assert failed.returncode == 3, failed


def test_logs(k):
    k.run_pod('talks', 'for i in 1 2 3; do echo line $i; done; while [ ! -e /go ]; do sleep 0.1; done; echo last')
    k.ready('pod/talks')
    following = k.start('logs', '-f', 'talks')
    try:
        assert [following.stdout.readline() for _ in range(3)] == ['line 1\n', 'line 2\n', 'line 3\n']
        assert following.poll() is None
        k('exec', 'talks', '--', 'touch', '/go')
        assert following.stdout.readline() == 'last\n'
        assert following.wait(30) == 0
    finally:
        following.kill()
    assert k('logs', 'talks') == 'line 1\nline 2\nline 3\nlast\n'
    assert k('logs', 'talks', '--tail=2', '-c', 'main') == 'line 3\nlast\n'
    assert re.match(r'\d{4}-\d\d-\d\dT\S+Z last\n', k('logs', 'talks', '--tail=1', '--timestamps'))
    assert k('logs', 'talks', '--limit-bytes=6') == 'line 1'
    assert k('logs', 'talks', '--since=1h') == k('logs', 'talks')
    assert k('logs', 'talks', '--prefix', '--tail=1') == '[pod/talks/main] last\n'
    assert 'not found' in k.fails('logs', 'missing')
    assert 'container nothing is not valid for pod talks' in k.fails('logs', 'talks', '-c', 'nothing')
    assert 'previous terminated container' in k.fails('logs', 'talks', '-p')


def test_logs_of_several_and_of_the_last_life(k):
    for name in ('one', 'two'):
        k.run_pod(name, f'echo from {name}; sleep 1000', labels={'set': 'x'})
    k.ready('pod', '-l', 'set=x')
    assert sorted(k('logs', '-l', 'set=x', '--prefix').splitlines()) == ['[pod/one/main] from one', '[pod/two/main] from two']
    k('apply', '-f', '-', input={'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'again'}, 'spec': {
        'terminationGracePeriodSeconds': 1, 'containers': [{'name': 'main', 'image': IMAGE, 'command': [
            'sh', '-c', 'if [ -e /life/1 ]; then echo second; sleep 1000; fi; touch /life/1; echo first; exit 1'],
            'volumeMounts': [{'name': 'life', 'mountPath': '/life'}]}], 'volumes': [{'name': 'life', 'emptyDir': {}}]}})
    k('wait', 'pod/again', '--for=jsonpath={.status.containerStatuses[0].restartCount}=1', '--timeout=60s')
    k.ready('pod/again')
    assert k('logs', 'again', '-p') == 'first\n'
    assert k('logs', 'again') == 'second\n'


def test_exec(k):
    k.run_pod('p', 'sleep 1000')
    k.ready('pod/p')
    assert k('exec', 'p', '--', 'echo', 'a  b') == 'a  b\n'
    both = k.run('exec', 'p', '--', 'sh', '-c', 'echo out; echo err >&2')
    assert (both.returncode, both.stdout, both.stderr) == (0, 'out\n', 'err\n')
    assert 'exit code 7' in k.fails('exec', 'p', '--', 'sh', '-c', 'exit 7', status=7)
    text = ''.join(f'{i:07}\n' for i in range(100000))
    assert k('exec', '-i', 'p', '--', 'cat', input=text) == text
    assert k('exec', '-i', 'p', '--', 'sha256sum', input=text).split()[0] == hashlib.sha256(text.encode()).hexdigest()
    assert 'not found in $PATH' in k.fails('exec', 'p', '--', 'nothing')
    assert 'NotFound' in k.fails('exec', 'missing', '--', 'true')
    assert 'container nothing is not valid' in k.fails('exec', 'p', '-c', 'nothing', '--', 'true')


def test_exec_on_a_terminal(k):
    k.run_pod('p', 'sleep 1000')
    k.ready('pod/p')
    terminal = Terminal(k.command('exec', '-it', 'p', '--', 'sh'), k.up.env(), size=(33, 77))
    terminal.expect('# ')
    terminal.type('[ -t 0 ] && echo is"-"terminal\n')
    terminal.expect('is-terminal')
    terminal.type('busybox stty size\n')
    terminal.expect('33 77')
    terminal.type('sleep 100\n')
    time.sleep(0.5)
    terminal.type('\x03echo inter"-"rupted\n')
    terminal.expect('inter-rupted')
    terminal.type('exit 5\n')
    assert terminal.wait() == 5


def test_attach(k):
    k.run_pod('p', 'while read line; do echo "got $line"; [ "$line" = end ] && exit 0; done; exit 1', stdin=True, stdinOnce=True)
    k.ready('pod/p')
    done = k.run('attach', '-i', 'p', input='one\nend\n')
    assert done.returncode == 0 and 'got one\ngot end\n' in done.stdout, done
    k('wait', 'pod/p', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=30s')
    assert k('logs', 'p') == 'got one\ngot end\n'


def test_attach_on_a_terminal(k):
    k.run_pod('p', 'read line; echo "got $line"; sleep 1; exit 0', stdin=True, tty=True)
    k.ready('pod/p')
    terminal = Terminal(k.command('attach', '-it', 'p'), k.up.env())
    terminal.expect("If you don't see a command prompt")
    terminal.type('hello\n')
    terminal.expect('got hello')
    assert terminal.wait() == 0


def test_copy(k, tmp_path):
    k.run_pod('p', 'sleep 1000')
    k.ready('pod/p')
    data = os.urandom(3_000_000)
    (tmp_path / 'tree' / 'below').mkdir(parents=True)
    (tmp_path / 'tree' / 'below' / 'file').write_bytes(data)
    (tmp_path / 'tree' / 'empty').write_bytes(b'')
    k('cp', str(tmp_path / 'tree'), 'p:/tmp/tree')
    assert k('exec', 'p', '--', 'sha256sum', '/tmp/tree/below/file').split()[0] == hashlib.sha256(data).hexdigest()
    k('cp', 'p:/tmp/tree', str(tmp_path / 'back'))
    assert (tmp_path / 'back' / 'below' / 'file').read_bytes() == data
    assert (tmp_path / 'back' / 'empty').read_bytes() == b''
    k.run('cp', 'p:/tmp/missing', str(tmp_path / 'missing'))
    assert not (tmp_path / 'missing').exists()


def test_port_forward(k):
    k.deployment(replicas=1)
    k('expose', 'deployment/web', '--port=80', '--target-port=8080')
    pod = k('get', 'pods', '-o', 'name').strip()
    for target, remote in ((pod, 8080), ('deployment/web', 8080), ('service/web', 80)):
        port = free_port()
        forward = k.start('port-forward', target, f'{port}:{remote}')
        try:
            assert f'Forwarding from 127.0.0.1:{port} -> 8080' in forward.stdout.readline()
            for _ in range(5):
                assert PAGE in urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=20).read().decode()
        finally:
            forward.terminate()
            forward.wait()
            forward.stdout.close()


def test_expose(k):
    k.deployment()
    assert k('expose', 'deployment', 'web', '--port=80', '--target-port=8080') == 'service/web exposed\n'
    assert 'AlreadyExists' in k.fails('expose', 'deployment', 'web', '--port=80', '--target-port=8080')
    told = k('describe', 'service', 'web')
    addresses = {p['status']['podIP'] for p in k.json('get', 'pods')['items']}
    assert all(f'{a}:8080' in told for a in addresses), told
    k.run_pod('client', 'sleep 1000')
    k.ready('pod/client')
    for _ in range(10):
        assert PAGE in k('exec', 'client', '--', 'wget', '-qO-', f'http://web.{k.namespace}.svc.cluster.local')


def test_rollout(k):
    k.deployment()
    assert k('rollout', 'status', 'deployment/web') == 'deployment "web" successfully rolled out\n'
    first = {p['metadata']['name'] for p in k.json('get', 'pods')['items']}
    assert k('set', 'env', 'deployment/web', 'COLOR=blue') == 'deployment.apps/web env updated\n'
    assert 'successfully rolled out' in k('rollout', 'status', 'deployment/web', '--timeout=60s')
    assert re.search(r'REVISION +CHANGE-CAUSE\n1 +<none>\n2 +<none>', k('rollout', 'history', 'deployment/web'))
    assert 'COLOR' in k('rollout', 'history', 'deployment/web', '--revision=2')
    assert k('rollout', 'undo', 'deployment/web') == 'deployment.apps/web rolled back\n'
    k('rollout', 'status', 'deployment/web', '--timeout=60s')
    assert 'env' not in k.json('get', 'deployment', 'web')['spec']['template']['spec']['containers'][0]
    assert k('rollout', 'restart', 'deployment/web') == 'deployment.apps/web restarted\n'
    k('rollout', 'status', 'deployment/web', '--timeout=60s')
    now = {p['metadata']['name'] for p in k.json('get', 'pods')['items'] if 'deletionTimestamp' not in p['metadata']}
    assert len(now) == 2 and not now & first
    assert k('rollout', 'pause', 'deployment/web') == 'deployment.apps/web paused\n'
    k('set', 'image', 'deployment/web', 'web=kaname.local/missing:1')
    assert k('rollout', 'resume', 'deployment/web') == 'deployment.apps/web resumed\n'
    assert 'timed out waiting' in k.fails('rollout', 'status', 'deployment/web', '--timeout=2s')
    k('rollout', 'undo', 'deployment/web')
    k('rollout', 'status', 'deployment/web', '--timeout=60s')


def test_scale(k):
    k.deployment(replicas=1)
    assert k('scale', 'deployment/web', '--replicas=3') == 'deployment.apps/web scaled\n'
    k('wait', 'deployment/web', '--for=jsonpath={.status.readyReplicas}=3', '--timeout=60s')
    assert 'Expected replicas to be 2, was 3' in k.fails('scale', 'deployment/web', '--replicas=1', '--current-replicas=2')
    k('scale', 'deployment/web', '--replicas=0')
    k('wait', 'pod', '-l', 'app=web', '--for=delete', '--timeout=60s')
    assert k.json('get', 'pods')['items'] == []


def test_debug(k):
    k.run_pod('p', 'sleep 1000')
    k.ready('pod/p')
    done = k.run('debug', 'p', '-i', f'--image={IMAGE}', '--target=main', '-c', 'looks', '--', 'sh', '-c', 'ps; echo seen', input='')
    assert done.returncode == 0, done
    k('wait', 'pod/p', '--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0', '--timeout=30s')
    seen = k('logs', 'p', '-c', 'looks')
    assert 'sleep 1000' in seen and 'seen\n' in seen
    assert [c['name'] for c in k.json('get', 'pod', 'p')['spec']['ephemeralContainers']] == ['looks']
    copied = k('debug', 'p', '--copy-to=twin', f'--image={IMAGE}', '-c', 'extra', '--attach=false', '--', 'sleep', '1000')
    assert 'rror' not in copied
    k.ready('pod/twin')
    assert len(k.json('get', 'pod', 'twin')['spec']['containers']) == 2
    k('delete', 'pod', 'twin', '--grace-period=1')


def test_events(k):
    k('run', 'p', f'--image={IMAGE}', '--restart=Never', '--', 'true')
    k('run', 'q', '--image=kaname.local/missing:1', '--image-pull-policy=Never', '--restart=Never')
    k('wait', 'pod/p', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=60s')
    k('wait', 'pod/q', '--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull', '--timeout=60s')
    events = k('events', '--for=pod/p')
    for reason in ('Scheduled', 'Created', 'Started'):
        assert re.search(rf'Normal +{reason} +Pod/p', events), events
    assert 'Pod/q' not in events
    warnings = k('events', '--types=Warning', '--for=pod/q', '-o', 'json')
    assert 'ErrImageNeverPull' in {e['reason'] for e in json.loads(warnings)['items']}
    assert re.search(r'Normal +Scheduled +pod/p', k('get', 'events', '--field-selector=involvedObject.name=p'))
