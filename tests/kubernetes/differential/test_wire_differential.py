"""The same requests to the original and to kaname: discovery, refusals and plain reads must agree word by word.

What differs on purpose is not asked here: versions of compilers, the keys of tokens, descriptions of columns, and places where
the original answers 500 for a client's mistake. Needs the original's programs; without them it is skipped."""
import concurrent.futures
import json
import os
import re
import ssl
import time

import pytest
import websocket
from original import Original

CM = '/api/v1/namespaces/default/configmaps'
LIVE = CM + '/live'
JSON = 'application/json'
MERGE = 'application/merge-patch+json'
APPLY = 'application/apply-patch+yaml'
AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
VOLATILE = {'uid', 'creationTimestamp', 'deletionTimestamp', 'resourceVersion', 'managedFields', 'serverAddressByClientCIDRs', 'description'}


def cm(**metadata):
    return json.dumps({'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': metadata})


def review(group, plural, spec):
    return ('POST', f'/apis/{group}/v1/{plural}', json.dumps(spec), JSON)


BODIES = ['', '{', '[]', 'null', '1', '{}', '{"kind":"Foo"}', '{"kind":"ConfigMap"}', '{"apiVersion":"v1"}',
          '{"apiVersion":"v2","kind":"ConfigMap"}', '{"apiVersion":"v1","kind":"Pod"}', cm(name=1), cm(name='a', labels={'a': 1}),
          '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":1},"metadata":{"name":"q"}}', cm(name='a', namespace='other'),
          '{"apiVersion":"v1","kind":"ConfigMap","metadata":[]}', cm(name='a', finalizers=['x y']), cm(name='a', ownerReferences=[{}]),
          cm(name='a', creationTimestamp='x'), '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","foo":1},"bar":2}',
          '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","name":"b"}}']
QUERIES = ['/none', '?limit=x', '?limit=-1', '?resourceVersion=x', '?resourceVersion=0&resourceVersionMatch=Exact',
           '?resourceVersionMatch=NotOlderThan', '?resourceVersion=1&resourceVersionMatch=Foo', '?labelSelector=a%20b',
           '?labelSelector=a=b,,c', '?fieldSelector=x', '?fieldSelector=a=b', '?watch=1&sendInitialEvents=true',
           '?watch=1&resourceVersionMatch=Exact', '?sendInitialEvents=true', '?timeoutSeconds=x']
# Pages, what is below them, and discovery: most have one method, some have all.
PAGES = ['/version', '/version/x', '/.well-known/openid-configuration/x', '/openid/v1/jwks', '/api/', '/api/v1', '/apis/apps/v1',
         '/apis/apps', '/apis/apiregistration.k8s.io', '/healthz', '/livez/ping', '/healthz/none', '/openapi/v2/', '/foo']
