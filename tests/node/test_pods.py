"""Pods on a real node: what they are given, how they start, run, fail and end."""
import json
import os
import signal
import subprocess
import time

from machine import BUSYBOX, pod


def delete(machine, name, *options):
    machine.kubectl('delete', 'pod', name, '--wait=true', *options)


def test_a_pod_runs_is_reached_and_goes(machine):
    machine.apply(pod('web', command='trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait'))
    machine.wait_ready_pod('web')
    status = machine.get('pod', 'web')['status']
    assert status['phase'] == 'Running' and status['qosClass'] == 'BestEffort'
    assert status['hostIP'] == machine.hosts['n1']['ip']
    assert {c['type']: c['status'] for c in status['conditions']} == {
        'PodReadyToStartContainers': 'True', 'Initialized': 'True', 'Ready': 'True', 'ContainersReady': 'True', 'PodScheduled': 'True'}
    container = status['containerStatuses'][0]
    assert container['ready'] and container['started'] and container['restartCount'] == 0
    assert container['containerID'].startswith('containerd://')
    page = subprocess.run(['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-s', '-m', '5', f'http://{status["podIP"]}:8080/'],
                          capture_output=True, text=True).stdout
    assert 'It runs.' in page
    delete(machine, 'web')
    assert machine.get('pod', 'web') is None
    machine.wait(lambda: machine.inside('n1', 'ls', '/var/lib/kubelet/pods').strip() == '', 5, 'its folder is gone')
    assert 'eni' not in machine.inside('n1', 'ip', '-o', 'link')


def test_environment_hosts_and_secrets(machine):
    machine.apply(
        {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'settings'}, 'data': {'color': 'red', 'size': '5'}},
        {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'hidden'}, 'stringData': {'word': 'sesame'}},
        pod('env', hostAliases=[{'ip': '10.1.2.3', 'hostnames': ['one.example', 'two.example']}], main={'env': [
            {'name': 'NAME', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}},
            {'name': 'IP', 'valueFrom': {'fieldRef': {'fieldPath': 'status.podIP'}}},
            {'name': 'COLOR', 'valueFrom': {'configMapKeyRef': {'name': 'settings', 'key': 'color'}}},
            {'name': 'WORD', 'valueFrom': {'secretKeyRef': {'name': 'hidden', 'key': 'word'}}},
            {'name': 'NONE', 'valueFrom': {'configMapKeyRef': {'name': 'missing', 'key': 'x', 'optional': True}}},
            {'name': 'CPU', 'valueFrom': {'resourceFieldRef': {'resource': 'limits.cpu', 'divisor': '1m'}}},
            {'name': 'BOTH', 'value': '$(NAME)-$(COLOR)-$$(NAME)-$(NOBODY)'}],
            'envFrom': [{'configMapRef': {'name': 'settings'}, 'prefix': 'CFG_'}],
            'resources': {'limits': {'cpu': '250m', 'memory': '64Mi'}}}))
    machine.wait_ready_pod('env')
    env = dict(line.split('=', 1) for line in machine.exec('env', 'env').splitlines() if '=' in line)
    status = machine.get('pod', 'env')['status']
    assert env['NAME'] == 'env' and env['IP'] == status['podIP'] and env['COLOR'] == 'red' and env['WORD'] == 'sesame'
    assert 'NONE' not in env and env['CPU'] == '250' and env['CFG_size'] == '5'
    assert env['BOTH'] == 'env-red-$(NAME)-$(NOBODY)'
    assert env['KUBERNETES_SERVICE_HOST'] == '10.96.0.1' and env['KUBERNETES_PORT_443_TCP'] == 'tcp://10.96.0.1:443'
    assert status['qosClass'] == 'Guaranteed'
    hosts = machine.exec('env', 'cat', '/etc/hosts')
    assert '10.1.2.3\tone.example\ttwo.example' in hosts and f'{status["podIP"]}\tenv' in hosts
    token = machine.exec('env', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token')
    review = machine.kubectl('create', '-o', 'json', '-f', '-', stdin=json.dumps(
        {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token}}))
    assert json.loads(review)['status']['user']['username'] == 'system:serviceaccount:default:default'
    assert machine.exec('env', 'cat', '/sys/fs/cgroup/memory/memory.limit_in_bytes').strip() == str(64 << 20)
    delete(machine, 'env')


