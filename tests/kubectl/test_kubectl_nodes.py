"""kubectl on nodes: taint, cordon, drain, and what is told about them."""
import re

import pytest


@pytest.fixture
def nodes(k):
    names = k('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}').split()
    assert len(names) == 2
    yield names
    for name in names:
        k('uncordon', name)
        k.run('taint', 'nodes', name, 'for-')


def test_get_and_describe(k, nodes):
    wide = k('get', 'nodes', '-o', 'wide')
    for name in nodes:
        assert re.search(rf'{name} +Ready +<none> +\S+ +v1\.36\.\d+ +[\d.]+ ', wide), wide
        told = k('describe', 'node', name)
        for words in (r'Ready +True', r'Container Runtime Version: +containerd://', r'Non-terminated Pods:', r'Taints: +<none>', r'Unschedulable: +false'):
            assert re.search(words, told), (words, told)


def test_taint(k, nodes):
    name = nodes[0]
    assert k('taint', 'nodes', name, 'for=others:NoSchedule') == f'node/{name} tainted\n'
    assert 'already has for taint(s) with same effect(s)' in k.fails('taint', 'nodes', name, 'for=more:NoSchedule')
    assert re.search(r'Taints: +for=others:NoSchedule', k('describe', 'node', name))
    for i in range(3):
        k.run_pod(f'p{i}', 'sleep 1000')
    k.ready('pod', '--all')
    assert {p['spec']['nodeName'] for p in k.json('get', 'pods')['items']} == {nodes[1]}
    assert k('taint', 'nodes', name, 'for=others:NoSchedule-') == f'node/{name} untainted\n'
    k('taint', 'nodes', nodes[1], 'for=others:NoExecute')
    k('wait', 'pod', '--all', '--for=delete', '--timeout=60s')
    k('taint', 'nodes', nodes[1], 'for-')


def test_cordon(k, nodes):
    name = nodes[1]
    assert k('cordon', name) == f'node/{name} cordoned\n'
    assert k('cordon', name) == f'node/{name} already cordoned\n'
    assert re.search(rf'{name} +Ready,SchedulingDisabled', k('get', 'nodes'))
    for i in range(3):
        k.run_pod(f'p{i}', 'sleep 1000')
    k.ready('pod', '--all')
    assert {p['spec']['nodeName'] for p in k.json('get', 'pods')['items']} == {nodes[0]}
    assert k('uncordon', name) == f'node/{name} uncordoned\n'


def test_drain(k, nodes):
    k.deployment(replicas=4)
    k('create', 'poddisruptionbudget', 'web', '--selector=app=web', '--min-available=3')
    k('wait', 'poddisruptionbudget/web', '--for=jsonpath={.status.disruptionsAllowed}=1', '--timeout=60s')
    name = nodes[0]
    k.run_pod('alone', 'sleep 1000')
    k('wait', 'pod/alone', '--for=condition=PodScheduled', '--timeout=30s')
    if k('get', 'pod', 'alone', '-o', 'jsonpath={.spec.nodeName}') == name:
        assert 'declare no controller' in k.fails('drain', name, '--ignore-daemonsets', '--timeout=30s')
    out = k('drain', name, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=80s', timeout=100)
    assert f'node/{name} drained' in out
    k('rollout', 'status', 'deployment/web', '--timeout=60s')
    left = [p for p in k.json('get', 'pods', '-l', 'app=web')['items'] if 'deletionTimestamp' not in p['metadata']]
    assert len(left) == 4 and {p['spec']['nodeName'] for p in left} == {nodes[1]}
    k('uncordon', name)
