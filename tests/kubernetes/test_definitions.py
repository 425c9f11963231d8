"""CustomResourceDefinitions: served at once, gone at once."""
import uuid

import pytest


def definition(group, **version):
    schema = {'type': 'object', 'properties': {
        'spec': {'type': 'object', 'required': ['size'],
                 'properties': {'size': {'type': 'integer', 'minimum': 1}, 'color': {'type': 'string', 'default': 'red'}}},
        'status': {'type': 'object', 'properties': {'replicas': {'type': 'integer'}}}}}
    return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'widgets.{group}'},
            'spec': {'group': group, 'scope': 'Namespaced',
                     'names': {'plural': 'widgets', 'singular': 'widget', 'kind': 'Widget', 'shortNames': ['wd']},
                     'versions': [{'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema},
                                   'subresources': {'status': {}, 'scale': {'specReplicasPath': '.spec.size',
                                                                            'statusReplicasPath': '.status.replicas'}},
                                   'additionalPrinterColumns': [{'name': 'Size', 'type': 'integer', 'jsonPath': '.spec.size'}],
                                   **version}]}}


@pytest.fixture
def group(server):
    name = uuid.uuid4().hex[:8] + '.example.com'
    server.kubectl('create', '-f', '-', input=definition(name))
    yield name
    server.run('kubectl', 'delete', 'crd', f'widgets.{name}', '--wait=false', check=False)


def widget(group, ns, name='w', **spec):
    return {'apiVersion': f'{group}/v1', 'kind': 'Widget', 'metadata': {'name': name, 'namespace': ns}, 'spec': spec}


def test_serving(server, ns, group):
    server.kubectl('wait', '--for=condition=Established', f'crd/widgets.{group}', '--timeout=10s')
    server.kubectl('apply', '-f', '-', input=widget(group, ns, size=2))
    got = server.get('-n', ns, f'widgets.{group}', 'w')
    assert got['spec'] == {'size': 2, 'color': 'red'} and got['metadata']['generation'] == 1
    table = server.kubectl('-n', ns, 'get', f'widgets.{group}')
    assert [line.split() for line in table.splitlines()] == [['NAME', 'SIZE'], ['w', '2']]
    server.kubectl('-n', ns, 'patch', f'widgets.{group}', 'w', '--type=merge', '-p', '{"spec":{"size":3}}')
    assert server.get('-n', ns, f'widgets.{group}', 'w')['metadata']['generation'] == 2
    server.kubectl('-n', ns, 'delete', f'widgets.{group}', 'w')


def test_validation_and_pruning(server, ns, group):
    error = server.kubectl_error('create', '-f', '-', '--validate=false', input=widget(group, ns, size=0))
    assert 'spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1' in error
    error = server.kubectl_error('create', '-f', '-', '--validate=false', input=widget(group, ns))
    assert 'spec.size: Required value' in error
    error = server.kubectl_error('create', '-f', '-', input=widget(group, ns, size=1, shape='round'))
    assert 'unknown field "spec.shape"' in error
    server.kubectl('create', '-f', '-', '--validate=false', input=widget(group, ns, size=1, shape='round'))
    assert 'shape' not in server.get('-n', ns, f'widgets.{group}', 'w')['spec']


def test_status_and_scale(server, ns, group):
    body = widget(group, ns, size=2)
    body['status'] = {'replicas': 7}
    server.kubectl('create', '-f', '-', input=body)
    assert 'status' not in server.get('-n', ns, f'widgets.{group}', 'w')
    path = f'/apis/{group}/v1/namespaces/{ns}/widgets/w'
    status, got = server.json('PATCH', path + '/status', {'status': {'replicas': 5}, 'spec': {'size': 9}},
                              {'Content-Type': 'application/merge-patch+json'})
    assert status == 200 and got['status'] == {'replicas': 5} and got['spec']['size'] == 2
    server.kubectl('-n', ns, 'scale', f'widgets.{group}/w', '--replicas=4')
    status, scale = server.json('GET', path + '/scale')
    assert scale['spec'] == {'replicas': 4} and scale['status']['replicas'] == 5


def test_documents_follow(server, group):
    status, listed = server.json('GET', f'/apis/{group}/v1')
    assert {r['name'] for r in listed['resources']} == {'widgets', 'widgets/status', 'widgets/scale'}
    assert f'apis/{group}/v1' in server.json('GET', '/openapi/v3')[1]['paths']
    assert 'size' in server.kubectl('explain', 'widgets.spec', f'--api-version={group}/v1')
    server.kubectl('delete', 'crd', f'widgets.{group}')
    assert server.request('GET', f'/apis/{group}/v1')[::2] == (404, b'404 page not found\n')
    assert f'apis/{group}/v1' not in server.json('GET', '/openapi/v3')[1]['paths']


