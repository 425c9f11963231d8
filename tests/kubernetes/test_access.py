"""Who may do what: service accounts, tokens, reviews, impersonation."""
import http.client
import json
import ssl
import urllib.parse


def ask_without_certificate(server, path, token=None):
    """Status and body."""
    where = urllib.parse.urlparse(server.url)
    connection = http.client.HTTPSConnection(where.hostname, where.port, context=ssl._create_unverified_context())
    connection.request('GET', path, headers={'Authorization': f'Bearer {token}'} if token else {})
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer.status, data


def test_service_account_and_token(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    token = server.kubectl('-n', ns, 'create', 'token', 'robot', '--duration=10m').strip()
    status, answer = ask_without_certificate(server, f'/api/v1/namespaces/{ns}/configmaps', token)
    assert status == 403 and f'User \\"system:serviceaccount:{ns}:robot\\" cannot list resource' in answer.decode()
    review = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'TokenReview', 'spec': {'token': token}}
    status, answer = server.json('POST', '/apis/authentication.k8s.io/v1/tokenreviews', review)
    assert status == 201 and answer['status']['authenticated']
    assert answer['status']['user']['username'] == f'system:serviceaccount:{ns}:robot'
    status, answer = server.json('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {**review, 'spec': {'token': token[:-4] + 'AAAA'}})
    assert status == 201 and not answer['status'].get('authenticated')


def test_rbac(server, ns):
    server.kubectl('-n', ns, 'create', 'serviceaccount', 'robot')
    who = f'--as=system:serviceaccount:{ns}:robot'
    error = server.kubectl_error('-n', ns, 'get', 'cm', who)
    assert f'User "system:serviceaccount:{ns}:robot" cannot list resource "configmaps" in API group "" in the namespace "{ns}"' in error
    server.kubectl('-n', ns, 'create', 'role', 'reader', '--verb=get,list', '--resource=configmaps')
    server.kubectl('-n', ns, 'create', 'rolebinding', 'reader', '--role=reader', f'--serviceaccount={ns}:robot')
    server.kubectl('-n', ns, 'get', 'cm', who)
    assert server.kubectl('-n', ns, 'auth', 'can-i', 'list', 'configmaps', who).strip() == 'yes'
    assert server.run('kubectl', '-n', ns, 'auth', 'can-i', 'delete', 'configmaps', who, check=False).stdout.strip() == 'no'
    assert 'configmaps' in server.kubectl('-n', ns, 'auth', 'can-i', '--list', who)


def test_whoami(server):
    assert 'system:masters' in server.kubectl('auth', 'whoami')
    out = json.loads(server.kubectl('auth', 'whoami', '--as=jane', '--as-group=dev', '-o', 'json'))
    assert out['status']['userInfo'] == {'username': 'jane', 'groups': ['dev', 'system:authenticated']}


def test_anonymous_may_only_look_at_health(server):
    for path, code in [('/healthz', 200), ('/version', 200), ('/api/v1/namespaces', 403)]:
        assert ask_without_certificate(server, path)[0] == code, path
    assert ask_without_certificate(server, '/version', 'nonsense')[0] == 401
