"""What EndpointSlices and Endpoints tell of pods: nodes and zones, hints, when it changed, and whose they are; of pods made Ready by hand."""
import pytest
from kubelet import now, wait_for
from test_policy import pod
from test_statefulsets import MERGE, said

TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time'


@pytest.fixture
def node(server, ns):
    """A node in a zone, on which nobody runs anything."""
    assert server.json('POST', '/api/v1/nodes', {'metadata': {'name': ns, 'labels': {'topology.kubernetes.io/zone': 'z'}}})[0] == 201
    yield ns
    server.json('DELETE', f'/api/v1/nodes/{ns}')


def run(server, ns, name, on, address, ready='True', since=None):
    where = f'/api/v1/namespaces/{ns}/pods'
    server.json('POST', where, pod(name, {'app': 's'}, nodeName=on))
    tell(server, ns, name, address, ready, since)


def tell(server, ns, name, address, ready, since=None):
    status = {'phase': 'Running', 'podIP': address, 'podIPs': [{'ip': address}], 'conditions': [
        {'type': 'Ready', 'status': ready, 'lastTransitionTime': since or now()}]}
    assert server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/{name}/status', {'status': status}, MERGE)[0] == 200


def serve(server, ns, **spec):
    body = {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 's', **spec.pop('metadata', {})}, 'spec': {'selector': {'app': 's'}, 'ports': [{'port': 80}], **spec}}
    status, made = server.json('POST', f'/api/v1/namespaces/{ns}/services', body)
    assert status == 201, made
    return made


def slices(server, ns):
    return server.get('-n', ns, 'endpointslices')['items']


def endpoints(server, ns):
    """address -> endpoint"""
    return {e['addresses'][0]: e for s in slices(server, ns) for e in s['endpoints'] or []}


def test_a_pod_of_a_node_that_is_not_there_is_left_out(server, ns, node):
    """Until the node comes; who publishes all publishes it, too."""
    serve(server, ns)
    serve(server, ns, metadata={'name': 'all'}, publishNotReadyAddresses=True)
    run(server, ns, 'here', node, '10.8.0.1')
    run(server, ns, 'lost', ns + '-lost', '10.8.0.2')
    wait_for(lambda: f'Error updating Endpoint Slices for Service {ns}/s: skipping Pod lost for Service {ns}/s: Node {ns}-lost Not Found' in
             said(server, ns, 'FailedToUpdateEndpointSlices'))

    def told(name):
        return sorted(e['addresses'][0] for s in slices(server, ns) if s['metadata']['labels']['kubernetes.io/service-name'] == name for e in s['endpoints'] or [])
    assert told('s') == ['10.8.0.1'] and told('all') == ['10.8.0.1', '10.8.0.2']
    server.json('POST', '/api/v1/nodes', {'metadata': {'name': ns + '-lost'}})
    wait_for(lambda: told('s') == ['10.8.0.1', '10.8.0.2'])
    server.json('DELETE', f'/api/v1/nodes/{ns}-lost')


def test_hints_are_for_the_ready_only(server, ns, node):
    serve(server, ns, trafficDistribution='PreferSameNode')
    run(server, ns, 'ready', node, '10.8.0.1')
    run(server, ns, 'not-ready', node, '10.8.0.2', ready='False')
    told = wait_for(lambda: (lambda found: found if len(found) == 2 else None)(endpoints(server, ns)))
    assert told['10.8.0.1']['hints'] == {'forZones': [{'name': 'z'}], 'forNodes': [{'name': node}]}
    assert 'hints' not in told['10.8.0.2'] and told['10.8.0.2']['zone'] == 'z'
    server.json('PATCH', f'/api/v1/namespaces/{ns}/services/s', {'metadata': {'annotations': {'service.kubernetes.io/topology-mode': 'Auto'}}}, MERGE)
    wait_for(lambda: 'hints' not in endpoints(server, ns)['10.8.0.1'])


def test_slices_tell_since_when_they_differ(server, ns, node):
    """The Service's creation at first; then the earliest change of a pod that they didn't tell of; nothing where a pod went."""
    made = serve(server, ns)['metadata']['creationTimestamp']

    def triggers():
        objects = [*slices(server, ns), *server.get('-n', ns, 'endpoints')['items']]
        return [o['metadata'].get('annotations', {}).get(TRIGGER) for o in objects]
    wait_for(lambda: triggers() == [made, made])
    run(server, ns, 'one', node, '10.8.0.1', since='2026-01-02T03:04:05Z')
    wait_for(lambda: len(endpoints(server, ns)) == 1 and triggers() == ['2026-01-02T03:04:05Z'] * 2)
    tell(server, ns, 'one', '10.8.0.1', 'False', '2026-01-02T03:04:10Z')
    wait_for(lambda: triggers() == ['2026-01-02T03:04:10Z'] * 2)
    server.json('PATCH', f'/api/v1/namespaces/{ns}/pods/one', {'metadata': {'labels': {'app': 'other'}}}, MERGE)
    wait_for(lambda: endpoints(server, ns) == {} and triggers()[1] is None)


def test_slices_of_an_earlier_service_go(server, ns, node):
    """They name it as their owner, and would be taken away with it later."""
    run(server, ns, 'one', node, '10.8.0.1')
    labels = {'kubernetes.io/service-name': 's', 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io'}
    owner = server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': 's'}})[1]['metadata']['uid']
    old = {'apiVersion': 'discovery.k8s.io/v1', 'kind': 'EndpointSlice', 'addressType': 'IPv4', 'endpoints': [{'addresses': ['10.8.0.9']}], 'ports': [{'name': '', 'port': 80}],
           'metadata': {'name': 'old', 'labels': labels, 'ownerReferences': [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 's', 'uid': owner, 'controller': True}]}}
    assert server.json('POST', f'/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices', old)[0] == 201
    made = serve(server, ns)['metadata']['uid']
    (only,) = wait_for(lambda: (lambda found: found if len(found) == 1 and found[0]['metadata']['name'] != 'old' else None)(slices(server, ns)))
    assert only['metadata']['ownerReferences'][0]['uid'] == made and list(endpoints(server, ns)) == ['10.8.0.1']


def test_nobody_owns_lists_of_nothing(server, ns):
    serve(server, ns)
    wait_for(lambda: slices(server, ns))
    made, = server.json('GET', f'/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices')[1]['items']
    assert made['endpoints'] is None and made['ports'] is None
    assert [sorted(entry['fieldsV1']) for entry in made['metadata']['managedFields']] == [['f:addressType', 'f:metadata']]
