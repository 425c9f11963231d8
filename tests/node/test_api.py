"""The node's own API on port 10250: streams in every protocol, who may ask, what it tells; and images that can't be pulled."""
import json
import os
import subprocess
import time

from machine import CACHE, pod


def old_streams(machine, *args, stdin=None):
    """kubectl as it was before WebSocket: SPDY."""
    env = {**os.environ, 'KUBECTL_REMOTE_COMMAND_WEBSOCKETS': 'false', 'KUBECTL_PORT_FORWARD_WEBSOCKETS': 'false'}
    command = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', str(CACHE / 'bin' / 'kubectl'), '--kubeconfig', str(machine.kubeconfig), *args]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=30, env=env)


def ask(machine, path, *headers):
    command = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-sk', '-m', '5', '-w', '\n%{http_code}',
               *(word for h in headers for word in ('-H', h)), f'https://{machine.hosts["n1"]["ip"]}:10250{path}']
    body, code = subprocess.run(command, capture_output=True, text=True).stdout.rsplit('\n', 1)
    return int(code), body


def forward(machine, name, env=None):
    process = subprocess.Popen(['nsenter', f'--net=/proc/{machine.vpc}/ns/net', str(CACHE / 'bin' / 'kubectl'), '--kubeconfig',
                                str(machine.kubeconfig), 'port-forward', f'pod/{name}', ':8080'], stdout=subprocess.PIPE, text=True,
                               env={**os.environ, **(env or {})})
    try:
        port = int(process.stdout.readline().split(' ->')[0].rsplit(':', 1)[1])
        return [subprocess.run(['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-s', '-m', '5', f'http://127.0.0.1:{port}/'],
                               capture_output=True, text=True).stdout for _ in range(3)]
    finally:
        process.terminate()
        process.wait(10)


def test_streams_in_both_protocols(machine):
    machine.apply(pod('both', command='trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait'))
    machine.wait_ready_pod('both')
    done = old_streams(machine, 'exec', 'both', '--', 'sh', '-c', 'echo out; echo err >&2; exit 4')
    assert (done.stdout, done.returncode) == ('out\n', 4) and 'err' in done.stderr
    assert old_streams(machine, 'exec', '-i', 'both', '--', 'wc', '-c', stdin='y' * 50000).stdout.strip() == '50000'
    assert all('It runs.' in page for page in forward(machine, 'both'))
    assert all('It runs.' in page for page in forward(machine, 'both', {'KUBECTL_PORT_FORWARD_WEBSOCKETS': 'false'}))
    machine.kubectl('delete', 'pod', 'both')


def test_attach(machine):
    machine.apply(pod('echo', command='while read line; do echo got $line; done', main={'stdin': True, 'stdinOnce': False}, restartPolicy='Never'))
    machine.wait_ready_pod('echo')
    done = machine.kubectl('attach', '-i', 'echo', check=False, stdin='one\ntwo\n', timeout=20)
    assert 'got one' in done.stdout + machine.kubectl('logs', 'echo')
    machine.kubectl('delete', 'pod', 'echo', '--grace-period=1')


def test_who_may_ask(machine):
    assert ask(machine, '/pods')[0] == 401
    assert ask(machine, '/pods', 'Authorization: Bearer nonsense')[0] == 401
    token = machine.kubectl('create', 'token', 'default').strip()
    code, body = ask(machine, '/pods', f'Authorization: Bearer {token}')
    assert code == 403 and 'resource=nodes' in body
    machine.kubectl('create', 'clusterrolebinding', 'node-reader', '--clusterrole=cluster-admin', '--serviceaccount=default:default')
    code, body = machine.wait(lambda: (r := ask(machine, '/pods', f'Authorization: Bearer {token}'))[0] == 200 and r, 5, 'allowed')
    assert json.loads(body)['kind'] == 'PodList'
    assert ask(machine, '/nothing', f'Authorization: Bearer {token}')[0] == 404
    assert ask(machine, '/healthz', f'Authorization: Bearer {token}') == (200, 'ok')
    machine.kubectl('delete', 'clusterrolebinding', 'node-reader')


def test_metrics_and_summary(machine):
    machine.apply(pod('busy', command='trap "exit 0" TERM; while true; do sleep 0.01; done'))
    machine.wait_ready_pod('busy')
    time.sleep(1)
    metrics = machine.kubectl('get', '--raw', '/api/v1/nodes/n1/proxy/metrics/resource')
    line = next(x for x in metrics.splitlines() if x.startswith('container_cpu_usage_seconds_total') and 'pod="busy"' in x)
    assert float(line.split()[1]) > 0
    assert 'resource_scrape_error 0' in metrics
    summary = json.loads(machine.kubectl('get', '--raw', '/api/v1/nodes/n1/proxy/stats/summary'))
    mine = next(p for p in summary['pods'] if p['podRef']['name'] == 'busy')
    assert mine['containers'][0]['memory']['workingSetBytes'] > 0
    machine.kubectl('delete', 'pod', 'busy', '--grace-period=1')


def test_an_image_that_cannot_be_pulled(machine):
    machine.apply(pod('unreachable', main={'image': '127.0.0.1:1/none:1'}))
    reason = lambda: machine.container('unreachable').get('state', {}).get('waiting', {}).get('reason')  # noqa: E731
    machine.wait(lambda: reason() == 'ErrImagePull', 10, 'ErrImagePull')
    machine.wait(lambda: reason() == 'ImagePullBackOff', 10, 'ImagePullBackOff')
    machine.kubectl('delete', 'pod', 'unreachable')
