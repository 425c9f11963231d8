"""A token that is bound to an object ends with it."""
import time

import pytest

CORE = '/api/v1/namespaces/default'
SELF = {'apiVersion': 'authentication.k8s.io/v1', 'kind': 'SelfSubjectReview'}
PATIENCE_S = 10

OBJECTS = {
    'Pod': ('pods', {'metadata': {'name': 'bound'}, 'spec': {'serviceAccountName': 'holder', 'containers': [{'name': 'c', 'image': 'none.example/none'}]}}),
    'Secret': ('secrets', {'metadata': {'name': 'bound'}}),
    'ServiceAccount': ('serviceaccounts', None),
}


@pytest.mark.parametrize('kind', OBJECTS)
def test_a_token_ends_with_its_object(tenants, kind):
    tenant = tenants[0]
    plural, body = OBJECTS[kind]
    tenant.service_account('holder')
    name = 'bound' if body else 'holder'
    reference = {}
    if body:
        made = tenant.as_admin('POST', f'{CORE}/{plural}', body)
        reference = {'boundObjectRef': {'apiVersion': 'v1', 'kind': kind, 'name': name, 'uid': made['metadata']['uid']}}
    token = tenant.token('holder', **reference)

    def accepted():
        status, answer = tenant.call('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', SELF, token=token)
        assert status in (201, 401), answer
        return status == 201

    # Several times, so that whatever remembers tokens has it.
    assert all(accepted() for _ in range(3))
    tenant.as_admin('DELETE', f'{CORE}/{plural}/{name}?gracePeriodSeconds=0', expected=(200, 202))
    begun = time.monotonic()
    while accepted():
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.05)


def test_a_namesake_doesnt_take_it_over(tenants):
    tenant = tenants[0]
    tenant.service_account('holder')
    made = tenant.as_admin('POST', f'{CORE}/secrets', {'metadata': {'name': 'again'}})
    token = tenant.token('holder', boundObjectRef={'apiVersion': 'v1', 'kind': 'Secret', 'name': 'again', 'uid': made['metadata']['uid']})
    path = '/apis/authentication.k8s.io/v1/selfsubjectreviews'
    assert tenant.call('POST', path, SELF, token=token)[0] == 201
    tenant.as_admin('DELETE', f'{CORE}/secrets/again')
    tenant.as_admin('POST', f'{CORE}/secrets', {'metadata': {'name': 'again'}})
    begun = time.monotonic()
    while tenant.call('POST', path, SELF, token=token)[0] == 201:
        assert time.monotonic() - begun < PATIENCE_S
        time.sleep(0.05)