def test_a_missing_reference_waits_and_then_starts(machine):
    machine.apply(pod('waits', main={'env': [{'name': 'A', 'valueFrom': {'configMapKeyRef': {'name': 'later', 'key': 'a'}}}]}))
    machine.wait(lambda: machine.container('waits').get('state', {}).get('waiting', {}).get('reason') == 'CreateContainerConfigError', 10,
                 'the error is told')
    assert 'configmap "later" not found' in machine.container('waits')['state']['waiting']['message']
    machine.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'later'}, 'data': {'a': '1'}})
    machine.wait_ready_pod('waits')
    delete(machine, 'waits')


def test_volumes(machine):
    machine.apply(
        {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'files'}, 'data': {'a': 'first', 'b': 'other'}},
        {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'keys'}, 'stringData': {'key': 'value'}},
        pod('volumes', securityContext={'runAsUser': 1000, 'fsGroup': 2000}, volumes=[
            {'name': 'disk', 'emptyDir': {}}, {'name': 'memory', 'emptyDir': {'medium': 'Memory', 'sizeLimit': '1Mi'}},
            {'name': 'map', 'configMap': {'name': 'files', 'items': [{'key': 'a', 'path': 'deep/er/a', 'mode': 0o400}, {'key': 'b', 'path': 'b'}]}},
            {'name': 'secret', 'secret': {'secretName': 'keys', 'defaultMode': 0o440}},
            {'name': 'all', 'projected': {'sources': [{'configMap': {'name': 'files'}}, {'secret': {'name': 'keys'}},
                                                      {'downwardAPI': {'items': [{'path': 'labels', 'fieldRef': {'fieldPath': 'metadata.labels'}}]}},
                                                      {'serviceAccountToken': {'path': 'token', 'audience': 'elsewhere', 'expirationSeconds': 600}}]}},
            {'name': 'host', 'hostPath': {'path': '/var/lib/shared', 'type': 'DirectoryOrCreate'}}],
            main={'volumeMounts': [{'name': n, 'mountPath': f'/{n}'} for n in ('disk', 'memory', 'map', 'secret', 'all', 'host')] + [
                {'name': 'disk', 'mountPath': '/part', 'subPath': 'inner/part'}, {'name': 'map', 'mountPath': '/one', 'subPath': 'b'}]}))
    machine.wait_ready_pod('volumes')
    sh = lambda script: machine.exec('volumes', 'sh', '-c', script).strip()  # noqa: E731
    assert sh('cat /map/deep/er/a /map/b /one') == 'firstotherother'
    assert sh('cat /secret/key /all/a /all/key') == 'valuefirstvalue'
    assert 'app="volumes"' in sh('cat /all/labels') and sh('cat /all/token').count('.') == 2
    assert sh('stat -L -c %a:%g /secret/key') == '440:2000'
    assert sh('stat -c %g /disk') == '2000' and '2000' in sh('id -G').split()
    assert sh('echo x >/part/file && cat /disk/inner/part/file') == 'x'
    assert 'tmpfs' in sh('grep " /memory " /proc/mounts') and 'tmpfs' in sh('grep " /secret " /proc/mounts')
    assert sh('touch /map/new 2>&1 || echo refused').endswith('refused')
    # A ConfigMap that changes is seen, a part of it mounted by itself is not.
    machine.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'files'}, 'data': {'a': 'second', 'b': 'changed'}})
    machine.wait(lambda: sh('cat /map/b') == 'changed', 15, 'the volume follows')
    assert sh('cat /map/deep/er/a') == 'second' and sh('cat /one') == 'other'
    machine.kubectl('label', 'pod', 'volumes', 'more=yes')
    machine.wait(lambda: 'more="yes"' in sh('cat /all/labels'), 15, 'the downward API follows')
    delete(machine, 'volumes')
    assert '/var/lib/kubelet/pods' not in machine.inside('n1', 'cat', '/proc/self/mounts')


