"""Conditions on writes and deletions, and what a Service gets: what only two requests together show."""
import json

import pytest

MERGE = {'Content-Type': 'application/merge-patch+json'}


def make(server, path, body):
    status, made = server.json('POST', path, body)
    assert status == 201, made
    return made


@pytest.fixture
def configmap(server, ns):
    path = f'/api/v1/namespaces/{ns}/configmaps'
    made = make(server, path, {'metadata': {'name': 'a'}, 'data': {'k': 'v'}})
    return f'{path}/a', made


@pytest.mark.parametrize('member, word', [('uid', 'UID'), ('resourceVersion', 'ResourceVersion')])
def test_a_deletion_may_mean_one_object_or_one_version_of_it(server, configmap, member, word):
    path, made = configmap
    changed = server.json('PATCH', path, {'data': {'k': 'w'}}, MERGE)[1] if member == 'resourceVersion' else made
    wrong = {'uid': '00000000-0000-0000-0000-000000000000', 'resourceVersion': made['metadata']['resourceVersion']}[member]
    status, told = server.json('DELETE', path, {'preconditions': {member: wrong}})
    assert (status, told['reason']) == (409, 'Conflict')
    assert f'the {word} in the precondition ({wrong}) does not match the {word} in record ({changed["metadata"][member]})' in told['message']
    assert server.json('GET', path)[0] == 200
    assert server.json('DELETE', path, {'preconditions': {member: changed['metadata'][member]}})[0] == 200
    assert server.json('GET', path)[0] == 404


def test_what_changes_nothing_writes_nothing(server, configmap):
    path, made = configmap
    for method, body, headers in (('PUT', made, None), ('PATCH', {'data': {'k': 'v'}}, MERGE)):
        status, answer = server.json(method, path, body, headers)
        assert status == 200 and answer['metadata']['resourceVersion'] == made['metadata']['resourceVersion'], method


@pytest.fixture
def bound_pod(server, ns):
    """On a node that nobody runs: it stays while it has a grace."""
    made = make(server, f'/api/v1/namespaces/{ns}/pods', {'metadata': {'name': 'p'}, 'spec': {
        'nodeName': 'n-' + ns, 'terminationGracePeriodSeconds': 30, 'automountServiceAccountToken': False, 'containers': [{'name': 'c', 'image': 'i'}]}})
    yield f'/api/v1/namespaces/{ns}/pods/p', made
    server.json('DELETE', f'/api/v1/namespaces/{ns}/pods/p', {'gracePeriodSeconds': 0})


def test_the_grace_of_a_deletion_only_gets_shorter(server, bound_pod):
    path, _ = bound_pod

    def grace(**options):
        status, answer = server.json('DELETE', path, options or None)
        assert status == 200, answer
        return answer['metadata']['deletionGracePeriodSeconds'], answer['metadata']['deletionTimestamp']
    first = grace()
    assert first[0] == 30
    assert grace(gracePeriodSeconds=60) == first
    shorter = grace(gracePeriodSeconds=5)
    assert shorter[0] == 5 and shorter[1] < first[1]
    assert grace() == shorter
    assert server.json('DELETE', path, {'gracePeriodSeconds': 0})[0] == 200
    assert server.json('GET', path)[0] == 404


def service(name, **spec):
    return {'metadata': {'name': name}, 'spec': {'ports': [{'port': 80}], **spec}}


def refusal(server, ns, body):
    status, told = server.json('POST', f'/api/v1/namespaces/{ns}/services', body)
    assert status == 422, told
    return told['message']


def test_a_port_of_the_nodes_is_one_services(server, ns):
    path = f'/api/v1/namespaces/{ns}/services'
    port = make(server, path, service('a', type='NodePort'))['spec']['ports'][0]['nodePort']
    assert 30000 <= port <= 32767
    again = service('b', type='NodePort', ports=[{'port': 80, 'nodePort': port}])
    assert f'spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated' in refusal(server, ns, again)
    assert server.json('DELETE', f'{path}/a')[0] == 200
    assert make(server, path, again)['spec']['ports'][0]['nodePort'] == port


def test_an_address_is_one_services_and_of_the_range(server, ns):
    path = f'/api/v1/namespaces/{ns}/services'
    address = make(server, path, service('a'))['spec']['clusterIP']
    assert 'provided IP is already allocated' in refusal(server, ns, service('b', clusterIP=address))
    (cidr,) = server.json('GET', '/apis/networking.k8s.io/v1/servicecidrs/kubernetes')[1]['spec']['cidrs']
    first = cidr.split('/')[0]
    for outside in (first, '192.0.2.1'):
        assert 'the provided network does not match the current range' in refusal(server, ns, service('b', clusterIP=outside)), outside
    assert server.json('DELETE', f'{path}/a')[0] == 200
    assert make(server, path, service('b', clusterIP=address))['spec']['clusterIP'] == address


def priority_class(name, value, default):
    return {'metadata': {'name': name}, 'value': value, 'globalDefault': default}


def test_of_several_default_priorities_the_lowest_counts(server, ns):
    """Only one is taken at a time; more are there when two were made at once."""
    path = '/apis/scheduling.k8s.io/v1/priorityclasses'
    for name, value in ((f'{ns}-high', 1000), (f'{ns}-low', 10)):
        make(server, path, priority_class(name, value, False))
    try:
        for name in (f'{ns}-high', f'{ns}-low'):
            status, answer = server.json('PATCH', f'{path}/{name}', {'globalDefault': True}, MERGE)
            if status != 200:
                assert answer['reason'] == 'Forbidden', answer
        made = server.json('POST', f'/api/v1/namespaces/{ns}/pods?dryRun=All', {'metadata': {'name': 'p'}, 'spec': {
            'automountServiceAccountToken': False, 'containers': [{'name': 'c', 'image': 'i'}]}})[1]
        assert made['spec']['priorityClassName'] in (f'{ns}-high', f'{ns}-low'), json.dumps(made)
    finally:
        for name in (f'{ns}-high', f'{ns}-low'):
            server.json('DELETE', f'{path}/{name}')