METHODS = ['HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'FOO']
REQUESTS = (
    [('GET', CM + q, None, JSON) for q in QUERIES] +
    [('POST', CM + '?dryRun=All&fieldValidation=Strict', b, JSON) for b in BODIES] +
    [('PUT', CM + '/other?dryRun=All', b, JSON) for b in BODIES] +
    [('POST', CM + '?dryRun=All', 'x', 'text/plain'), ('POST', CM + '?dryRun=Foo', cm(name='a'), JSON),
     ('POST', CM + '?dryRun=All&fieldManager=' + 'x' * 129, cm(name='a'), JSON), ('POST', CM + '?fieldValidation=Foo', cm(name='a'), JSON),
     ('POST', CM + '/a', cm(name='a'), JSON), ('PUT', CM, cm(name='a'), JSON), ('PATCH', CM, '{}', MERGE),
     ('POST', '/api/v1/namespaces/none/configmaps?dryRun=All', cm(name='a'), JSON),
     ('GET', '/api/v1/namespaces/default/foos', None, JSON), ('GET', '/apis/foo/v1/bars', None, JSON),
     ('GET', '/api/v1/configmaps/x', None, JSON), ('GET', '/foo', None, JSON), ('GET', '/api/v2', None, JSON),
     ('POST', '/api/v1/namespaces/default/pods/x/binding', '{"target":{}}', JSON),
     ('POST', '/api/v1/namespaces/default/pods/x/eviction', '{}', JSON), ('GET', '/api/v1/namespaces/default/pods/x/log', None, JSON),
     ('DELETE', CM + '/none', None, JSON), ('DELETE', CM + '/none', '{"propagationPolicy":"x"}', JSON),
     ('DELETE', CM + '/none?propagationPolicy=Foo', None, JSON),
     ('PATCH', LIVE, '{}', 'application/foo'), ('PATCH', LIVE + '?dryRun=All', '[{"op":"remove","path":"/none"}]', 'application/json-patch+json'),
     ('PATCH', LIVE + '?dryRun=All', '[{"op":"test","path":"/metadata/name","value":"x"}]', 'application/json-patch+json'),
     ('PATCH', LIVE + '?dryRun=All', '{"metadata":{"name":"x"}}', MERGE), ('PATCH', LIVE + '?dryRun=All', '{"metadata":{"resourceVersion":"1"}}', MERGE),
     ('PATCH', LIVE + '?dryRun=All', '{"foo":1}', MERGE), ('PATCH', LIVE + '?dryRun=All', '{"data":{"a":"b"}}', APPLY),
     ('PATCH', LIVE + '?dryRun=All&fieldManager=m', '{"data":{"a":"b"}}', APPLY), ('PATCH', LIVE + '?dryRun=All&force=true', '{}', MERGE),
     ('PATCH', LIVE + '?dryRun=All&fieldManager=m', '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"live","managedFields":[{}]}}', APPLY),
     ('PUT', LIVE + '?dryRun=All', cm(name='live', resourceVersion='1'), JSON), ('PUT', LIVE + '?dryRun=All', cm(name='other'), JSON),
     ('PUT', LIVE + '?dryRun=All', cm(), JSON), ('DELETE', LIVE + '?dryRun=All', None, JSON),
     ('DELETE', LIVE, '{"propagationPolicy":"Foreground","dryRun":["All"]}', JSON),
     *((method, path, None, JSON) for path in PAGES for method in METHODS),
     review('authorization.k8s.io', 'selfsubjectaccessreviews', {}), review('authorization.k8s.io', 'subjectaccessreviews', {'spec': {}}),
     review('authorization.k8s.io', 'selfsubjectaccessreviews', {'spec': {'resourceAttributes': {'verb': 'get', 'resource': 'pods'}}}),
     review('authorization.k8s.io', 'selfsubjectrulesreviews', {'spec': {}}), review('authentication.k8s.io', 'tokenreviews', {'spec': {}}),
     review('authentication.k8s.io', 'tokenreviews', {'spec': {'token': 'x'}})])


@pytest.fixture(scope='module')
def pair(pair):
    for server in pair:
        server.request('POST', CM, cm(name='live', labels={'a': 'b'}), {'Content-Type': JSON})
    return pair


def plain(value):
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in VOLATILE}
    return [plain(v) for v in value] if isinstance(value, list) else value


def answer(server, method, path, body, headers):
    code, sent, data = server.request(method, path, body, headers)
    try:
        content = plain(json.loads(data))
    except ValueError:
        content = data.decode()
    return {'code': code, 'content': content, 'type': sent.get('Content-Type'), 'allow': sent.get('Allow'), 'warnings': sent.get_all('Warning')}


def name_of(request):
    return ' '.join(str(part)[:60] for part in request[:3] if part)


@pytest.mark.parametrize('request_', REQUESTS, ids=name_of)
def test_answer(pair, request_):
    method, path, body, media = request_
    headers = {'Content-Type': media} if body is not None else {}
    ours, theirs = (answer(server, method, path, body, headers) for server in pair)
    assert ours == theirs


@pytest.mark.parametrize('accept', [JSON, AGGREGATED])
def test_discovery(pair, accept):
    for path in ('/api', '/apis'):
        ours, theirs = (answer(server, 'GET', path, None, {'Accept': accept}) for server in pair)
        assert ours == theirs


def test_discovery_of_each_group(pair):
    paths = ['/api/v1']
    for group in json.loads(pair[1].request('GET', '/apis')[2])['groups']:
        paths += ['/apis/' + group['name'], *('/apis/' + v['groupVersion'] for v in group['versions'])]
    for path in paths:
        ours, theirs = (answer(server, 'GET', path, None, {}) for server in pair)
        assert ours == theirs, path


@pytest.mark.parametrize('accept', [JSON, 'application/json;as=Table;v=v1;g=meta.k8s.io',
                                    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io', 'text/html',
                                    'application/json;as=Foo;v=v1;g=meta.k8s.io'])
def test_forms(pair, accept):
    ours, theirs = (answer(server, 'GET', LIVE, None, {'Accept': accept}) for server in pair)
    assert ours == theirs


FUTURE = '1000000000'
WATCH_LIST = '&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
EARLY = [LIVE + '?', CM + '/none?', CM + '?', CM + '?limit=5&', CM + '?resourceVersionMatch=Exact&',
         CM + '?resourceVersionMatch=NotOlderThan&labelSelector=a%3Db&', CM + '?watch=1&timeoutSeconds=1&',
         CM + '?watch=1&timeoutSeconds=1' + WATCH_LIST + '&']


def timed(server, path):
    began = time.monotonic()
    code, headers, data = server.request('GET', path)
    lasted = time.monotonic() - began
    text = re.sub('current: [0-9]+', 'current: N', data.decode())
    return lasted, {'code': code, 'content': text.rstrip('\n'), 'retry': headers.get('Retry-After'), 'type': headers.get('Content-Type')}


