"""What the node lifecycle controller says of nodes."""
import time

import pytest
from kubelet import wait_for
from shimmed import Shimmed


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


class Zones:
    """Nodes of two zones whose kubelets the test plays, on a clock that the test moves."""

    def __init__(self, server, **sizes):
        self.server = server
        self.nodes = [f'{zone}{i}' for zone, size in sizes.items() for i in range(size)]
        for node in self.nodes:
            status, answer = server.json('POST', '/api/v1/nodes', {'metadata': {'name': node, 'labels': {'topology.kubernetes.io/zone': node[0]}}})
            assert status == 201, answer
        self.beat(*self.nodes)

    def beat(self, *nodes):
        at = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(self.server.now()))
        for node in nodes:
            status, _ = self.server.json('PATCH', f'/api/v1/nodes/{node}/status', {'status': {'conditions': [
                {'type': 'Ready', 'status': 'True', 'reason': 'KubeletReady', 'message': '', 'lastHeartbeatTime': at, 'lastTransitionTime': at}]}},
                {'Content-Type': 'application/strategic-merge-patch+json'})
            assert status == 200

    def later(self, seconds, *alive):
        """Moves the clock while these nodes are heard of."""
        while seconds > 0:
            self.server.later(min(seconds, 20))
            seconds -= 20
            self.beat(*alive)
        time.sleep(0.3)

    def tainted(self, effect):
        nodes = self.server.json('GET', '/api/v1/nodes')[1]['items']
        return {n['metadata']['name'] for n in nodes for t in n['spec'].get('taints', [])
                if t['key'] == 'node.kubernetes.io/unreachable' and t['effect'] == effect}


@pytest.fixture
def clock(tmp_path):
    s = Shimmed(tmp_path)
    yield s
    assert s.alive() and s.stop() == 0


def test_a_zone_in_trouble_gives_up_none_of_its_nodes(clock):
    """Three of five lost: trouble of the zone. One of four: trouble of the node."""
    zones = Zones(clock, a=5, b=4)
    alive = [n for n in zones.nodes if n not in ('a0', 'a1', 'a2', 'b0')]
    zones.later(60, *alive)
    wait_for(lambda: zones.tainted('NoSchedule') == {'a0', 'a1', 'a2', 'b0'})
    wait_for(lambda: zones.tainted('NoExecute') == {'b0'})
    zones.later(60, *alive)
    assert zones.tainted('NoExecute') == {'b0'}
    # One comes back: what is lost then are nodes, given up one by one.
    zones.later(20, *alive, 'a0')
    for _ in range(3):
        zones.later(20, *alive, 'a0')
    wait_for(lambda: zones.tainted('NoExecute') == {'a1', 'a2', 'b0'})
    assert zones.tainted('NoSchedule') == {'a1', 'a2', 'b0'}
    # All lost: the fault is more likely ours, and nobody is given up.
    zones.later(80)
    wait_for(lambda: len(zones.tainted('NoSchedule')) == 9 and not zones.tainted('NoExecute'))
