"""Small requests that would cost much: each is refused or answered for little CPU and memory, and others are served all the time."""
import json
import struct

import pytest

MERGE, JSON_PATCH = 'application/merge-patch+json', 'application/json-patch+json'
STRATEGIC, APPLY, PROTO = 'application/strategic-merge-patch+json', 'application/apply-patch+yaml', 'application/vnd.kubernetes.protobuf'
SECONDS, MEBIBYTES = 2, 64  # of CPU: a quiet machine takes half a second; the original 34 seconds and 380 MiB, and then says 504


def pod(name, **more):
    return {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': name}, 'spec': {'containers': [{'name': 'a', 'image': 'b', **more}]}}


@pytest.fixture
def send(server, ns, guard):
    """Sends one and checks what it cost; (status, text)."""
    server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'default'}})

    def sent(method, path, body=None, media='application/json', most=8 << 20):
        path = path if path.startswith('/') else f'/api/v1/namespaces/{ns}/{path}'
        begun, body = server.cpu(), json.dumps(body) if isinstance(body, (dict, list)) else body
        status, _, data = server.request(method, path, body, {'Content-Type': media})
        took = server.cpu() - begun
        assert status < 500, (status, data[:500])
        assert took < SECONDS and len(data) < most, (took, len(data), data[:300])
        return status, data.decode(errors='replace')
    yield sent
    guard.stop()
    assert guard.grown() < MEBIBYTES


@pytest.mark.parametrize('quantity', ids=range(10), argvalues=['1e999999999', '1e-999999999', '-1e999999999', '1E9223372036854775807', '1' * 100000, '0.' + '0' * 100000 + '1',
                                      '9' * 1000000 + 'Ei', '1e' + '9' * 1000000, '.' * 1000000, '+' * 1000000])
def test_quantities(send, quantity):
    """kubernetes#131063: the original computes for minutes."""
    for where in ({'resources': {'limits': {'memory': quantity}}}, {'resources': {'requests': {'cpu': quantity}}}):
        send('POST', 'pods', pod('quantity-' + str(len(quantity)), **where))
    send('POST', 'resourcequotas', {'metadata': {'name': 'q' + str(len(quantity))}, 'spec': {'hard': {'cpu': quantity}}})


@pytest.mark.parametrize('patched', [JSON_PATCH, MERGE, STRATEGIC, APPLY])
def test_quantities_in_patches(send, patched):
    assert send('POST', 'pods', pod('a'))[0] == 201
    change = pod('a', resources={'limits': {'memory': '1e999999999'}})
    if patched == JSON_PATCH:
        change = [{'op': 'add', 'path': '/spec/containers/0/resources', 'value': change['spec']['containers'][0]['resources']}]
    send('PATCH', 'pods/a?fieldManager=x', change, patched)


def many(n, make):
    """As many as an object may have: more are refused at once."""
    return [make(i) for i in range(min(n, 32000))]