def test_a_sub_path_never_leaves_its_volume(machine):
    machine.inside('n1', 'mkdir', '-p', '/var/lib/trap')
    machine.inside('n1', 'ln', '-sfn', '/etc', '/var/lib/trap/out')
    machine.apply(pod('trapped', volumes=[{'name': 'v', 'hostPath': {'path': '/var/lib/trap'}}],
                      main={'volumeMounts': [{'name': 'v', 'mountPath': '/v', 'subPath': 'out'}]}))
    machine.wait(lambda: machine.container('trapped').get('state', {}).get('waiting', {}).get('reason') == 'CreateContainerConfigError', 10, 'refused')
    assert 'failed to prepare subPath' in machine.container('trapped')['state']['waiting']['message']
    delete(machine, 'trapped')


def test_init_containers_and_sidecars(machine):
    shared = [{'name': 'v', 'mountPath': '/v'}]
    machine.apply(pod('init', volumes=[{'name': 'v', 'emptyDir': {}}], initContainers=[
        {'name': 'one', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo one >>/v/log'], 'volumeMounts': shared},
        {'name': 'side', 'image': BUSYBOX, 'restartPolicy': 'Always', 'command': ['sh', '-c', 'echo side >>/v/log; trap "exit 0" TERM; while true; do sleep 0.1; done'],
         'volumeMounts': shared, 'startupProbe': {'exec': {'command': ['test', '-e', '/v/log']}, 'periodSeconds': 1}},
        {'name': 'two', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo two >>/v/log'], 'volumeMounts': shared}],
        main={'command': ['sh', '-c', 'cat /v/log; sleep 0.3'], 'volumeMounts': shared}, restartPolicy='Never'))
    machine.wait(lambda: machine.phase('init') == 'Succeeded', 30, 'the pod ends when its main container does')
    assert machine.kubectl('logs', 'init', '-c', 'main').split() == ['one', 'side', 'two']
    delete(machine, 'init')


def test_a_failing_init_container_fails_the_pod(machine):
    machine.apply(pod('badinit', restartPolicy='Never', initContainers=[{'name': 'bad', 'image': BUSYBOX, 'command': ['sh', '-c', 'exit 7']}]))
    machine.wait(lambda: machine.phase('badinit') == 'Failed', 15, 'Failed')
    assert machine.container('badinit', 0, 'initContainerStatuses')['state']['terminated']['exitCode'] == 7
    assert 'waiting' in machine.container('badinit')['state']
    delete(machine, 'badinit')


def test_exit_codes_messages_and_restarts(machine):
    machine.apply(
        pod('done', command='echo -n all is well >/dev/termination-log', restartPolicy='Never'),
        pod('failed', command='echo words of farewell; exit 3', restartPolicy='Never', main={'terminationMessagePolicy': 'FallbackToLogsOnError'}),
        pod('crash', command='echo run; exit 1'))
    machine.wait(lambda: machine.phase('done') == 'Succeeded', 15, 'Succeeded')
    ended = machine.container('done')['state']['terminated']
    assert (ended['exitCode'], ended['reason'], ended['message']) == (0, 'Completed', 'all is well')
    machine.wait(lambda: machine.phase('failed') == 'Failed', 15, 'Failed')
    ended = machine.container('failed')['state']['terminated']
    assert (ended['exitCode'], ended['reason'], ended['message']) == (3, 'Error', 'words of farewell\n')
    machine.wait(lambda: machine.container('crash').get('state', {}).get('waiting', {}).get('reason') == 'CrashLoopBackOff', 15, 'CrashLoopBackOff')
    crash = machine.container('crash')
    assert crash['restartCount'] == 1 and crash['lastState']['terminated']['exitCode'] == 1
    assert 'back-off 10s restarting failed container=main' in crash['state']['waiting']['message']
    assert machine.kubectl('logs', 'crash', '--previous').strip() == 'run'
    machine.wait(lambda: machine.container('crash')['restartCount'] == 2, 20, 'a second restart after the back-off')
    for name in ('done', 'failed', 'crash'):
        delete(machine, name)


def test_probes(machine):
    machine.apply(pod('probed', main={
        'command': ['sh', '-c', 'touch /tmp/live; httpd -p 8080 -h /tmp; trap "exit 0" TERM; while true; do sleep 0.1; done'],
        'livenessProbe': {'exec': {'command': ['cat', '/tmp/live']}, 'periodSeconds': 1, 'failureThreshold': 2},
        'readinessProbe': {'httpGet': {'path': '/ready', 'port': 8080}, 'periodSeconds': 1, 'failureThreshold': 1},
        'startupProbe': {'tcpSocket': {'port': 8080}, 'periodSeconds': 1}}))
    machine.wait(lambda: machine.container('probed').get('started'), 15, 'started')
    time.sleep(1.5)
    assert machine.condition('pod', 'probed', 'Ready') == 'False'
    machine.exec('probed', 'touch', '/tmp/ready')
    machine.wait_ready_pod('probed', 5)
    machine.exec('probed', 'rm', '/tmp/ready')
    machine.wait(lambda: machine.condition('pod', 'probed', 'Ready') == 'False', 5, 'not ready again')
    machine.exec('probed', 'rm', '/tmp/live')
    machine.wait(lambda: machine.container('probed')['restartCount'] == 1, 15, 'the liveness probe restarts it')
    delete(machine, 'probed')


def test_hooks_and_graceful_deletion(machine):
    machine.apply(pod('hooks', terminationGracePeriodSeconds=5, volumes=[{'name': 'v', 'hostPath': {'path': '/var/lib/hooks', 'type': 'DirectoryOrCreate'}}], main={
        'command': ['sh', '-c', 'trap "echo term >>/v/log; exit 0" TERM; while true; do sleep 0.1; done'],
        'volumeMounts': [{'name': 'v', 'mountPath': '/v'}],
        'lifecycle': {'postStart': {'exec': {'command': ['sh', '-c', 'echo post >>/v/log']}},
                      'preStop': {'exec': {'command': ['sh', '-c', 'echo pre >>/v/log; sleep 0.5']}}}}))
    machine.wait_ready_pod('hooks')
    began = time.time()
    delete(machine, 'hooks')
    assert 0.5 < time.time() - began < 4
    assert machine.inside('n1', 'cat', '/var/lib/hooks/log').split() == ['post', 'pre', 'term']


def test_a_deaf_pod_is_killed_after_its_grace(machine):
    machine.apply(pod('deaf', command='trap "" TERM; while true; do sleep 0.1; done', terminationGracePeriodSeconds=2))
    machine.wait_ready_pod('deaf')
    began = time.time()
    delete(machine, 'deaf')
    assert 1.5 < time.time() - began < 5


def test_logs(machine):
    machine.apply(pod('talks', command='for i in 1 2 3 4 5; do echo line $i; done; echo err >&2; while true; do sleep 0.1; echo tick; done'))
    machine.wait_ready_pod('talks')
    machine.wait(lambda: 'tick' in machine.kubectl('logs', 'talks'), 5, 'ticks')
    lines = [line for line in machine.kubectl('logs', 'talks').splitlines() if line.startswith('line')]
    assert lines == [f'line {i}' for i in range(1, 6)] and 'err' in machine.kubectl('logs', 'talks')
    assert len(machine.kubectl('logs', 'talks', '--tail=2').splitlines()) == 2
    assert len(machine.kubectl('logs', 'talks', '--limit-bytes=6')) == 6
    assert machine.kubectl('logs', 'talks', '--timestamps').startswith('20')
    follow = subprocess.Popen(['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'timeout', '2', 'kubectl', '--kubeconfig', str(machine.kubeconfig),
                               'logs', '-f', 'talks'], stdout=subprocess.PIPE, text=True, env={'PATH': f'{__import__("machine").CACHE}/bin:/usr/bin:/bin'})
    out, _ = follow.communicate(timeout=10)
    assert out.count('tick') > 12
    delete(machine, 'talks', '--grace-period=1')


def test_exec_streams(machine):
    machine.apply(pod('shell'))
    machine.wait_ready_pod('shell')
    done = machine.exec('shell', 'sh', '-c', 'echo out; echo err >&2; exit 5', check=False)
    assert (done.stdout, done.returncode) == ('out\n', 5) and 'err' in done.stderr
    assert machine.exec('shell', 'wc', '-c', stdin='x' * 100000).strip() == '100000'
    assert len(machine.exec('shell', 'head', '-c', '3000000', '/dev/zero')) == 3000000
    delete(machine, 'shell')


def test_images_that_are_not_there(machine):
    machine.apply(pod('noimage', main={'image': 'kaname.local/nothing:1', 'imagePullPolicy': 'Never'}),
                  pod('badname', main={'image': 'Bad_Name::x'}))
    machine.wait(lambda: machine.container('noimage').get('state', {}).get('waiting', {}).get('reason') == 'ErrImageNeverPull', 10, 'ErrImageNeverPull')
    machine.wait(lambda: machine.container('badname').get('state', {}).get('waiting', {}).get('reason') == 'InvalidImageName', 10, 'InvalidImageName')
    assert machine.phase('noimage') == 'Pending'
    for name in ('noimage', 'badname'):
        delete(machine, name)


def test_security_context(machine):
    machine.apply(pod('secure', securityContext={'runAsUser': 1234, 'runAsGroup': 2345, 'sysctls': [{'name': 'net.ipv4.ip_unprivileged_port_start', 'value': '80'}]},
                      main={'securityContext': {'readOnlyRootFilesystem': True, 'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']},
                                                'seccompProfile': {'type': 'RuntimeDefault'}}}),
                  pod('rootless', main={'securityContext': {'runAsNonRoot': True}}))
    machine.wait_ready_pod('secure')
    sh = lambda script: machine.exec('secure', 'sh', '-c', script).strip()  # noqa: E731
    assert sh('id -u; id -g').split() == ['1234', '2345']
    status = dict(line.split(':', 1) for line in sh('cat /proc/1/status').splitlines() if ':' in line)
    assert int(status['CapEff'], 16) == 0 and status['NoNewPrivs'].strip() == '1' and status['Seccomp'].strip() == '2'
    assert sh('touch /x 2>&1 || echo refused').endswith('refused')
    assert sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start') == '80'
    machine.wait(lambda: 'image will run as root' in machine.container('rootless').get('state', {}).get('waiting', {}).get('message', ''), 10, 'root refused')
    for name in ('secure', 'rootless'):
        delete(machine, name)


def test_deadline_and_ephemeral_containers(machine):
    machine.apply(pod('deadline', activeDeadlineSeconds=2), pod('debugged'))
    machine.wait_ready_pod('debugged')
    machine.kubectl('patch', 'pod', 'debugged', '--subresource=ephemeralcontainers', '--type=strategic', '-p', json.dumps(
        {'spec': {'ephemeralContainers': [{'name': 'dbg', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo hello; sleep 100'], 'targetContainerName': 'main'}]}}))
    machine.wait(lambda: 'hello' in machine.kubectl('logs', 'debugged', '-c', 'dbg', check=False).stdout, 10, 'the ephemeral container speaks')
    machine.wait(lambda: machine.phase('deadline') == 'Failed', 10, 'the deadline')
    assert machine.get('pod', 'deadline')['status']['reason'] == 'DeadlineExceeded'
    for name in ('deadline', 'debugged'):
        delete(machine, name)


def test_host_ports(machine):
    serve = 'trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait'
    ports = lambda ip: {'ports': [{'containerPort': 8080, 'hostPort': 54323, 'hostIP': ip}]}  # noqa: E731
    machine.apply(pod('inner', command=serve, main=ports('127.0.0.1')), pod('outer', command=serve, main=ports(machine.hosts['n1']['ip'])))
    machine.wait_ready_pod('inner')
    machine.wait_ready_pod('outer')
    machine.exec('inner', 'sh', '-c', 'echo inner >/www/index.html')
    machine.exec('outer', 'sh', '-c', 'echo outer >/www/index.html')
    address = machine.hosts['n1']['ip']
    outside = ['nsenter', f'--net=/proc/{machine.vpc}/ns/net', 'curl', '-s', '-m', '5', f'http://{address}:54323/']
    assert subprocess.run(outside, capture_output=True, text=True).stdout == 'outer\n'
    assert machine.inside('n1', 'curl', '-s', '-m', '5', 'http://127.0.0.1:54323/') == 'inner\n'
    assert machine.inside('n1', 'curl', '-s', '-m', '5', '--interface', address, 'http://127.0.0.1:54323/') == 'inner\n'
    delete(machine, 'outer')
    assert subprocess.run(outside, capture_output=True, text=True).stdout == ''
    delete(machine, 'inner')


def test_pods_that_do_not_belong_here(machine):
    """Who binds pods without the scheduler meets what it would have looked at, once more on the node."""
    def rejection(name):
        status = machine.get('pod', name)['status']
        return status['phase'], status.get('reason'), status.get('message')
    port = {'ports': [{'containerPort': 80, 'hostPort': 54324}]}
    machine.apply(pod('holder', main=port))
    machine.wait_ready_pod('holder')
    beside = {'name': 'side', 'image': BUSYBOX, 'restartPolicy': 'Always', 'command': ['sleep', '60'], **port}
    ports_taken = "node(s) didn't have free ports for the requested pod ports"
    wanted = {
        'second': (pod('second', main=port), 'NodePorts', ports_taken),
        'beside': (pod('beside', initContainers=[beside]), 'NodePorts', ports_taken),
        'astray': (pod('astray', nodeSelector={'color': 'red'}), 'NodeAffinity', "node(s) didn't match Pod's node affinity/selector"),
        'window': (pod('window', os={'name': 'windows'}), 'PodOSNotSupported', None),
    }
    machine.apply(*(body for body, _, _ in wanted.values()))
    for name, (_, reason, said) in wanted.items():
        machine.wait(lambda: rejection(name)[0] == 'Failed', 10, f'{name} is rejected')
        message = f'Predicate {reason} failed: {said}' if said else "Failed to admit pod as the OS field doesn't match node OS"
        assert rejection(name) == ('Failed', reason, f'Pod was rejected: {message}')
        machine.wait(lambda: (reason, message) in [(e['reason'], e.get('message') or e.get('note')) for e in machine.get('events')['items']
                                                   if e['involvedObject']['name'] == name], 10, f'{name} has an event')
    # A label that has just been set counts, whatever this node has seen of it.
    for round in range(5):
        machine.kubectl('label', 'node', 'n1', f'color=red{round}', '--overwrite')
        machine.apply(pod(f'led{round}', nodeSelector={'color': f'red{round}'}))
        machine.wait_ready_pod(f'led{round}')
    # Its port is free as soon as it is gone from the API.
    machine.kubectl('delete', 'pod', 'holder', 'second', '--force', '--grace-period=0')
    machine.apply(pod('third', main=port))
    machine.wait_ready_pod('third')
    machine.kubectl('label', 'node', 'n1', 'color-')
    for name in ('third', 'beside', 'astray', 'window', *(f'led{round}' for round in range(5))):
        delete(machine, name)


def test_pods_that_ask_for_more_than_the_node_has(machine):
    """Every resource counts that the node tells of; what it tells nothing of may be the cluster's."""
    machine.kubectl('patch', 'node', 'n1', '--subresource=status', '--type=merge', '-p', json.dumps(
        {'status': {kind: {'example.com/dongle': '2'} for kind in ('capacity', 'allocatable')}}))

    storage = int(machine.get('node', 'n1')['status']['allocatable']['ephemeral-storage'].removesuffix('Ki')) << 10
    first = {'requests': {'ephemeral-storage': '1Mi'}, 'limits': {'example.com/dongle': '1', 'example.org/license': '7'}}
    machine.apply(pod('first', main={'resources': first}))
    machine.wait_ready_pod('first')
    beyond = {
        'storage': ({'ephemeral-storage': str(storage)}, f'ephemeral-storage, requested: {storage}, used: {1 << 20}, capacity: {storage}'),
        'pages': ({'hugepages-2Mi': '4Mi', 'memory': '1Mi'}, f'hugepages-2Mi, requested: {4 << 20}, used: 0, capacity: 0'),
        'dongle': ({'example.com/dongle': '2'}, 'example.com/dongle, requested: 2, used: 1, capacity: 2'),
    }
    machine.apply(*(pod(name, main={'resources': {'requests': amounts, 'limits': amounts}}) for name, (amounts, _) in beyond.items()))
    for name, (_, said) in beyond.items():
        status = machine.wait(lambda: (s := machine.get('pod', name)['status'])['phase'] == 'Failed' and s, 10, f'{name} is rejected')
        resource = said.split(',')[0]
        assert (status['reason'], status['message']) == (f'OutOf{resource}', f"Pod was rejected: Node didn't have enough resource: {said}")
    # Room that is given back is there for others.
    delete(machine, 'first')
    machine.apply(pod('next', main={'resources': {'limits': {'example.com/dongle': '2'}}}))
    machine.wait_ready_pod('next')
    for name in ('next', *beyond):
        delete(machine, name)


def test_static_pods(machine):
    manifest = pod('fixed', command='trap "exit 0" TERM; while true; do sleep 0.1; done')
    del manifest['spec']['nodeName']
    machine.inside('n1', 'mkdir', '-p', '/etc/kubernetes/manifests')
    machine.inside('n1', 'sh', '-c', f"cat >/etc/kubernetes/manifests/fixed.yaml <<'END'\n{json.dumps(manifest)}\nEND\n")
    machine.wait(lambda: machine.condition('pod', 'fixed-n1', 'Ready') == 'True', 20, 'the mirror is Ready')
    mirror = machine.get('pod', 'fixed-n1')
    assert mirror['metadata']['annotations']['kubernetes.io/config.source'] == 'file'
    assert mirror['metadata']['ownerReferences'][0]['kind'] == 'Node'
    assert machine.exec('fixed-n1', 'echo', 'hi').strip() == 'hi'
    # It outlives the agent.
    agents = machine.processes_of('n1', 'bin/kaname')
    for pid in agents:
        os.kill(pid, signal.SIGKILL)
    machine.wait(lambda: machine.processes_of('n1', 'bin/kaname') not in ([], agents), 10, 'the agent is back')
    # Deleting the mirror stops nothing: it comes again.
    delete(machine, 'fixed-n1', '--grace-period=0', '--force')
    again = machine.wait(lambda: machine.condition('pod', 'fixed-n1', 'Ready') == 'True' and machine.get('pod', 'fixed-n1'), 20, 'the mirror is back')
    assert again['status']['containerStatuses'][0]['containerID'] == mirror['status']['containerStatuses'][0]['containerID']
    machine.inside('n1', 'rm', '/etc/kubernetes/manifests/fixed.yaml')
    machine.wait(lambda: machine.get('pod', 'fixed-n1') is None, 20, 'the mirror is gone')
    machine.wait(lambda: machine.inside('n1', 'ls', '/var/lib/kubelet/pods').strip() == '', 10, 'the pod is gone')


def test_pods_that_are_deleted_while_they_start(machine):
    """The runtime does nothing at a stop of what it is starting: it is stopped once it runs."""
    names = [f'hasty-{n}' for n in range(12)]
    for late_s in (0, 0.1, 0.2, 0.3):
        machine.apply(*map(pod, names))
        time.sleep(late_s)
        machine.kubectl('delete', 'pod', *names, '--grace-period=1', timeout=60)
