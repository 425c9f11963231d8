"""Who shows a client certificate is who it says, or nobody: 401 in words, after a handshake that takes whatever comes."""
import json
import os

import pytest
from client_certificates import MASTERS, Pair, ask, chain, context_with, expires_meanwhile, judged_otherwise, new_authority

UNAUTHORIZED = {'kind': 'Status', 'apiVersion': 'v1', 'metadata': {}, 'status': 'Failure', 'message': 'Unauthorized', 'reason': 'Unauthorized', 'code': 401}


@pytest.fixture(scope='module')
def keys(server):
    with open(os.path.join(server.directory, 'data', 'keys.json')) as f:
        return json.load(f)


@pytest.fixture(scope='module')
def ca(keys):
    return Pair.load(keys['ca.crt'], keys['ca.key'])


@pytest.fixture(scope='module')
def front_proxy(keys):
    return Pair.load(keys['front-proxy-ca.crt'], keys['front-proxy-ca.key'])


def test_each_kind_is_answered_as_the_original_does(server, ca):
    assert judged_otherwise(server, ca) == []


def test_a_good_session_is_taken_up_again(server, ca):
    """So that the comparison of both means something."""
    for version in ('1.2', '1.3'):
        context = context_with(chain(ca.issue()), version)
        first = ask(server, context, 'http/1.1')
        assert ask(server, context, 'http/1.1', first.session).reused


def test_a_certificate_ends_while_its_connection_lasts(server, ca):
    assert expires_meanwhile(server, ca) == [200, 401]


def test_a_stranger_is_told_in_words_whatever_he_asks_for(server):
    context = context_with(chain(new_authority('elsewhere').issue()))
    for path in ('/api/v1/namespaces/default', '/healthz', '/version', '/openapi/v3', '/nothing'):
        answer = ask(server, context, 'http/1.1', path=path)
        assert (answer.status, json.loads(answer.body)) == (401, UNAUTHORIZED), path


def test_a_token_counts_beside_a_certificate_that_does_not(server, ns):
    status, made = server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts/default/token', {'spec': {}})
    if status == 404:  # the controller that makes the account is on its way
        assert server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts', {'metadata': {'name': 'own'}})[0] == 201
        status, made = server.json('POST', f'/api/v1/namespaces/{ns}/serviceaccounts/own/token', {'spec': {}})
    assert status == 201, made
    context = context_with(chain(new_authority('elsewhere').issue()))
    bearer = ('Authorization', 'Bearer ' + made['status']['token'])
    assert ask(server, context, 'http/1.1', headers=[bearer], path='/api').status == 200
    assert ask(server, context, 'http/1.1', headers=[('Authorization', 'Bearer x')], path='/api').status == 401


def test_only_the_front_proxy_speaks_for_others(server, ca, front_proxy):
    remote = [('X-Remote-User', 'jane'), ('X-Remote-Group', MASTERS)]
    assert ask(server, context_with(chain(front_proxy.issue())), 'h2', headers=remote).status == 200
    assert ask(server, context_with(chain(front_proxy.issue())), 'h2').status == 401  # it has no name of its own
    assert ask(server, context_with(chain(ca.issue(organization=None))), 'h2', headers=remote).status == 403
    assert ask(server, context_with(chain(new_authority('front-proxy-ca').issue())), 'h2', headers=remote).status == 401