FAULTY = {
    'env names': pod('x', env=many(60000, lambda i: {'name': '='})),
    'env twice': pod('x', env=many(60000, lambda i: {'name': f'a{i % 30000}', 'value': 'b'})),
    'env sources': pod('x', env=many(20000, lambda i: {'name': 'a', 'valueFrom': {'fieldRef': {'fieldPath': 'what'}}})),
    'ports': pod('x', ports=many(60000, lambda i: {'containerPort': -i})),
    'ports twice': pod('x', ports=many(60000, lambda i: {'containerPort': 80, 'name': 'a'})),
    'mounts': pod('x', volumeMounts=many(50000, lambda i: {'name': 'n', 'mountPath': '/a'})),
    'mounts apart': pod('x', volumeMounts=many(50000, lambda i: {'name': f'n{i}', 'mountPath': f'/a{i}'})),
    'containers': {**pod('x'), 'spec': {'containers': many(60000, lambda i: {'name': 'a', 'image': 'b'})}},
    'containers apart': {**pod('x'), 'spec': {'containers': many(60000, lambda i: {'name': f'a{i}', 'image': 'b'})}},
    'volumes': {**pod('x'), 'spec': {'containers': [], 'volumes': many(60000, lambda i: {'name': '!'})}},
    'volumes apart': {**pod('x'), 'spec': {'containers': [{'name': 'a', 'image': 'b'}], 'volumes': many(60000, lambda i: {'name': f'a{i}', 'emptyDir': {}})}},
    'tolerations': {**pod('x'), 'spec': {'containers': [], 'tolerations': many(60000, lambda i: {'key': '!', 'operator': 'What', 'effect': 'No'})}},
    'labels': {**pod('x'), 'metadata': {'name': 'x', 'labels': {f'!{i}': '!' for i in range(100000)}}},
    'annotations': {**pod('x'), 'metadata': {'name': 'x', 'annotations': {f'!{i}': '' for i in range(100000)}}},
    'finalizers': {**pod('x'), 'metadata': {'name': 'x', 'finalizers': [f'{i}' for i in range(100000)]}},
    'owners': {**pod('x'), 'metadata': {'name': 'x', 'ownerReferences': many(30000, lambda i: {'kind': '', 'name': '', 'uid': '', 'apiVersion': '/a/b'})}},
    'managed fields': {**pod('x'), 'metadata': {'name': 'x', 'managedFields': many(20000, lambda i: {'manager': f'm{i}', 'operation': 'Update', 'fieldsType':
                                                                                                     'FieldsV1', 'apiVersion': 'v1', 'fieldsV1': {'f:a': {}}})}},
    'affinity': {**pod('x'), 'spec': {'containers': [], 'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {
        'nodeSelectorTerms': many(20000, lambda i: {'matchExpressions': [{'key': '!', 'operator': 'Whatever', 'values': ['a', 'b']}]})}}}}},
    'one long path': {**pod('x'), 'metadata': {'name': 'x', 'labels': {'l' * 2000000: '!'}}},
    'one long value': {**pod('x'), 'spec': {'containers': [{'name': 'n' * 1000000, 'image': 'b', 'imagePullPolicy': 'p' * 1000000}]}},
    'host aliases': {**pod('x'), 'spec': {'containers': [], 'hostAliases': many(50000, lambda i: {'ip': 'x', 'hostnames': ['!']})}},
    'unknown fields': {**pod('x'), 'spec': {'containers': [], **{f'unknown{i}': i for i in range(100000)}}},
}


@pytest.mark.parametrize('what', FAULTY)
def test_many_faults(send, what):
    """Checks that look at all pairs, or an answer larger than what was asked, would show here."""
    send('POST', 'pods?fieldValidation=' + ('Strict' if what == 'unknown fields' else 'Ignore'), FAULTY[what])


REPEATED = {
    'application/json': '{"metadata":{"name":"x"},"data":{' + ','.join(['"a":"b"'] * 350000) + '}}',
    'application/yaml': 'metadata: {name: x}\n' + 'k: 1\n' * 400000,
}


@pytest.mark.parametrize('media', REPEATED)
def test_names_again_and_again(send, media):
    status, text = send('POST', 'configmaps?fieldValidation=Strict', REPEATED[media], media, most=2 << 20)
    assert status == 400 and ('duplicate field' in text or 'already set in map' in text)


@pytest.mark.parametrize('what', ['env twice', 'ports', 'mounts apart', 'volumes apart', 'labels'])
def test_many_faults_in_a_template(send, ns, what):
    p = FAULTY[what]
    body = {'metadata': {'name': 'x'}, 'spec': {'selector': {'matchLabels': {'a': 'b'}}, 'template': {'metadata': p['metadata'], 'spec': p['spec']}}}
    send('PATCH', f'/apis/apps/v1/namespaces/{ns}/deployments/x?fieldManager=m&force=true', {'apiVersion': 'apps/v1', 'kind': 'Deployment', **body}, APPLY)


