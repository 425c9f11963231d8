"""The operator against a real API server: definition, watch, status, garbage collection."""
import threading
import time

import greeter
import pytest
from kubernetes import client


def eventually(what, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if what():
                return
        except client.ApiException as e:
            if e.status != 404:
                raise
        time.sleep(0.02)
    raise AssertionError('it did not happen')


@pytest.fixture(scope='session')
def greetings(api):
    definitions = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition(greeter.DEFINITION)
    objects = client.CustomObjectsApi(api)
    eventually(lambda: objects.list_cluster_custom_object(greeter.GROUP, greeter.VERSION, greeter.PLURAL))
    threading.Thread(target=greeter.run, args=(api, 60), daemon=True).start()
    return lambda verb, *args: getattr(objects, f'{verb}_namespaced_custom_object')(greeter.GROUP, greeter.VERSION, 'default', greeter.PLURAL, *args)


def greeting(name, words):
    return {'apiVersion': 'example.dev/v1', 'kind': 'Greeting', 'metadata': {'name': name}, 'spec': {'words': words}}


def test_words_arrive_and_follow(api, greetings):
    core = client.CoreV1Api(api)
    greetings('create', greeting('hello', 'good day'))
    eventually(lambda: core.read_namespaced_config_map('hello', 'default').data == {'words': 'good day'})
    eventually(lambda: greetings('get', 'hello')['status']['ready'])
    greetings('patch', 'hello', {'spec': {'words': 'good night'}})
    eventually(lambda: core.read_namespaced_config_map('hello', 'default').data == {'words': 'good night'})


def test_what_it_made_goes_with_it(api, greetings):
    core = client.CoreV1Api(api)
    greetings('create', greeting('fleeting', 'bye'))
    eventually(lambda: core.read_namespaced_config_map('fleeting', 'default'))
    greetings('delete', 'fleeting')
    eventually(lambda: not [m for m in core.list_namespaced_config_map('default').items if m.metadata.name == 'fleeting'])


def test_the_schema_is_enforced(greetings):
    with pytest.raises(client.ApiException) as refused:
        greetings('create', {**greeting('bad', 'x'), 'spec': {'words': 7}})
    assert refused.value.status == 422 and 'spec.words' in refused.value.body
