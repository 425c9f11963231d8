"""What the node lifecycle controller says of nodes."""
import time


def test_a_new_node_is_told_of(server):
    status, node = server.json('POST', '/api/v1/nodes', {'metadata': {'name': 'told-of'}})
    assert status == 201
    until, found = time.monotonic() + 20, []
    while not found:
        assert time.monotonic() < until
        time.sleep(0.1)
        _, events = server.json('GET', '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=told-of,reason=RegisteredNode')
        found = events['items']
    event, = found
    about = event['involvedObject']
    assert (about['kind'], about['name'], about['uid']) == ('Node', 'told-of', node['metadata']['uid'])
    assert (event['type'], event['message']) == ('Normal', 'Node told-of event: Registered Node told-of in Controller')
    assert event['source']['component'] == 'node-controller' or event['reportingComponent'] == 'node-controller'
    assert server.json('DELETE', '/api/v1/nodes/told-of')[0] == 200
