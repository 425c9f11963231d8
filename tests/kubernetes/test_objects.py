"""Objects through the real kubectl: create, read, change, delete."""
import json
import subprocess
import os

import pytest

from program import KUBECTL


def configmap(name, ns, **data):
    return {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': name, 'namespace': ns}, 'data': data}


def deployment(ns, replicas=1):
    return {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'metadata': {'name': 'web', 'namespace': ns},
            'spec': {'replicas': replicas, 'selector': {'matchLabels': {'a': 'b'}},
                     'template': {'metadata': {'labels': {'a': 'b'}}, 'spec': {'containers': [{'name': 'c', 'image': 'busybox'}]}}}}


def test_life_of_a_configmap(server, ns):
    server.kubectl('-n', ns, 'create', 'configmap', 'a', '--from-literal=x=y')
    got = server.get('-n', ns, 'configmap', 'a')
    assert got['data'] == {'x': 'y'}
    assert got['metadata']['uid'] and got['metadata']['creationTimestamp'] and int(got['metadata']['resourceVersion'])
    assert 'x: "y"' in server.kubectl('-n', ns, 'get', 'cm', 'a', '-o', 'yaml')
    assert server.kubectl('-n', ns, 'get', 'cm', 'a', '--no-headers').split()[:2] == ['a', '1']
    server.kubectl('-n', ns, 'delete', 'cm', 'a')
    assert 'configmaps "a" not found' in server.kubectl_error('-n', ns, 'get', 'cm', 'a')


def test_create_twice_and_bad_names(server, ns):
    server.kubectl('create', '-f', '-', input=configmap('a', ns))
    assert 'configmaps "a" already exists' in server.kubectl_error('create', '-f', '-', input=configmap('a', ns))
    error = server.kubectl_error('create', '-f', '-', input=configmap('A_b', ns))
    assert 'metadata.name: Invalid value: "A_b"' in error and 'RFC 1123 subdomain' in error


@pytest.mark.parametrize('text, fault', [
    ('{"auths":{}}', None), ('null', None), ('{', 'unexpected end of JSON input'), ("{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
    ('hunter2', "invalid character 'h' looking for beginning of value"),
    ('["hunter2"]', 'json: cannot unmarshal array into Go value of type map[string]interface {}')])
def test_secrets_of_registries_hold_json(server, ns, text, fault):
    for kind in ('dockercfg', 'dockerconfigjson'):
        status, told = server.json('POST', f'/api/v1/namespaces/{ns}/secrets', {
            'metadata': {'name': kind}, 'type': f'kubernetes.io/{kind}', 'stringData': {'.' + kind: text}})
        assert status == (422 if fault else 201) and 'hunter2' not in json.dumps(told)
        if fault:
            assert told['message'] == f'Secret "{kind}" is invalid: data[.{kind}]: Invalid value: "<secret contents redacted>": {fault}'


def test_generate_name(server, ns):
    body = configmap('', ns)
    body['metadata'] = {'generateName': 'g-', 'namespace': ns}
    names = {server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', body)[1]['metadata']['name'] for _ in range(3)}
    assert len(names) == 3 and all(n.startswith('g-') and len(n) == 7 for n in names)


def test_update_needs_the_newest_version(server, ns):
    server.kubectl('create', '-f', '-', input=configmap('a', ns, x='1'))
    path = f'/api/v1/namespaces/{ns}/configmaps/a'
    _, first = server.json('GET', path)
    first['data']['x'] = '2'
    status, second = server.json('PUT', path, first)
    assert status == 200 and second['metadata']['resourceVersion'] != first['metadata']['resourceVersion']
    first['data']['x'] = '3'
    status, error = server.json('PUT', path, first)
    assert status == 409 and error['reason'] == 'Conflict' and 'the object has been modified' in error['message']
    status, same = server.json('PUT', path, second)
    assert status == 200 and same['metadata']['resourceVersion'] == second['metadata']['resourceVersion']


def test_patches(server, ns):
    server.kubectl('create', '-f', '-', input=configmap('a', ns, x='1', y='2'))
    server.kubectl('-n', ns, 'patch', 'cm', 'a', '--type=merge', '-p', '{"data":{"x":null,"z":"3"}}')
    server.kubectl('-n', ns, 'patch', 'cm', 'a', '--type=json', '-p', '[{"op":"add","path":"/data/w","value":"4"}]')
    assert server.get('-n', ns, 'cm', 'a')['data'] == {'y': '2', 'z': '3', 'w': '4'}
    status, error = server.json('PATCH', f'/api/v1/namespaces/{ns}/configmaps/a', '[{"op":"test","path":"/data/w","value":"no"}]',
                                {'Content-Type': 'application/json-patch+json'})
    assert (status, error['reason']) == (422, 'Invalid')
    server.kubectl('create', '-f', '-', input=deployment(ns))
    server.kubectl('-n', ns, 'patch', 'deployment', 'web', '-p',
                   '{"spec":{"template":{"spec":{"containers":[{"name":"d","image":"nginx"}]}}}}')
    containers = server.get('-n', ns, 'deployment', 'web')['spec']['template']['spec']['containers']
    assert {c['name'] for c in containers} == {'c', 'd'}


def test_apply_and_diff(server, ns):
    body = json.dumps(deployment(ns))
    assert 'created' in server.kubectl('apply', '-f', '-', input=body)
    assert 'unchanged' in server.kubectl('apply', '-f', '-', input=body)
    changed = json.dumps(deployment(ns, 3))
    diff = server.run('kubectl', 'diff', '-f', '-', input=changed, check=False)
    assert diff.returncode == 1 and '+  replicas: 3' in diff.stdout
    assert 'configured' in server.kubectl('apply', '-f', '-', input=changed)
    got = server.get('-n', ns, 'deployment', 'web')
    assert got['spec']['replicas'] == 3 and got['metadata']['generation'] == 2
    assert got['spec']['strategy']['rollingUpdate'] == {'maxSurge': '25%', 'maxUnavailable': '25%'}


def test_server_side_apply_conflicts(server, ns):
    server.kubectl('apply', '--server-side', '--field-manager=one', '-f', '-', input=configmap('a', ns, x='1'))
    error = server.kubectl_error('apply', '--server-side', '--field-manager=two', '-f', '-', input=configmap('a', ns, x='2'))
    assert 'conflict with "one"' in error and '.data.x' in error
    server.kubectl('apply', '--server-side', '--field-manager=two', '--force-conflicts', '-f', '-', input=configmap('a', ns, x='2'))
    got = server.get('-n', ns, 'cm', 'a', '--show-managed-fields')
    owners = {m['manager']: m['fieldsV1'].get('f:data', {}) for m in got['metadata']['managedFields']}
    assert owners['two'] == {'f:x': {}} or owners['two'] == {'.': {}, 'f:x': {}}
    assert 'one' not in owners


def test_dry_run_stores_nothing(server, ns):
    out = server.kubectl('create', '--dry-run=server', '-f', '-', '-o', 'json', input=configmap('a', ns, x='1'))
    assert json.loads(out)['metadata']['uid']
    assert server.get('-n', ns, 'cm')['items'] == [] or all(i['metadata']['name'] != 'a' for i in server.get('-n', ns, 'cm')['items'])


def test_field_validation(server, ns):
    body = configmap('a', ns)
    body['surprise'] = 1
    path = f'/api/v1/namespaces/{ns}/configmaps'
    status, error = server.json('POST', path + '?fieldValidation=Strict', body)
    assert status == 400 and 'strict decoding error: unknown field "surprise"' in error['message']
    status, headers, _ = server.request('POST', path, body)
    assert status == 201 and headers['Warning'] == '299 - "unknown field \\"surprise\\""'


def test_finalizers_hold_an_object(server, ns):
    body = configmap('a', ns)
    body['metadata']['finalizers'] = ['example.com/hold']
    server.kubectl('create', '-f', '-', input=body)
    server.kubectl('-n', ns, 'delete', 'cm', 'a', '--wait=false')
    got = server.get('-n', ns, 'cm', 'a')
    assert got['metadata']['deletionTimestamp'] and got['metadata']['deletionGracePeriodSeconds'] == 0
    server.kubectl('-n', ns, 'patch', 'cm', 'a', '--type=merge', '-p', '{"metadata":{"finalizers":null}}')
    assert 'not found' in server.kubectl_error('-n', ns, 'get', 'cm', 'a')


def test_selectors_and_collections(server, ns):
    for i in range(6):
        body = configmap(f'c{i}', ns)
        body['metadata']['labels'] = {'half': str(i % 2), 'kind': 'test'}
        server.kubectl('create', '-f', '-', input=body)
    names = [i['metadata']['name'] for i in server.get('-n', ns, 'cm', '-l', 'half=1')['items']]
    assert names == ['c1', 'c3', 'c5']
    names = [i['metadata']['name'] for i in server.get('-n', ns, 'cm', '-l', 'kind,half notin (1)')['items']]
    assert names == ['c0', 'c2', 'c4']
    assert [i['metadata']['name'] for i in server.get('-n', ns, 'cm', '--field-selector', 'metadata.name=c4')['items']] == ['c4']
    told = server.kubectl_error('-n', ns, 'get', 'cm', '--field-selector', 'data.x=1')
    assert '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"' in told
    server.kubectl('-n', ns, 'delete', 'cm', '-l', 'half=0')
    assert [i['metadata']['name'] for i in server.get('-n', ns, 'cm', '-l', 'kind')['items']] == ['c1', 'c3', 'c5']
    status, answer = server.json('DELETE', f'/api/v1/namespaces/{ns}/configmaps?labelSelector=kind')
    assert status == 200 and len(answer['items']) == 3


def test_chunks(server, ns):
    for i in range(5):
        server.kubectl('create', '-f', '-', input=configmap(f'c{i}', ns))
    path = f'/api/v1/namespaces/{ns}/configmaps?limit=2'
    seen, token, first = [], '', None
    while True:
        status, page = server.json('GET', path + (f'&continue={token}' if token else ''))
        assert status == 200 and len(page['items']) <= 2
        first = first or page['metadata']['resourceVersion']
        assert page['metadata']['resourceVersion'] == first
        seen += [i['metadata']['name'] for i in page['items']]
        token = page['metadata'].get('continue')
        if not token:
            break
        assert page['metadata']['remainingItemCount'] > 0
        server.kubectl('create', '-f', '-', input=configmap(f'a{len(seen)}', ns))
    assert [n for n in seen if n.startswith('c')] == [f'c{i}' for i in range(5)]
    assert not [n for n in seen if n.startswith('a')]


def test_namespace_takes_its_objects_along(server):
    server.kubectl('create', 'namespace', 'doomed')
    server.kubectl('create', '-f', '-', input=configmap('a', 'doomed'))
    server.kubectl('delete', 'namespace', 'doomed', timeout=30)
    assert 'not found' in server.kubectl_error('get', 'namespace', 'doomed')
    assert server.get('cm', '-A', '--field-selector', 'metadata.name=a,metadata.namespace=doomed')['items'] == []


def test_scale_and_wait(server, ns):
    server.kubectl('create', '-f', '-', input=deployment(ns, 0))
    server.kubectl('-n', ns, 'scale', 'deployment/web', '--replicas=2')
    assert server.get('-n', ns, 'deployment', 'web')['spec']['replicas'] == 2
    server.kubectl('-n', ns, 'wait', '--for=jsonpath={.status.replicas}=2', 'deployment/web', '--timeout=20s')
    status, scale = server.json('GET', f'/apis/apps/v1/namespaces/{ns}/deployments/web/scale')
    assert status == 200 and scale['spec'] == {'replicas': 2} and scale['status']['selector'] == 'a=b'
    pods = server.get('-n', ns, 'pods')['items']
    assert len(pods) == 2 and all(p['status']['phase'] == 'Pending' for p in pods)


def test_watch_from_the_command_line(server, ns):
    environment = {**os.environ, 'KUBECONFIG': server.kubeconfig}
    watch = subprocess.Popen([KUBECTL, '-n', ns, 'get', 'cm', '-w', '--output-watch-events',
                              '--no-headers', '--field-selector', 'metadata.name=a'],
                             stdout=subprocess.PIPE, text=True, env=environment)
    try:
        server.kubectl('create', '-f', '-', input=configmap('a', ns, x='1'))
        assert watch.stdout.readline().split()[:3] == ['ADDED', 'a', '1']
        server.kubectl('-n', ns, 'patch', 'cm', 'a', '--type=merge', '-p', '{"data":{"y":"2"}}')
        assert watch.stdout.readline().split()[:3] == ['MODIFIED', 'a', '2']
        server.kubectl('-n', ns, 'delete', 'cm', 'a')
        assert watch.stdout.readline().split()[:2] == ['DELETED', 'a']
    finally:
        watch.kill()
        watch.wait()


@pytest.mark.parametrize('client', ['kubectl', 'kubectl-1.34'])
def test_versions_of_kubectl(server, ns, client):
    server.run(client, '-n', ns, 'apply', '-f', '-', input=json.dumps(deployment(ns)))
    out = server.run(client, '-n', ns, 'get', 'deployment', 'web', '-o', 'wide').stdout
    assert out.splitlines()[0].split() == ['NAME', 'READY', 'UP-TO-DATE', 'AVAILABLE', 'AGE', 'CONTAINERS', 'IMAGES', 'SELECTOR']
    assert 'deployments' in server.run(client, 'api-resources').stdout
    assert 'replicas' in server.run(client, 'explain', 'deployment.spec').stdout
    server.run(client, '-n', ns, 'label', 'deployment', 'web', 'x=y')
    server.run(client, '-n', ns, 'set', 'image', 'deployment/web', 'c=nginx')
    server.run(client, '-n', ns, 'rollout', 'restart', 'deployment/web')
    server.run(client, '-n', ns, 'delete', 'deployment', 'web')


def causes(server, path, body):
    status, answer = server.json('POST', path + '?dryRun=All', body)
    assert status == 422, answer
    return [(c['field'], c['message']) for c in answer['details']['causes']]


def test_finalizers_of_a_new_namespace_are_qualified(server):
    found = causes(server, '/api/v1/namespaces', {'metadata': {'name': 'with-finalizer'}, 'spec': {'finalizers': ['a']}})
    assert found == [('spec.finalizers', 'Invalid value: "a": name is neither a standard finalizer name nor is it fully qualified')]


def test_the_older_form_of_an_autoscaler_is_judged_as_the_newer(server, ns):
    body = {'apiVersion': 'autoscaling/v1', 'kind': 'HorizontalPodAutoscaler', 'metadata': {'name': 'a'}, 'spec': {
        'maxReplicas': 2, 'targetCPUUtilizationPercentage': 0, 'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'a'}}}
    found = causes(server, f'/apis/autoscaling/v1/namespaces/{ns}/horizontalpodautoscalers', body)
    assert found == [('spec.metrics[0].resource.target.averageUtilization', 'Invalid value: 0: must be greater than 0')]


def test_hints_name_zones_and_nodes_once(server, ns):
    path = f'/apis/discovery.k8s.io/v1/namespaces/{ns}/endpointslices'
    endpoint = {'addresses': ['10.0.0.1'], 'deprecatedTopology': {'a': 'b'}, 'hints': {'forZones': [{'name': 'a'}, {'name': 'a'}], 'forNodes': [{'name': 'A b'}]}}
    body = {'metadata': {'name': 'a'}, 'addressType': 'IPv4', 'endpoints': [endpoint]}
    assert [field for field, _ in causes(server, path, body)] == ['endpoints[0].hints.forZones[1].name', 'endpoints[0].hints.forNodes[0].name']
    endpoint['hints'] = {'forZones': [{'name': 'a'}], 'forNodes': [{'name': 'b'}]}
    made = server.json('POST', path, body)[1]['endpoints'][0]
    assert made['hints'] == endpoint['hints'] and 'deprecatedTopology' not in made


def test_a_source_in_another_namespace_is_dropped(server, ns):
    spec = {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}, 'dataSourceRef': {'apiGroup': 'a.example', 'kind': 'A', 'name': 'a', 'namespace': 'other'}}
    status, made = server.json('POST', f'/api/v1/namespaces/{ns}/persistentvolumeclaims', {'metadata': {'name': 'a'}, 'spec': spec})
    assert status == 201 and 'dataSourceRef' not in made['spec'] and 'dataSource' not in made['spec']


def test_a_revision_of_what_is_created(server, ns):
    where = f'/api/v1/namespaces/{ns}/configmaps'
    told = 'resourceVersion should not be set on objects to be created'

    def create(revision, query='', **data):
        body = {**configmap('a', ns, **data), 'metadata': {'name': 'a', 'resourceVersion': revision}}
        status, answer = server.json('POST', where + query, body)
        return status, answer.get('message') or answer['metadata'].get('resourceVersion')

    # The store says it, the last of all, and a dry run asks no store.
    assert create('7') == (500, told)
    assert create('7', **{'no key': ''})[0] == 422
    assert create('7', '?dryRun=All') == (201, '7')
    assert create('0')[0] == 201
    assert create('7') == (500, told)


def test_a_scale_is_applied(server, ns):
    server.kubectl('create', '--field-manager=maker', '-f', '-', input=deployment(ns))
    where = f'/apis/apps/v1/namespaces/{ns}/deployments/web'

    def apply(manager, replicas, more=''):
        scale = {'apiVersion': 'autoscaling/v1', 'kind': 'Scale', 'spec': {'replicas': replicas} if replicas is not None else {}}
        return server.json('PATCH', f'{where}/scale?fieldManager={manager}{more}', json.dumps(scale),
                           {'Content-Type': 'application/apply-patch+yaml'})

    def owners():
        return {(m['manager'], m['operation'], m.get('subresource'), m['apiVersion'])
                for m in server.json('GET', where)[1]['metadata']['managedFields']
                if m['manager'] != 'kaname' and 'f:replicas' in m['fieldsV1'].get('f:spec', {})}

    status, refused = apply('a', 3)
    assert status == 409 and refused['message'].startswith('Apply failed with 1 conflict: conflict with "maker" using autoscaling/v1')
    assert [c['field'] for c in refused['details']['causes']] == ['.spec.replicas']
    status, scale = apply('a', 3, '&force=true')
    assert status == 200 and scale['kind'] == 'Scale' and scale['spec'] == {'replicas': 3}
    mine = {('a', 'Apply', 'scale', 'apps/v1')}
    assert owners() == mine and server.json('GET', where)[1]['spec']['replicas'] == 3
    assert apply('b', 4)[1]['message'] == 'Apply failed with 1 conflict: conflict with "a" with subresource "scale": .spec.replicas'
    assert apply('b', 3)[0] == 200 and owners() == mine | {('b', 'Apply', 'scale', 'apps/v1')}
    assert apply('a', 5, '&force=true&dryRun=All')[1]['spec'] == {'replicas': 5} and len(owners()) == 2
    assert apply('b', None)[0] == 200 and owners() == mine
    assert apply('a', -1)[0] == 422
    assert apply('a', 'x')[1]['message'] == ('failed to create typed patch object (/; autoscaling/v1, Kind=Scale): '
                                             '.spec.replicas: expected numeric (int or float), got string')
    assert apply('a', 0)[1]['spec'] == {}
    status, refused = server.json('PATCH', f'{where}/scale?fieldManager=a', '{"spec":{"replicas":1}}', {'Content-Type': 'application/apply-patch+yaml'})
    assert (status, refused['message']) == (400, 'invalid object type: /, Kind=')
    assert server.json('PATCH', f'{where}/scale', '{}', {'Content-Type': 'text/plain'})[0] == 415