def test_deletion_waits_for_objects(server, ns, group):
    body = widget(group, ns, size=1)
    body['metadata']['finalizers'] = ['example.com/hold']
    server.kubectl('create', '-f', '-', input=body)
    server.kubectl('delete', 'crd', f'widgets.{group}', '--wait=false')
    assert server.get('crd', f'widgets.{group}')['metadata']['deletionTimestamp']
    assert server.get('-n', ns, f'widgets.{group}', 'w')['metadata']['deletionTimestamp']
    server.kubectl('-n', ns, 'patch', f'widgets.{group}', 'w', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    server.kubectl('wait', '--for=delete', f'crd/widgets.{group}', '--timeout=10s')
    assert server.request('GET', f'/apis/{group}/v1/namespaces/{ns}/widgets/w')[0] == 404


def test_objects_older_than_their_schema(server, ns, group):
    """What was kept before a definition became stricter can be changed elsewhere, gets its status, and goes."""
    body = widget(group, ns, size=1, color='crimson')
    body['metadata']['finalizers'] = ['hold', 'b.example.com']
    _, warned, _ = server.request('POST', f'/apis/{group}/v1/namespaces/{ns}/widgets', body)
    assert [w.split('name')[1].split(' to ')[0] for w in warned.get_all('Warning')] == [' including a path (/)', '']
    short = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/color/maxLength'
    server.kubectl('patch', 'crd', f'widgets.{group}', '--type=json', '-p', f'[{{"op":"add","path":"{short}","value":4}}]')
    merge, path = {'Content-Type': 'application/merge-patch+json'}, f'/apis/{group}/v1/namespaces/{ns}/widgets/w'
    status, answer = server.json('PATCH', path, {'spec': {'color': 'scarlet'}}, merge)
    assert status == 422 and answer['message'].endswith('spec.color: Too long: may not be more than 4 bytes')
    status, answer = server.json('PATCH', path, {'spec': {'size': 2}}, merge)
    assert status == 200 and answer['spec'] == {'size': 2, 'color': 'crimson'}
    status, answer = server.json('PATCH', path + '/status', {'status': {'replicas': 2}}, merge)
    assert status == 200 and answer['status'] == {'replicas': 2}
    server.kubectl('-n', ns, 'delete', f'widgets.{group}', 'w', '--wait=false')
    server.kubectl('-n', ns, 'patch', f'widgets.{group}', 'w', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    assert server.request('GET', path)[0] == 404


def test_scales_show_what_may_be_kept(server, ns, group):
    server.kubectl('create', '-f', '-', input=widget(group, ns, size=1))
    path, merge = f'/apis/{group}/v1/namespaces/{ns}/widgets/w', {'Content-Type': 'application/merge-patch+json'}
    status, answer = server.json('PATCH', path, {'spec': {'size': 1 << 31}}, merge)
    assert status == 422 and '.spec.size: Invalid value: 2147483648: should be less than or equal to 2147483647' in answer['message']
    status, answer = server.json('PATCH', path + '/status', {'status': {'replicas': -1}}, merge)
    assert status == 422 and '.status.replicas: Invalid value: -1: should be a non-negative integer' in answer['message']
    server.kubectl('patch', 'crd', f'widgets.{group}', '--type=json', '-p',
                   '[{"op":"replace","path":"/spec/versions/0/subresources/scale/specReplicasPath","value":".spec.none"}]')
    status, answer = server.json('GET', path + '/scale')
    assert status == 500 and answer['message'].endswith('the spec replicas field ".spec.none" does not exist')
    status, answer = server.json('PATCH', path + '/scale', {'metadata': {}}, merge)
    assert status == 400 and answer['message'] == 'the spec replicas field ".spec.none" cannot be empty'


def test_scales_of_nothing_and_applied_ones(server, ns):
    body = {'apiVersion': 'apps/v1', 'kind': 'ReplicaSet', 'metadata': {'name': 'r'}, 'spec': {'replicas': 0, 'selector': {'matchLabels': {'a': 'b'}}, 'template': {
        'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'i'}]}}}}
    path = f'/apis/apps/v1/namespaces/{ns}/replicasets'
    assert server.json('POST', path, body)[0] == 201
    assert server.json('GET', path + '/r/scale')[1]['spec'] == {}
    scale = {'apiVersion': 'autoscaling/v1', 'kind': 'Scale', 'metadata': {'name': 'r'}, 'spec': {'replicas': 1}}
    applied = {'Content-Type': 'application/apply-patch+yaml'}
    assert server.json('PATCH', path + '/r/scale', scale, applied)[0] == 422
    status, answer = server.json('PATCH', path + '/r/scale?fieldManager=m&force=true', scale, applied)
    assert status == 200 and answer['spec'] == {'replicas': 1}