OTHERS = {
    'service ports': ('services', {'spec': {'ports': many(40000, lambda i: {'port': 1, 'name': 'a', 'protocol': 'X'})}}),
    'service ports apart': ('services', {'spec': {'ports': many(40000, lambda i: {'port': i + 1, 'name': f'a{i}', 'nodePort': i})}}),
    'endpoints': ('endpoints', {'subsets': many(20000, lambda i: {'addresses': [{'ip': 'x'}], 'ports': [{'port': -1}]})}),
    'config keys': ('configmaps', {'data': {f'!{i}': '' for i in range(150000)}}),
    'both data': ('configmaps', {'data': {f'a{i}': '' for i in range(60000)}, 'binaryData': {f'a{i}': '' for i in range(60000)}}),
    'secret keys': ('secrets', {'data': {f'!{i}': '' for i in range(150000)}}),
    'quota': ('resourcequotas', {'spec': {'hard': {f'!{i}': '-1' for i in range(80000)}}}),
    'limits': ('limitranges', {'spec': {'limits': many(30000, lambda i: {'type': 'Pod', 'max': {'cpu': '1'}, 'min': {'cpu': '2'}})}}),
    'rules': ('/apis/rbac.authorization.k8s.io/v1/clusterroles', {'rules': many(60000, lambda i: {'verbs': []})}),
    'subjects': ('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {'roleRef': {'kind': 'ClusterRole', 'name': 'x'},
                                                                            'subjects': many(60000, lambda i: {'kind': 'What'})}),
    'taints': ('/api/v1/nodes', {'spec': {'taints': many(60000, lambda i: {'key': 'a', 'effect': 'NoSchedule'})}}),
    'ingress': ('/apis/networking.k8s.io/v1/namespaces/default/ingresses', {'spec': {'rules': many(30000, lambda i: {'host': '!', 'http': {'paths': []}})}}),
    'policy': ('/apis/networking.k8s.io/v1/namespaces/default/networkpolicies', {'spec': {'podSelector': {}, 'ingress': many(
        30000, lambda i: {'from': [{'ipBlock': {'cidr': 'x', 'except': ['y']}}]})}}),
    'webhooks': ('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {'webhooks': many(20000, lambda i: {'name': 'x'})}),
    'slices': ('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {'addressType': 'IPv4', 'endpoints': many(
        40000, lambda i: {'addresses': ['x']}), 'ports': many(20000, lambda i: {'name': 'a', 'port': 1})}),
}


@pytest.mark.parametrize('what', OTHERS)
def test_many_faults_elsewhere(send, what):
    path, body = OTHERS[what]
    send('POST', path, {'metadata': {'name': 'x'}, **body})


@pytest.mark.parametrize('selector', ids=range(7), argvalues=['a in (' + ','.join(['b'] * 3000) + ')', ','.join(f'a{i}=b' for i in range(1500)), '(' * 10000, 'a' * 10000,
                                      ','.join(['!a'] * 3000), 'a>' + '9' * 10000, ',' * 15000])
def test_selectors(send, selector):
    for option in ('labelSelector', 'fieldSelector'):
        send('GET', f'/api/v1/pods?{option}=' + selector.replace(' ', '%20').replace('!', '%21').replace('>', '%3E').replace('=', '%3D'))


def nested_schema(depth):
    schema = {'type': 'string'}
    for _ in range(depth):
        schema = {'type': 'object', 'properties': {'a': schema}}
    return schema


def definition(name, schema, **version):
    return {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'{name}s.bomb.example.com'},
            'spec': {'group': 'bomb.example.com', 'scope': 'Cluster', 'names': {'kind': name.title(), 'plural': name + 's'}, 'versions': [
                {'name': 'v1', 'served': True, 'storage': True, 'schema': {'openAPIV3Schema': schema}, **version}]}}


