"""logs, exec, attach, cp and port-forward, by WebSocket and by SPDY, to a kubelet that takes both and to one that takes only SPDY."""
import os
import re
import subprocess
import time

import pytest
from kubelet import environment, pod

PROTOCOLS = ['websocket', 'spdy']
WEB = 'trap "exit 0" TERM; httpd -f -p 8080 -h /www & n=0; while true; do echo line $n; n=$((n+1)); sleep 0.2; done'


@pytest.fixture(scope='module', params=['k1', 'k2'])
def web(machine, request):
    name = f'web-{request.param}'
    machine.apply(pod(name, request.param, command=WEB))
    machine.wait_ready_pod(name, 30)
    yield name
    machine.kubectl('delete', 'pod', name, '--grace-period=1')


@pytest.fixture(params=PROTOCOLS)
def protocol(request):
    return request.param


def test_logs(machine, web):
    machine.wait(lambda: len(lines := machine.kubectl('logs', web).splitlines()) > 2 and lines[0] == 'line 0', 10, 'three lines')
    assert len(machine.kubectl('logs', web, '--tail=2').splitlines()) == 2
    assert re.match(r'\d{4}-\d\d-\d\dT[\d:.]+Z line ', machine.kubectl('logs', web, '--tail=1', '--timestamps'))
    follow = subprocess.Popen(machine.prefix('logs', '-f', '--tail=1', web), stdout=subprocess.PIPE, text=True)
    try:
        first = int(follow.stdout.readline().split()[1])
        assert [int(follow.stdout.readline().split()[1]) for _ in range(4)] == list(range(first + 1, first + 5))
    finally:
        follow.kill()
        follow.wait()


def test_exec(machine, web, protocol):
    out, err, code = machine.client(protocol, 'exec', web, '--', 'sh', '-c', 'echo out; echo err >&2; exit 4')
    assert (out, code) == ('out\n', 4) and err.startswith('err\n') and 'exit code 4' in err
    assert machine.client(protocol, 'exec', web, '--', 'true') == ('', '', 0)
    out, err, code = machine.client(protocol, 'exec', web, '--', 'no-such-program')
    assert code in (126, 127, 1) and 'no-such-program' in err, (out, err, code)


def test_exec_with_input(machine, web, protocol):
    """The input's end is told (half of the connection), and much goes both ways."""
    assert machine.client(protocol, 'exec', '-i', web, '--', 'wc', '-c', stdin='x' * 3_000_000)[0].strip() == '3000000'
    text = ''.join(f'{n}\n' for n in range(300_000))
    assert machine.client(protocol, 'exec', '-i', web, '--', 'cat', stdin=text)[0] == text
    out, _, code = machine.client(protocol, 'exec', web, '--', 'sh', '-c', 'head -c 20000000 /dev/zero | tr "\\0" z')
    assert (len(out), code) == (20_000_000, 0)


def test_terminal(machine, web, protocol):
    seen, status = machine.terminal(protocol, 'exec', '-it', web, '--', 'sh', keys='stty size; tty; exit 3\n')
    assert '30 100' in seen and '/dev/pts/' in seen and status == 3, seen


def test_interrupted_terminal(machine, web, protocol):
    seen, status = machine.terminal(protocol, 'exec', '-it', web, '--', 'sh', '-c', 'echo press enter; sleep 100', keys='\x03')
    assert status == 130, seen


def test_attach(machine, web, protocol):
    process = subprocess.Popen(machine.prefix('attach', web), stdout=subprocess.PIPE, text=True, env=environment(protocol), stderr=subprocess.DEVNULL)
    try:
        assert re.match(r'line \d+', process.stdout.readline())
    finally:
        process.kill()
        process.wait()


def test_attach_with_input(machine, web, protocol):
    name = f'echo-{web}-{protocol}'
    machine.apply(pod(name, web[-2:], command='read a; echo got $a; read b; echo got $b', main={'stdin': True, 'stdinOnce': True}, restartPolicy='Never'))
    machine.wait_ready_pod(name, 30)
    out, _, code = machine.client(protocol, 'attach', '-i', name, stdin='one\ntwo\n')
    machine.wait(lambda: machine.phase(name) == 'Succeeded', 15, 'the pod has read its lines')
    assert machine.kubectl('logs', name) == 'got one\ngot two\n' and code == 0
    machine.kubectl('delete', 'pod', name)


def test_run(machine, web, protocol):
    name = f'run-{web}-{protocol}'
    override = f'--overrides={{"spec":{{"nodeName":"{web[-2:]}"}}}}'
    out, err, code = machine.client(protocol, 'run', name, '-i', '--rm', '--restart=Never', '--image=kaname.local/busybox:1', override,
                                    '--', 'sh', '-c', 'read word; echo heard $word; exit 0', stdin='hello\n')
    assert 'heard hello' in out and code == 0, (out, err)


def test_copy(machine, web, protocol, tmp_path):
    data = os.urandom(1 << 20)
    (tmp_path / 'up').write_bytes(data)
    assert machine.client(protocol, 'cp', str(tmp_path / 'up'), f'{web}:/tmp/file-{protocol}')[2] == 0
    assert machine.client(protocol, 'cp', f'{web}:/tmp/file-{protocol}', str(tmp_path / 'down'))[2] == 0
    assert (tmp_path / 'down').read_bytes() == data


def test_port_forward(machine, web, protocol):
    process = subprocess.Popen(machine.prefix('port-forward', f'pod/{web}', ':8080', ':1'), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, env=environment(protocol))

    def get(port):
        return subprocess.run(['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-s', '-m', '5', f'http://127.0.0.1:{port}/'],
                              capture_output=True, text=True)
    try:
        ports = {}
        while len(ports) < 2:  # each port on 127.0.0.1, and perhaps on ::1
            found = re.match(r'Forwarding from 127.0.0.1:(\d+) -> (\d+)', process.stdout.readline())
            ports.update({found[2]: int(found[1])} if found else {})
        assert all('It runs.' in get(ports['8080']).stdout for _ in range(5))
        assert get(ports['1']).returncode != 0  # nobody listens there
    finally:
        process.terminate()
        process.wait(10)


def test_a_pod_that_is_not_running(machine, protocol):
    name = f'waits-{protocol}'
    machine.apply(pod(name, 'k2', main={'image': 'kaname.local/missing:1', 'imagePullPolicy': 'Never'}))
    machine.wait(lambda: machine.container(name).get('state', {}).get('waiting', {}).get('reason') == 'ErrImageNeverPull', 20, 'the kubelet says so')
    out, err, code = machine.client(protocol, 'exec', name, '--', 'true')
    assert code == 1 and 'container not found ("main")' in err, err
    assert 'waiting to start' in machine.kubectl('logs', name, check=False).stderr
    machine.kubectl('delete', 'pod', name, '--grace-period=1')


def test_the_client_goes(machine, web, protocol):
    """Its program in the pod is told."""
    process = subprocess.Popen(machine.prefix('exec', '-i', web, '--', 'sh', '-c', f'cat; echo over > /tmp/over-{protocol}'),
                               stdin=subprocess.PIPE, env=environment(protocol))
    time.sleep(1)
    process.kill()
    process.wait()
    machine.wait(lambda: machine.exec(web, 'cat', f'/tmp/over-{protocol}', check=False).stdout == 'over\n', 10, 'cat has ended')


def test_proxy_to_a_pod(machine, web):
    assert 'It runs.' in machine.kubectl('get', '--raw', f'/api/v1/namespaces/default/pods/{web}:8080/proxy/')
