"""Pods of an original kubelet under our API server, controllers and scheduler."""
import json
import time

from kubelet import BUSYBOX, pod

SLEEP = 'trap "exit 0" TERM; while true; do sleep 0.1; done'


def template(labels, **spec):
    return {'metadata': {'labels': labels}, 'spec': {
        'terminationGracePeriodSeconds': 2, 'containers': [{'name': 'main', 'image': BUSYBOX, 'command': ['sh', '-c', SLEEP]}], **spec}}


def test_events_of_a_scheduled_pod(machine):
    spec = pod('scheduled', None)
    del spec['spec']['nodeName']
    machine.apply(spec)
    machine.wait_ready_pod('scheduled', 30)
    status = machine.get('pod', 'scheduled')['status']
    assert status['qosClass'] == 'BestEffort' and status['podIP'].startswith('10.77.')
    assert {c['type'] for c in status['conditions']} >= {'PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'}
    def reasons():
        return {e.get('reason') for e in machine.get('events', '--field-selector=involvedObject.name=scheduled')['items']}
    machine.wait(lambda: reasons() >= {'Scheduled', 'Pulled', 'Created', 'Started'}, 10, 'events of the scheduler and the kubelet')
    assert 'Started' in machine.kubectl('describe', 'pod', 'scheduled')
    machine.kubectl('delete', 'pod', 'scheduled')


def test_probes(machine):
    machine.apply(pod('probed', 'k1', command='touch /tmp/ready /tmp/live; ' + SLEEP, main={
        'readinessProbe': {'exec': {'command': ['cat', '/tmp/ready']}, 'periodSeconds': 1, 'failureThreshold': 1},
        'livenessProbe': {'exec': {'command': ['cat', '/tmp/live']}, 'periodSeconds': 1, 'failureThreshold': 2},
        'startupProbe': {'exec': {'command': ['cat', '/tmp/live']}, 'periodSeconds': 1, 'failureThreshold': 10}}))
    machine.wait_ready_pod('probed', 30)
    machine.exec('probed', 'rm', '/tmp/ready')
    machine.wait(lambda: machine.condition('pod', 'probed', 'Ready') == 'False', 10, 'not ready')
    machine.exec('probed', 'rm', '/tmp/live')
    machine.wait(lambda: machine.container('probed').get('restartCount') == 1, 20, 'started again')
    machine.wait_ready_pod('probed', 20)
    assert machine.container('probed')['lastState']['terminated']['exitCode'] == 0
    machine.wait(lambda: 'Unhealthy' in machine.kubectl('get', 'events', '--field-selector=involvedObject.name=probed'), 10, 'told in an event')
    machine.kubectl('delete', 'pod', 'probed')


def test_http_probe_and_service(machine):
    web = pod('served', 'k2', command='httpd -f -p 8080 -h /www', main={
        'ports': [{'name': 'http', 'containerPort': 8080}], 'readinessProbe': {'httpGet': {'path': '/', 'port': 'http'}, 'periodSeconds': 1}})
    machine.apply(web, {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 'served'}, 'spec': {
        'selector': {'app': 'served'}, 'ports': [{'port': 80, 'targetPort': 'http'}]}})
    machine.wait_ready_pod('served', 30)
    raw = '/api/v1/namespaces/default/services/served/proxy/'
    page = machine.wait(lambda: machine.kubectl('get', '--raw', raw, check=False).stdout, 10, 'the endpoint is there')
    assert 'It runs.' in page
    machine.apply(pod('visitor', 'k1'))
    machine.wait_ready_pod('visitor', 30)
    address = machine.get('pod', 'served')['status']['podIP']
    ask = f'printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 5 {address} 8080'
    assert 'It runs.' in machine.exec('visitor', 'sh', '-c', ask)  # on the other node
    machine.kubectl('delete', 'pod/served', 'service/served', 'pod/visitor', '--grace-period=1')