def test_a_revision_to_come_is_waited_for(pair):
    """Both wait as long, then refuse in the same words; a plain watch only waits."""
    asked = [(server, path + 'resourceVersion=' + FUTURE) for path in EARLY for server in pair]
    with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
        answers = list(pool.map(lambda one: timed(*one), asked))
    for (_, path), (ours, our_answer), (theirs, their_answer) in zip(asked[::2], answers[::2], answers[1::2]):
        assert our_answer == their_answer, path
        assert abs(ours - theirs) < 1.5, (path, ours, theirs)


SHAPES = {'shapes.differential.example': {
    'group': 'differential.example', 'scope': 'Namespaced',
    'names': {'plural': 'shapes', 'singular': 'shape', 'kind': 'Shape', 'listKind': 'ShapeList'},
    'versions': [{'name': 'v1', 'served': True, 'storage': True,
                  'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {'spec': {'type': 'object', 'properties': {
                      'color': {'type': 'string'}, 'size': {'type': 'integer'}, 'round': {'type': 'boolean'}}}}}},
                  'selectableFields': [{'jsonPath': '.spec.' + name} for name in ('color', 'size', 'round')]}]}}
SHAPE = '/apis/differential.example/v1/namespaces/default/shapes'


@pytest.fixture(scope='module')
def shapes(pair):
    for server in pair:
        for name, spec in SHAPES.items():
            body = {'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': name}, 'spec': spec}
            assert server.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', body)[0] == 201
        for _ in range(100):
            if server.request('GET', SHAPE)[0] == 200:
                break
            time.sleep(0.1)
        for name, spec in [('a', {'color': 'red', 'size': 1, 'round': True}), ('b', {'color': 'red', 'size': 2, 'round': False}),
                           ('c', {'color': 'blue', 'size': 2}), ('d', {})]:
            body = {'apiVersion': 'differential.example/v1', 'kind': 'Shape', 'metadata': {'name': name}, 'spec': spec}
            assert server.request('POST', SHAPE, body)[0] == 201
    return pair


@pytest.mark.parametrize('selector', ['spec.color=red', 'spec.color!=red', 'spec.size=2', 'spec.round=true', 'spec.round!=true', 'spec.size=',
                                      'spec.color=red,spec.size=2', 'spec.color=red,metadata.name=b', 'spec.none=x', 'spec=x', 'metadata.uid=x'])
@pytest.mark.parametrize('query', ['', '&watch=1&timeoutSeconds=1'])
def test_selectable_fields(shapes, selector, query):
    path = f'{SHAPE}?fieldSelector={selector.replace("=", "%3D")}{query}'

    def told(server):
        code, _, data = server.request('GET', path)
        return code, [plain(json.loads(line)) for line in data.decode().splitlines()]
    assert told(shapes[0]) == told(shapes[1])


def test_selectable_fields_in_documents_and_deletion(shapes):
    def published(server):
        for _ in range(100):
            code, _, data = server.request('GET', '/openapi/v3/apis/differential.example/v1')
            if code == 200:
                schema = json.loads(data)['components']['schemas']['example.differential.v1.Shape']
                return schema.get('x-kubernetes-selectable-fields'), schema['x-kubernetes-group-version-kind']
            time.sleep(0.1)

    def left(server):
        assert server.request('DELETE', SHAPE + '?fieldSelector=spec.color%3Dred')[0] == 200
        return [item['metadata']['name'] for item in json.loads(server.request('GET', SHAPE)[2])['items']]
    assert published(shapes[0]) == published(shapes[1]) and published(shapes[0])[0]
    assert left(shapes[0]) == left(shapes[1]) == ['c', 'd']


def messages(server, path, protocols=None):
    """What comes through a WebSocket until it is closed: the chosen protocol, and (opcode, bytes) of each message."""
    options = {'cert_reqs': ssl.CERT_NONE, 'check_hostname': False}
    headers = []
    if isinstance(server, Original):
        headers, port = [f'Authorization: Bearer {server.token}'], server.port
    else:
        port = int(server.url.rsplit(':', 1)[1])
        options.update(certfile=os.path.join(server.directory, 'client-certificate-data'),
                       keyfile=os.path.join(server.directory, 'client-key-data'))
    socket = websocket.create_connection(f'wss://127.0.0.1:{port}{path}', sslopt=options, header=headers, subprotocols=protocols, timeout=10)
    got = []
    while True:
        opcode, data = socket.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            break
        got.append((opcode, data))
    return socket.subprotocol, got


@pytest.mark.parametrize('selector', ['metadata.name=live', 'metadata.name=none'])
@pytest.mark.parametrize('protocols', [None, ['one.example']])
def test_watch_through_a_websocket(pair, selector, protocols):
    path = f'{CM}?watch=1&timeoutSeconds=1&fieldSelector={selector.replace("=", "%3D")}'

    def told(server):
        protocol, got = messages(server, path, protocols)
        return protocol, [(opcode, data[-1:], plain(json.loads(data))) for opcode, data in got]
    assert told(pair[0]) == told(pair[1])
