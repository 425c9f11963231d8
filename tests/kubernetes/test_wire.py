"""What clients see on the wire: forms, codes, watches, documents."""
import concurrent.futures
import gzip
import json
import os
import ssl
import struct
import time

import pytest
import websocket

TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io'
PARTIAL = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io'
PROTO = 'application/vnd.kubernetes.protobuf'


def create(server, ns, name, **data):
    status, made = server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', {'metadata': {'name': name}, 'data': data})
    assert status == 201
    return made


class Watch:
    def __init__(self, server, path, accept='application/json'):
        self.connection = server.connection(timeout=10)
        self.connection.request('GET', path, headers={'Accept': accept})
        self.answer = self.connection.getresponse()

    def next(self):
        return json.loads(self.answer.readline())

    def close(self):
        self.connection.close()


def test_codes(server, ns):
    collection = f'/api/v1/namespaces/{ns}/configmaps'
    for method, path, code, reason in [('GET', collection + '/none', 404, 'NotFound'),
                                       ('GET', f'/api/v1/namespaces/{ns}/things', 404, 'NotFound'),
                                       ('POST', collection + '/a', 405, 'MethodNotAllowed'),
                                       ('POST', '/version', 405, 'MethodNotAllowed'), ('GET', '/version/x', 404, 'NotFound'),
                                       ('DELETE', '/api', 405, 'MethodNotAllowed'), ('PUT', '/apis/apps/v1', 405, 'MethodNotAllowed'),
                                       ('GET', '/openid/v1/jwks', 406, 'NotAcceptable'),
                                       ('GET', collection + '?resourceVersionMatch=Exact', 422, 'Invalid'),
                                       ('GET', collection + '?labelSelector=a%20b', 400, 'BadRequest'),
                                       ('GET', collection + '?resourceVersion=99999999', 504, 'Timeout')]:
        status, answer = server.json(method, path, {} if method == 'POST' else None)
        assert (status, answer['reason'], answer['kind']) == (code, reason, 'Status'), (method, path, answer)
    for path in ['/apis/none/v1/things', '/nothing', '/openapi/v2/']:
        status, headers, data = server.request('GET', path)
        assert (status, data) == (404, b'404 page not found\n') and headers['Content-Type'].startswith('text/plain')
    status, answer = server.json('GET', collection, headers={'Accept': 'text/html'})
    assert status == 406 and answer['reason'] == 'NotAcceptable'
    status, answer = server.json('POST', collection, '<x/>', headers={'Content-Type': 'application/xml'})
    assert status == 415 and answer['reason'] == 'UnsupportedMediaType'
    status, answer = server.json('POST', collection, '{', headers={'Content-Type': 'application/json'})
    assert status == 400


def test_a_read_waits_for_its_revision(server, ns):
    wanted = int(create(server, ns, 'first')['metadata']['resourceVersion']) + 1
    path = f'/api/v1/namespaces/{ns}/configmaps'
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(server.json, 'GET', where) for where in (
            f'{path}?resourceVersion={wanted + 20}', f'{path}/second?resourceVersion={wanted + 20}')]
        watch = pool.submit(Watch, server, f'{path}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true&'
                                           f'resourceVersionMatch=NotOlderThan&resourceVersion={wanted + 20}')
        time.sleep(0.2)
        assert not any(one.done() for one in asked)
        create(server, ns, 'second')
        for i in range(25):
            create(server, ns, f'more-{i}')
        (status, listed), (one_status, one) = (future.result() for future in asked)
    assert status == one_status == 200 and one['metadata']['name'] == 'second'
    assert int(listed['metadata']['resourceVersion']) >= wanted + 20 and len(listed['items']) >= 20
    assert watch.result().next()['type'] == 'ADDED'
    watch.result().close()


def test_table_and_partial_metadata(server, ns):
    create(server, ns, 'a', x='1')
    status, table = server.json('GET', f'/api/v1/namespaces/{ns}/configmaps/a', headers={'Accept': TABLE})
    assert status == 200 and table['kind'] == 'Table' and table['rows'][0]['cells'][:2] == ['a', 1]
    assert [c['name'] for c in table['columnDefinitions']] == ['Name', 'Data', 'Age']
    assert table['rows'][0]['object']['kind'] == 'PartialObjectMetadata'
    status, part = server.json('GET', f'/api/v1/namespaces/{ns}/configmaps?fieldSelector=metadata.name%3Da', headers={'Accept': PARTIAL})
    assert part['kind'] == 'PartialObjectMetadataList' and 'data' not in part['items'][0]
    status, answer = server.json('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {'spec': {}},
                                 headers={'Accept': TABLE})
    assert status == 406


