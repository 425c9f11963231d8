"""The node's four metrics endpoints: each has its own names, and what they count is what happened."""
import os
import re

import pytest
from machine import BUSYBOX, pod

# A sanitizer's memory comes on top of the agent's.
MEMORY_MAX = (1024 if 'KANAME_SANITIZER_REPORTS' in os.environ else 100) << 20
LINE = re.compile(r'^([a-z_]+)(?:\{(.*)\})? (\S+)( \d+)?$')


@pytest.fixture(scope='module')
def busy(machine):
    machine.apply({'apiVersion': 'storage.k8s.io/v1', 'kind': 'StorageClass', 'metadata': {'name': 'measured'}, 'provisioner': 'kaname.dev/local'},
                  {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': 'measured'},
                   'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}, 'storageClassName': 'measured'}})
    machine.apply(pod('measured', command='httpd -p 8080 -h /www; trap "exit 0" TERM; while true; do i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; sleep 0.01; done',
                      volumes=[{'name': 'v', 'persistentVolumeClaim': {'claimName': 'measured'}}],
                      main={'resources': {'limits': {'cpu': '100m', 'memory': '64Mi'}}, 'volumeMounts': [{'name': 'v', 'mountPath': '/v'}],
                            'readinessProbe': {'httpGet': {'port': 8080, 'path': '/index.html'}, 'periodSeconds': 1}}))
    machine.wait_ready_pod('measured')
    yield 'measured'
    machine.kubectl('delete', 'pod', 'measured', '--grace-period=1')
    machine.kubectl('delete', 'pvc', 'measured')
    machine.kubectl('delete', 'storageclass', 'measured')


def scrape(machine, path):
    """{name: [(labels, value)]}; every family has a type, and stands in one piece."""
    families, types, order = {}, {}, []
    for line in machine.kubectl('get', '--raw', f'/api/v1/nodes/n1/proxy{path}').splitlines():
        if line.startswith('# TYPE '):
            types[line.split()[2]] = line.split()[3]
        elif not line.startswith('#'):
            name, labels, value, _ = LINE.match(line).groups()
            family = re.sub(r'_(bucket|sum|count)$', '', name) if re.sub(r'_(bucket|sum|count)$', '', name) in types else name
            assert family in types, line
            if not order or order[-1] != family:
                order.append(family)
            families.setdefault(name, []).append((dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', labels or '')), float(value)))
    assert len(order) == len(set(order)), 'a family in pieces'
    return families


def value(families, name, /, **labels):
    found = [v for have, v in families[name] if labels.items() <= have.items()]
    assert len(found) == 1, (name, labels, families[name])
    return found[0]


def test_what_the_agent_did(machine, busy):
    m = scrape(machine, '/metrics')
    assert value(m, 'kubelet_node_name', node='n1') == 1 and value(m, 'kubernetes_build_info') == 1
    assert value(m, 'kubelet_running_pods') >= 1 and value(m, 'kubelet_running_containers', container_state='running') >= 1
    assert value(m, 'kubelet_started_pods_total') >= 1 and value(m, 'kubelet_started_containers_total', container_type='container') >= 1
    starts = value(m, 'kubelet_pod_start_duration_seconds_count')
    assert starts >= 1 and value(m, 'kubelet_pod_start_duration_seconds_bucket', le='+Inf') == starts
    calls = value(m, 'kubelet_runtime_operations_total', operation_type='run_podsandbox')
    assert calls >= 1 and value(m, 'kubelet_runtime_operations_duration_seconds_count', operation_type='run_podsandbox') == calls
    assert 0 < value(m, 'kubelet_runtime_operations_duration_seconds_sum', operation_type='run_podsandbox') < 60 * calls
    assert value(m, 'process_cpu_seconds_total') > 0 and 1 << 20 < value(m, 'process_resident_memory_bytes') < MEMORY_MAX
    assert value(m, 'process_start_time_seconds') > 1.6e9
    volume = {'namespace': 'default', 'persistentvolumeclaim': 'measured'}
    assert value(m, 'kubelet_volume_stats_capacity_bytes', **volume) == value(m, 'kubelet_volume_stats_available_bytes', **volume) + value(
        m, 'kubelet_volume_stats_used_bytes', **volume)
    assert value(m, 'volume_manager_total_volumes', state='actual_state_of_world') >= 1
    assert not any(name.startswith(('container_', 'node_', 'pod_')) for name in m)  # those are for the other endpoints


def test_what_containers_use(machine, busy):
    machine.wait(lambda: value(scrape(machine, '/metrics/cadvisor'), 'container_cpu_cfs_throttled_periods_total', pod=busy, container='main') > 0, 10, 'it is throttled')
    m = scrape(machine, '/metrics/cadvisor')
    main = {'pod': busy, 'namespace': 'default', 'container': 'main', 'image': BUSYBOX}
    identity = machine.container(busy)['containerID'].split('//')[1]
    assert value(m, 'container_cpu_usage_seconds_total', **main, cpu='total', name=identity) > 0
    assert value(m, 'container_cpu_cfs_periods_total', **main) >= value(m, 'container_cpu_cfs_throttled_periods_total', **main)
    assert value(m, 'container_spec_memory_limit_bytes', **main) == 64 << 20
    assert 0 < value(m, 'container_memory_rss', **main) <= value(m, 'container_memory_usage_bytes', **main) <= 64 << 20
    assert value(m, 'container_memory_working_set_bytes', **main) > 0
    whole = {'pod': busy, 'container': ''}
    assert value(m, 'container_memory_usage_bytes', **whole) >= value(m, 'container_memory_usage_bytes', **main)
    assert value(m, 'container_network_receive_bytes_total', pod=busy, interface='eth0') > 0
    assert value(m, 'container_network_transmit_packets_total', pod=busy, interface='eth0') > 0
    assert value(m, 'machine_cpu_cores') >= 1


def test_what_probes_said(machine, busy):
    mine = lambda: [(labels, v) for labels, v in scrape(machine, '/metrics/probes').get('prober_probe_total', []) if labels['pod'] == busy]  # noqa: E731
    machine.wait(lambda: any(v >= 2 for _, v in mine()), 10, 'two probes')
    labels, _ = next((labels, v) for labels, v in mine() if labels['result'] == 'successful')
    assert labels['probe_type'] == 'Readiness' and labels['container'] == 'main' and labels['namespace'] == 'default'


def test_what_the_metrics_server_asks(machine, busy):
    m = scrape(machine, '/metrics/resource')
    assert value(m, 'resource_scrape_error') == 0 and value(m, 'pod_memory_working_set_bytes', pod=busy) > 0
    assert not any(name.startswith(('kubelet_', 'process_')) for name in m)