SCHEMAS = {
    'deep': nested_schema(400),
    'wide': {'type': 'object', 'properties': {f'a{i}': {'type': 'string', 'default': 5} for i in range(30000)}},
    'branches': {'type': 'object', 'anyOf': [{'required': [f'a{i}']} for i in range(30000)]},
    'untyped': {'type': 'object', 'properties': {f'a{i}': {} for i in range(50000)}},
    'enum': {'type': 'object', 'properties': {'a': {'type': 'string', 'enum': [f'x{i % 1000}' for i in range(100000)]}}},
    'regex': {'type': 'object', 'properties': {f'a{i}': {'type': 'string', 'pattern': '(a{1,1000}){1,1000}'} for i in range(1000)}},
    'regex long': {'type': 'object', 'properties': {'a': {'type': 'string', 'pattern': '(' * 50000}}},
    'required': {'type': 'object', 'required': ['a'] * 200000},
    'rules': {'type': 'object', 'x-kubernetes-validations': [{'rule': 'self.all(x, self.all(y, self.all(z, true)))'}] * 20000},
    'list keys': {'type': 'object', 'properties': {'a': {'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [
        f'k{i}' for i in range(10000)], 'items': {'type': 'object'}}}},
    'default': {'type': 'object', 'properties': {'a': {'type': 'array', 'items': {'type': 'integer'}, 'default': ['x'] * 200000}}},
}


@pytest.mark.parametrize('what', SCHEMAS)
def test_schemas(send, what):
    send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('thing', SCHEMAS[what]))
    send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.bomb.example.com')