def test_protobuf(server, ns):
    create(server, ns, 'a', x='1')
    status, headers, data = server.request('GET', f'/api/v1/namespaces/{ns}/configmaps/a', headers={'Accept': PROTO})
    assert status == 200 and headers['Content-Type'] == PROTO and data.startswith(b'k8s\0')
    assert b'ConfigMap' in data and b'\x01x\x12\x011' in data
    status, _, copy = server.request('PUT', f'/api/v1/namespaces/{ns}/configmaps/a', data, {'Content-Type': PROTO, 'Accept': PROTO})
    assert status == 200 and copy == data


def test_gzip_of_large_answers(server, ns):
    create(server, ns, 'big', x='a' * 300000)
    path = f'/api/v1/namespaces/{ns}/configmaps/big'
    status, headers, data = server.request('GET', path, headers={'Accept-Encoding': 'gzip'})
    assert headers['Content-Encoding'] == 'gzip' and len(data) < 10000
    assert json.loads(gzip.decompress(data))['data']['x'] == 'a' * 300000
    assert 'Content-Encoding' not in server.request('GET', path)[1]


def test_watch_list_and_bookmarks(server, ns):
    made = create(server, ns, 'a')
    watch = Watch(server, f'/api/v1/namespaces/{ns}/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan'
                          '&allowWatchBookmarks=true')
    seen = []
    while True:
        event = watch.next()
        if event['type'] == 'BOOKMARK':
            break
        seen.append((event['type'], event['object']['metadata']['name']))
    assert ('ADDED', 'a') in seen
    assert event['object']['metadata']['annotations'] == {'k8s.io/initial-events-end': 'true'}
    assert int(event['object']['metadata']['resourceVersion']) >= int(made['metadata']['resourceVersion'])
    create(server, ns, 'b')
    event = watch.next()
    assert (event['type'], event['object']['metadata']['name']) == ('ADDED', 'b')
    watch.close()


def test_watch_selectors_at_the_edge(server, ns):
    made = create(server, ns, 'a')
    watch = Watch(server, f'/api/v1/namespaces/{ns}/configmaps?watch=1&labelSelector=on%3Dyes&resourceVersion='
                          + made['metadata']['resourceVersion'])
    path = f'/api/v1/namespaces/{ns}/configmaps/a'
    merge = {'Content-Type': 'application/merge-patch+json'}
    for labels, event_type in [('yes', 'ADDED'), ('no', 'DELETED')]:
        status, now = server.json('PATCH', path, {'metadata': {'labels': {'on': labels}}}, merge)
        event = watch.next()
        assert event['type'] == event_type
        assert event['object']['metadata']['resourceVersion'] == now['metadata']['resourceVersion']
    watch.close()


def test_protobuf_watch(server, ns):
    create(server, ns, 'a')
    watch = Watch(server, f'/api/v1/namespaces/{ns}/configmaps?watch=1', accept=PROTO)
    assert watch.answer.headers['Content-Type'] == PROTO + ';stream=watch'
    size = struct.unpack('>I', watch.answer.read(4))[0]
    frame = watch.answer.read(size)
    assert frame.startswith(b'\n\x05ADDED') and b'k8s\0' in frame
    watch.close()


@pytest.mark.parametrize('accept, opcode', [('application/json', websocket.ABNF.OPCODE_TEXT), (PROTO, websocket.ABNF.OPCODE_BINARY)])
def test_watch_through_a_websocket(server, ns, accept, opcode):
    create(server, ns, 'there')
    path = f'/api/v1/namespaces/{ns}/configmaps?watch=1&timeoutSeconds=3&labelSelector=%21none'
    options = {'cert_reqs': ssl.CERT_NONE, 'check_hostname': False,
               'certfile': os.path.join(server.directory, 'client-certificate-data'),
               'keyfile': os.path.join(server.directory, 'client-key-data')}
    socket = websocket.create_connection(server.url.replace('https', 'wss') + path, sslopt=options, header=['Accept: ' + accept], timeout=10)

    def find(name):
        while True:
            got, data = socket.recv_data()
            assert got == opcode
            if accept != PROTO:
                assert json.loads(data)['type'] == 'ADDED'
            else:
                assert data[:2] == b'\n\x05' and b'k8s\0' in data
            if name.encode() in data:
                return
    find('there')
    create(server, ns, 'later')
    find('later')
    if accept == PROTO:
        assert socket.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE  # its time is over
    socket.close()


