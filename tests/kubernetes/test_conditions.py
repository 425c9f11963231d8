"""Conditions on writes and deletions, and what a Service gets: what only two requests together show."""
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


def test_only_one_priority_is_the_default(server, ns):
    path = '/apis/scheduling.k8s.io/v1/priorityclasses'
    try:
        for name, value in ((f'{ns}-a', 1000), (f'{ns}-b', 10)):
            make(server, path, {'metadata': {'name': name}, 'value': value})
        assert server.json('PATCH', f'{path}/{ns}-a', {'globalDefault': True}, MERGE)[0] == 200
        status, told = server.json('PATCH', f'{path}/{ns}-b', {'globalDefault': True}, MERGE)
        assert status == 403 and f'PriorityClass {ns}-a is already marked as default. Only one default can exist' in told['message'], told
        made = server.json('POST', f'/api/v1/namespaces/{ns}/pods?dryRun=All', {'metadata': {'name': 'p'}, 'spec': {
            'automountServiceAccountToken': False, 'containers': [{'name': 'c', 'image': 'i'}]}})[1]
        assert (made['spec']['priorityClassName'], made['spec']['priority']) == (f'{ns}-a', 1000)
    finally:
        for name in (f'{ns}-a', f'{ns}-b'):
            server.json('DELETE', f'{path}/{name}')


@pytest.fixture
def budget(lone_server):
    """A budget whose numbers nobody keeps, over three pods that are Ready: (server, path of the pods, path of the budget)."""
    server, core = lone_server, '/api/v1/namespaces/default'
    budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets'
    make(server, f'{core}/serviceaccounts', {'metadata': {'name': 'default'}})
    for name in ('a', 'b', 'c'):
        make(server, f'{core}/pods', {'metadata': {'name': name, 'labels': {'app': 'x'}}, 'spec': {
            'nodeName': 'n', 'automountServiceAccountToken': False, 'containers': [{'name': 'c', 'image': 'i'}]}})
        assert server.json('PATCH', f'{core}/pods/{name}/status', {'status': {
            'phase': 'Running', 'conditions': [{'type': 'Ready', 'status': 'True'}]}}, MERGE)[0] == 200
    make(server, budgets, {'metadata': {'name': 'x'}, 'spec': {'minAvailable': 2, 'selector': {'matchLabels': {'app': 'x'}}}})
    return server, f'{core}/pods', f'{budgets}/x'


def set_numbers(server, path, generation, allowed):
    assert server.json('PATCH', f'{path}/status', {'status': {
        'observedGeneration': generation, 'disruptionsAllowed': allowed, 'currentHealthy': 3, 'desiredHealthy': 2, 'expectedPods': 3}}, MERGE)[0] == 200


def evict(server, pods, name):
    return server.json('POST', f'{pods}/{name}/eviction', {'apiVersion': 'policy/v1', 'kind': 'Eviction', 'metadata': {'name': name}})


def test_each_eviction_takes_one_from_the_budget(budget):
    server, pods, path = budget
    set_numbers(server, path, 1, 1)
    assert evict(server, pods, 'a')[0] == 201
    status = server.json('GET', path)[1]['status']
    assert status['disruptionsAllowed'] == 0 and list(status['disruptedPods']) == ['a']
    code, told = evict(server, pods, 'b')
    assert code == 429 and 'needs 2 healthy pods and has 3 currently' in told['details']['causes'][0]['message']


def test_a_budget_that_changed_waits_for_its_numbers(budget):
    server, pods, path = budget
    set_numbers(server, path, 0, 1)
    code, told = evict(server, pods, 'a')
    assert code == 429 and told['details']['retryAfterSeconds'] == 10
    assert 'is still being processed by the server' in told['details']['causes'][0]['message']
    set_numbers(server, path, 1, 1)
    assert evict(server, pods, 'a')[0] == 201