def test_columns(send):
    columns = [{'name': f'c{i}', 'type': 'string', 'jsonPath': '.a' + '[*]' * 100} for i in range(5000)]
    send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('thing', {'type': 'object'}, additionalPrinterColumns=columns))
    send('DELETE', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.bomb.example.com')


@pytest.mark.parametrize('deprecated', [False, True])
def test_many_versions(server, send, deprecated):
    """Each of 4,000 versions costs its own part, not that of all of them."""
    path, made = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition('thing', {'type': 'object'})
    first = made['spec']['versions'][0]
    made['spec']['versions'] = [{**first, 'name': f'v{i + 1}', 'storage': i == 0, 'deprecated': deprecated and i > 0} for i in range(4000)]
    made['spec']['names'].update(categories=[f'category-{i}' for i in range(1000)])
    before, begun = server.rss(), server.cpu()
    assert send('POST', path, made)[0] == 201
    assert server.cpu() - begun < 1.2 and server.rss() - before < 60
    assert send('GET', '/apis/bomb.example.com/v4000/things')[0] == 200
    send('DELETE', path + '/things.bomb.example.com')


def varint(n):
    out = b''
    while n >= 128:
        out, n = out + bytes([n % 128 + 128]), n // 128
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


@pytest.mark.parametrize('what', ['empty containers', 'deep', 'length', 'groups', 'varints', 'map entries', 'empty strings', 'repeated scalars'])
def test_protobuf(send, what):
    def deep():
        data = b''
        for _ in range(100000):
            data = field(1, data) if len(data) < 200000 else data
        return data
    spec = {'empty containers': b'\x12\0' * 1000000, 'deep': field(2, deep()), 'length': b'\x12\xff\xff\xff\xff\x0f', 'groups': b'\x0b' * 1000000,
            'varints': b'\x20' + b'\xff' * 1000000, 'map entries': b'\x3a\0' * 1000000, 'empty strings': b'\x1a\0' * 1000000,
            'repeated scalars': field(2, b'\x22\0' * 1000000)}[what]
    body = b'k8s\0' + field(1, field(1, b'v1') + field(2, b'Pod')) + field(2, field(1, field(1, b'x')) + field(2, spec))
    status = send('POST', 'pods', body, PROTO)[0]
    assert (status == 413) == (what == 'empty containers')


@pytest.mark.parametrize('media, form', [('application/json', '{{"metadata":{{"name":"x"}},"spec":{{"containers":[{0},{0}]}}}}'),
                                         ('application/yaml', 'metadata: {{name: x}}\nspec: {{containers: [{0},{0}]}}')])
def test_many_items(send, media, form):
    """What each would be given by default would take hundreds of MB."""
    assert send('POST', 'pods', form.format(','.join(['{}'] * 32769)), media)[0] == 413


@pytest.mark.parametrize('what', ['numbers', 'empty lists', 'empty maps', 'same keys', 'strings', 'escapes', 'spaces', 'surrogates', 'long number', 'long key'])
@pytest.mark.parametrize('where', ['annotations', 'unknown'])
def test_json(send, what, where):
    value = {'numbers': '[' + '1,' * 700000 + '1]', 'empty lists': '[' + '[],' * 700000 + '[]]', 'empty maps': '[' + '{},' * 700000 + '{}]',
             'same keys': '{' + '"a":"b",' * 300000 + '"a":"b"}', 'strings': '[' + '"",' * 700000 + '""]', 'escapes': '"' + '\\u0041' * 400000 + '"',
             'spaces': ' ' * 2500000 + '1', 'surrogates': '"' + '\\ud800' * 400000 + '"', 'long number': '1' * 2500000, 'long key': '{"' + 'k' * 2500000 + '":1}'}[what]
    text = f'{{"metadata":{{"name":"x","annotations":{value}}}}}' if where == 'annotations' else f'{{"metadata":{{"name":"x"}},"whatever":{value}}}'
    for validation in ('Strict', 'Ignore'):
        send('POST', f'configmaps?dryRun=All&fieldValidation={validation}', text)


FULL = (3 << 20) - 1000
DENSE = {
    'application/json': {'numbers': ('[', '1,', '1]'), 'lists': ('[', '[],', '1]'), 'names': ('{', '"":1,', '"b":1}')},
    'application/yaml': {'list': ('[', 'a,', 'a]'), 'nulls': ('[', '~,', '~]'), 'map': ('{', 'a,', 'a}'), 'block': ('\n', '  a:\n', '  b: 1')},
}


@pytest.mark.parametrize('media, what', [(media, what) for media, kinds in DENSE.items() for what in kinds])
def test_as_much_as_a_body_can_say(send, media, what):
    """Two or three bytes for each value."""
    begin, one, end = DENSE[media][what]
    value = begin + one * ((FULL - len(begin) - len(end)) // len(one)) + end
    json_text, yaml_text = f'{{"metadata":{{"name":"x"}},"whatever":{value}}}', f'metadata: {{name: x}}\nwhatever: {value}\n'
    status, text = send('POST', 'configmaps?dryRun=All&fieldValidation=Strict', json_text if media.endswith('json') else yaml_text, media)
    assert status == 400 and ('unknown field' in text or 'already set in map' in text)
    status, text = send('PATCH', 'configmaps/x?fieldManager=m', 'apiVersion: v1\nkind: ConfigMap\n' + yaml_text, APPLY)
    assert status == 400 and 'field not declared in schema' in text
    if media.endswith('json'):
        assert send('POST', 'configmaps', {'metadata': {'name': 'y'}})[0] == 201
        assert send('PATCH', 'configmaps/y?dryRun=All&fieldValidation=Ignore', f'{{"whatever":{value}}}', MERGE)[0] == 200


def test_one_large_thing_named_again(send):
    text = 'metadata: {name: x}\na: &a [' + '1,' * 1300000 + '1]\nb: [' + '*a,' * 100 + '*a]\n'
    status, told = send('POST', 'configmaps?fieldValidation=Ignore', text, 'application/yaml')
    assert status == 400 and 'excessive aliasing' in told


@pytest.mark.parametrize('media', [APPLY, 'application/json'])
@pytest.mark.parametrize('where', ['data', 'unknown'])
def test_many_keys(send, media, where):
    members = ','.join(f'"u{i}":""' for i in range(200000))
    text = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"},' + (f'"data":{{{members}}}' if where == 'data' else members) + '}'
    status, _ = send('PATCH', 'configmaps/x?fieldManager=m', text, media) if media == APPLY else send('POST', 'configmaps?fieldValidation=Strict', text, media)
    assert status == (400 if where == 'unknown' else 413)


YAMLS = {'keys': 'a: 1\n' * 300000, 'anchors': '\n'.join(f'a{i}: &b{i} 1' for i in range(150000)), 'documents': '---\na: b\n' * 200000, 'flow': '{' * 100000,
         'tags': '\n'.join(f'a{i}: !!str b' for i in range(100000)), 'long line': 'a: ' + 'b ' * 1000000, 'block': 'a: |\n' + '  x\n' * 500000,
         'quotes': 'a: "' + '\\x41' * 500000 + '"', 'comments': '# c\n' * 600000 + 'a: b', 'question': '? ' * 500000, 'tabs': 'a:\t' * 300000,
         'merge': 'b: &b {x: 1}\na:\n' + '  <<: *b\n' * 100000, 'indents': '\n'.join(' ' * i + 'a:' for i in range(1000)), 'anchors on anchors': '&a ' * 500000}


@pytest.mark.parametrize('what', YAMLS)
def test_yaml(send, what):
    send('POST', 'configmaps?dryRun=All&fieldValidation=Ignore', 'metadata: {name: x}\n' + YAMLS[what], 'application/yaml')
    send('PATCH', 'configmaps/x?dryRun=All&fieldManager=m', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  ' + YAMLS[what], APPLY)


@pytest.mark.parametrize('what', ['move', 'test', 'add at front', 'remove', 'pointer'])
def test_json_patches(send, what):
    assert send('POST', 'configmaps', {'metadata': {'name': 'x', 'finalizers': [f'a.b/{i}' for i in range(2000)]}, 'data': {'a': 'b' * 100000}})[0] == 201
    ops = {'move': [{'op': 'move', 'from': f'/data/{"a" if i % 2 == 0 else "c"}', 'path': f'/data/{"c" if i % 2 == 0 else "a"}'} for i in range(10000)],
           'test': [{'op': 'test', 'path': '/data', 'value': {'a': 'b'}}] * 10000,
           'add at front': [{'op': 'add', 'path': '/metadata/finalizers/0', 'value': f'c.d/{i}'} for i in range(10000)],
           'remove': [{'op': 'remove', 'path': '/metadata/finalizers/0'}] * 1999,
           'pointer': [{'op': 'add', 'path': '/a' * 100000, 'value': 1}] * 10}[what]
    send('PATCH', 'configmaps/x?dryRun=All', ops, JSON_PATCH)


def test_strategic_patches(send):
    env = [{'name': f'a{i}', 'value': 'b'} for i in range(20000)]
    assert send('POST', 'podtemplates', {'metadata': {'name': 'x'}, 'template': pod('x', env=env)})[0] in (201, 422)
    change = {'template': {'spec': {'containers': [{'name': 'a', 'env': [{'name': f'a{i}', 'value': 'c'} for i in range(20000)],
                                                    '$setElementOrder/env': [{'name': f'a{19999 - i}'} for i in range(20000)]}]}}}
    send('PATCH', 'podtemplates/x?dryRun=All', change, STRATEGIC)
    change = {'template': {'spec': {'containers': [{'name': 'a', 'env': [{'name': f'a{i}', '$patch': 'delete'} for i in range(20000)]}]}}}
    send('PATCH', 'podtemplates/x?dryRun=All', change, STRATEGIC)
    change = {'apiVersion': 'v1', 'kind': 'PodTemplate', 'template': pod('x', env=[{'name': f'a{i}', 'value': 'd'} for i in range(20000)])}
    send('PATCH', 'podtemplates/x?fieldManager=m&dryRun=All', change, APPLY)
    send('PATCH', 'podtemplates/x?fieldManager=m&force=true', change, APPLY)


@pytest.mark.parametrize('token', ['A' * 10000, 'eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6OTIyMzM3MjAzNjg1NDc3NTgwN30', '%00', 'e30'])
def test_continue_tokens(send, token):
    assert send('GET', '/api/v1/pods?limit=1&continue=' + token)[0] in (400, 410)
    send('GET', '/api/v1/pods?limit=99999999999999999999&resourceVersion=99999999999999999999')


def test_frames_of_watches_in_protobuf(server, ns):
    """A frame's length is of what follows: a watcher isn't told of a length that never comes."""
    connection = server.connection(timeout=10)
    connection.request('GET', f'/api/v1/namespaces/{ns}/configmaps?watch=1&timeoutSeconds=1', headers={'Accept': PROTO})
    server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': 'a'}, 'data': {'a': 'x' * 100000}})
    data = connection.getresponse().read()
    while data:
        size = struct.unpack('>I', data[:4])[0]
        assert 0 < size <= len(data) - 4
        data = data[4 + size:]