def test_configmap_and_secret_volumes(machine):
    machine.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'words'}, 'data': {'word': 'one'}},
                  {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 'hidden'}, 'stringData': {'key': 'k'}},
                  pod('reader', 'k1', main={'env': [{'name': 'WORD', 'valueFrom': {'configMapKeyRef': {'name': 'words', 'key': 'word'}}}],
                                            'volumeMounts': [{'name': 'w', 'mountPath': '/words'}, {'name': 's', 'mountPath': '/secret'}]},
                      volumes=[{'name': 'w', 'configMap': {'name': 'words'}}, {'name': 's', 'secret': {'secretName': 'hidden'}}]))
    machine.wait_ready_pod('reader', 30)
    assert machine.exec('reader', 'sh', '-c', 'cat /words/word /secret/key; echo $WORD') == 'onekone\n'
    machine.apply({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'words'}, 'data': {'word': 'two'}})
    machine.wait(lambda: machine.exec('reader', 'cat', '/words/word') == 'two', 20, 'the change is seen in the pod')
    machine.kubectl('delete', 'pod/reader', 'configmap/words', 'secret/hidden')


def test_service_account_token(machine):
    """A projected token, bound to the pod, that the API server knows again."""
    machine.apply(pod('tokens', 'k1'))
    machine.wait_ready_pod('tokens', 30)
    token = machine.exec('tokens', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/token')
    assert 'BEGIN CERTIFICATE' in machine.exec('tokens', 'cat', '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')
    review = json.loads(machine.kubectl('create', '-o', 'json', '-f', '-', stdin=json.dumps({
        'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token}})))
    user = review['status']['user']
    assert user['username'] == 'system:serviceaccount:default:default'
    assert user['extra']['authentication.kubernetes.io/pod-name'] == ['tokens']
    assert user['extra']['authentication.kubernetes.io/node-name'] == ['k1']
    machine.kubectl('delete', 'pod', 'tokens')


def test_graceful_end(machine):
    command = 'trap "echo ended > /host/ended; sleep 1; exit 7" TERM; while true; do sleep 0.1; done'
    machine.apply(pod('graceful', 'k1', command=command, terminationGracePeriodSeconds=20,
                      main={'lifecycle': {'preStop': {'exec': {'command': ['sh', '-c', 'echo stopping > /host/stopping']}}},
                            'volumeMounts': [{'name': 'h', 'mountPath': '/host'}]},
                      volumes=[{'name': 'h', 'hostPath': {'path': '/tmp/graceful', 'type': 'DirectoryOrCreate'}}]))
    machine.wait_ready_pod('graceful', 30)
    began = time.time()
    machine.kubectl('delete', 'pod', 'graceful', '--wait=false')
    machine.wait(lambda: 'deletionTimestamp' in machine.get('pod', 'graceful')['metadata'], 5, 'it is ending')
    machine.wait(lambda: machine.get('pod', 'graceful') is None, 15, 'it is gone')
    assert 1 < time.time() - began < 15
    assert machine.inside('k1', 'cat', '/tmp/graceful/stopping', '/tmp/graceful/ended') == 'stopping\nended\n'


def test_limits(machine):
    machine.apply(pod('limited', 'k1', main={'resources': {'requests': {'cpu': '50m', 'memory': '16Mi'}, 'limits': {'cpu': '100m', 'memory': '32Mi'}}},
                      command='exec tail -f /dev/null'),
                  pod('greedy', 'k2', main={'resources': {'limits': {'memory': '16Mi'}}}, restartPolicy='Never',
                      command='a=x; while true; do a=$a$a; done'))
    machine.wait_ready_pod('limited', 30)
    assert machine.get('pod', 'limited')['status']['qosClass'] == 'Burstable'
    machine.wait(lambda: machine.phase('greedy') == 'Failed', 30, 'too much memory')
    assert machine.container('greedy')['state']['terminated']['reason'] == 'OOMKilled'
    machine.kubectl('delete', 'pod', 'limited', 'greedy', '--grace-period=1')


def test_init_and_restart(machine):
    machine.apply(pod('series', 'k2', command='cat /data/word; exit 1', restartPolicy='OnFailure', volumes=[{'name': 'd', 'emptyDir': {}}],
                      main={'volumeMounts': [{'name': 'd', 'mountPath': '/data'}]},
                      initContainers=[{'name': 'first', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo word > /data/word'],
                                       'volumeMounts': [{'name': 'd', 'mountPath': '/data'}]}]))
    machine.wait(lambda: machine.container('series').get('restartCount', 0) >= 1, 30, 'started again')
    assert machine.container('series', kind='initContainerStatuses')['state']['terminated']['exitCode'] == 0
    assert machine.kubectl('logs', 'series', '--previous') == 'word\n'
    machine.kubectl('delete', 'pod', 'series', '--grace-period=1')


def test_ephemeral_container(machine):
    machine.apply(pod('debugged', 'k1'))
    machine.wait_ready_pod('debugged', 30)
    machine.kubectl('debug', 'debugged', '--image=' + BUSYBOX, '--container=look', '--image-pull-policy=IfNotPresent', '--', 'sh', '-c', 'echo looked; sleep 100')
    machine.wait(lambda: 'running' in machine.container('debugged', kind='ephemeralContainerStatuses').get('state', {}), 20, 'it runs')
    assert machine.kubectl('logs', 'debugged', '-c', 'look') == 'looked\n'
    machine.kubectl('delete', 'pod', 'debugged', '--grace-period=1')


def test_job(machine):
    machine.apply({'apiVersion': 'batch/v1', 'kind': 'Job', 'metadata': {'name': 'sum'}, 'spec': {'completions': 2, 'parallelism': 2, 'template': {
        'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'main', 'image': BUSYBOX, 'command': ['sh', '-c', 'echo $((6*7))']}]}}}})
    machine.kubectl('wait', '--for=condition=complete', 'job/sum', '--timeout=30s')
    assert machine.kubectl('logs', 'job/sum') .strip() == '42'
    machine.kubectl('delete', 'job', 'sum')


def test_controllers_and_drain(machine):
    labels = {'app': 'many'}
    machine.apply(
        {'apiVersion': 'apps/v1', 'kind': 'DaemonSet', 'metadata': {'name': 'everywhere'}, 'spec': {
            'selector': {'matchLabels': {'app': 'everywhere'}}, 'template': template({'app': 'everywhere'})}},
        {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'many'}, 'spec': {
            'replicas': 4, 'selector': {'matchLabels': labels}, 'template': template(labels)}},
        {'apiVersion': 'policy/v1', 'kind': 'PodDisruptionBudget', 'metadata': {'name': 'many'}, 'spec': {
            'minAvailable': 2, 'selector': {'matchLabels': labels}}})
    machine.kubectl('rollout', 'status', 'daemonset/everywhere', '--timeout=30s')
    machine.kubectl('rollout', 'status', 'deployment/many', '--timeout=30s')

    def places(app):
        return sorted(p['spec']['nodeName'] for p in machine.get('pods', '-l', f'app={app}')['items'] if 'deletionTimestamp' not in p['metadata'])
    assert places('everywhere') == ['k1', 'k2'] and set(places('many')) == {'k1', 'k2'}
    machine.kubectl('set', 'env', 'deployment/many', 'VERSION=2')
    machine.kubectl('rollout', 'status', 'deployment/many', '--timeout=40s')
    machine.kubectl('drain', 'k1', '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=60s', timeout=70)
    machine.kubectl('rollout', 'status', 'deployment/many', '--timeout=30s')
    assert places('many') == ['k2'] * 4 and places('everywhere') == ['k1', 'k2']
    machine.kubectl('uncordon', 'k1')
    machine.kubectl('delete', 'daemonset/everywhere', 'deployment/many', 'pdb/many')
    machine.wait(lambda: not machine.get('pods', '-l', 'app in (many,everywhere)')['items'], 30, 'all pods are gone')