@pytest.mark.parametrize('change, told', [
    ({'Sec-WebSocket-Version': '12'}, b'missing or bad WebSocket version'), ({'Sec-WebSocket-Key': 'short'}, b'bad challenge key')])
def test_a_websocket_begins_with_a_sound_handshake(server, ns, change, told):
    sound = {'Upgrade': 'websocket', 'Connection': 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA=='}
    status, _, data = server.request('GET', f'/api/v1/namespaces/{ns}/configmaps?watch=1&timeoutSeconds=1', headers={**sound, **change})
    assert status == 400 and told in data, (status, data)


def test_watch_timeout_and_errors(server, ns):
    watch = Watch(server, f'/api/v1/namespaces/{ns}/configmaps?watch=1&timeoutSeconds=1&resourceVersion=0&labelSelector=none')
    assert watch.answer.read() == b''
    status, answer = server.json('GET', f'/api/v1/namespaces/{ns}/configmaps?watch=1&sendInitialEvents=true')
    assert status == 422 and answer['reason'] == 'Invalid'


def test_discovery(server):
    status, groups = server.json('GET', '/apis')
    names = [g['name'] for g in groups['groups']]
    assert names[:2] == ['apiregistration.k8s.io', 'apps'] and len(names) == 20
    status, core = server.json('GET', '/api/v1')
    entry = {r['name']: r for r in core['resources']}
    assert entry['configmaps']['storageVersionHash'] == 'qFsyl6wFWjQ=' and entry['pods']['storageVersionHash'] == 'xPOwRZ+Yhw8='
    assert entry['pods/eviction']['group'] == 'policy' and entry['pods/eviction']['kind'] == 'Eviction'
    accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    status, headers, data = server.request('GET', '/apis', headers={'Accept': accept})
    assert headers['Content-Type'] == accept and headers['ETag']
    assert json.loads(data)['kind'] == 'APIGroupDiscoveryList'
    status, _, _ = server.request('GET', '/apis', headers={'Accept': accept, 'If-None-Match': headers['ETag']})
    assert status == 304


def test_openapi(server):
    status, root = server.json('GET', '/openapi/v3')
    url = root['paths']['apis/apps/v1']['serverRelativeURL']
    status, headers, data = server.request('GET', url)
    document = json.loads(data)
    patch = document['paths']['/apis/apps/v1/namespaces/{namespace}/deployments/{name}']['patch']
    assert 'immutable' in headers['Cache-Control'] and 'application/strategic-merge-patch+json' in patch['requestBody']['content']
    assert any(p['name'] == 'fieldValidation' for p in patch['parameters'])
    status, headers, _ = server.request('GET', '/openapi/v3/apis/apps/v1?hash=wrong')
    assert status == 301 and headers['Location'] == url
    status, _, data = server.request('GET', '/openapi/v2', headers={'Accept': 'application/json'})
    assert 'io.k8s.api.apps.v1.Deployment' in json.loads(data)['definitions']


def test_health_version_metrics(server):
    for path in ['/healthz', '/livez', '/readyz', '/readyz/etcd', '/livez/ping']:
        assert server.request('GET', path)[::2] == (200, b'ok')
    assert b'[+]etcd ok' in server.request('GET', '/readyz?verbose')[2]
    status, version = server.json('GET', '/version')
    assert version['gitVersion'].startswith('v1.36.') and version['major'] == '1' and version['minor'] == '36'
    text = server.request('GET', '/metrics')[2].decode()
    assert 'apiserver_request_total{' in text and 'apiserver_storage_objects{resource="namespaces"}' in text
    assert '/healthz' in server.json('GET', '/')[1]['paths']


def test_pretty_for_people(server):
    assert b'\n' not in server.request('GET', '/api/v1/namespaces/default')[2].strip()
    assert b'\n  "kind"' in server.request('GET', '/api/v1/namespaces/default', headers={'User-Agent': 'curl/8'})[2]


@pytest.mark.parametrize('body', [b'k8s\0', b'k8s\0\x0a\xff\xff\xff', b'', b'\xff' * 100])
def test_bad_protobuf_is_a_client_error(server, ns, body):
    status, answer = server.json('POST', f'/api/v1/namespaces/{ns}/configmaps', body, {'Content-Type': PROTO})
    assert 400 <= status < 500 and answer['kind'] == 'Status'
