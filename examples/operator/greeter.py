"""A small operator: for each Greeting a ConfigMap of the same name, owned by it, that holds its words."""
from kubernetes import client, watch

GROUP, VERSION, PLURAL = 'example.dev', 'v1', 'greetings'
DEFINITION = {
    'apiVersion': 'apiextensions.k8s.io/v1', 'kind': 'CustomResourceDefinition', 'metadata': {'name': f'{PLURAL}.{GROUP}'},
    'spec': {'group': GROUP, 'scope': 'Namespaced', 'names': {'plural': PLURAL, 'singular': 'greeting', 'kind': 'Greeting'},
             'versions': [{'name': VERSION, 'served': True, 'storage': True, 'subresources': {'status': {}},
                           'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {
                               'spec': {'type': 'object', 'required': ['words'], 'properties': {'words': {'type': 'string'}}},
                               'status': {'type': 'object', 'properties': {'ready': {'type': 'boolean'}}}}}}}]}}


def reconcile(api, greeting):
    """One step towards what the object says; may be repeated at any time."""
    meta = greeting['metadata']
    owner = client.V1OwnerReference(api_version=greeting['apiVersion'], kind='Greeting', name=meta['name'], uid=meta['uid'], controller=True)
    body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name=meta['name'], owner_references=[owner]), data={'words': greeting['spec']['words']})
    core = client.CoreV1Api(api)
    try:
        core.create_namespaced_config_map(meta['namespace'], body)
    except client.ApiException as e:
        if e.status != 409:
            raise
        core.patch_namespaced_config_map(meta['name'], meta['namespace'], body)
    if not greeting.get('status', {}).get('ready'):
        client.CustomObjectsApi(api).patch_namespaced_custom_object_status(GROUP, VERSION, meta['namespace'], PLURAL, meta['name'],
                                                                           {'status': {'ready': True}})


def run(api, seconds):
    """Watches all Greetings for this long."""
    stream = watch.Watch().stream(client.CustomObjectsApi(api).list_cluster_custom_object, GROUP, VERSION, PLURAL, timeout_seconds=seconds)
    for event in stream:
        if event['type'] in ('ADDED', 'MODIFIED'):
            reconcile(api, event['object'])
