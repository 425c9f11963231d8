"""Each reason of the table: provoked, told with its id and next command, and with its exit status."""
import json
import os
import socket
import subprocess

import pytest
from commands import KANAME, run

PROVOKED = {}


def reason(name):
    def keep(function):
        PROVOKED[name] = function
        return function
    return keep


class Scene:
    def __init__(self, tmp_path, region, pretend):
        self.path, self.region, self.pretend = tmp_path, region, pretend

    def run(self, *args, **more):
        return run(*args, home=self.path, check=False, **more)

    def file(self, name, text):
        (self.path / name).write_text(text)
        return str(self.path / name)

    def pretended(self, status, name=None, body=None):
        return self.pretend(lambda method, path: (status, name, body or {'message': 'because'}))


@reason('KN_FAILED')
def failed(s):
    return s.pretended(500, 'ServerException').kaname('cluster', 'list', '-o', 'json', check=False)


@reason('KN_REJECTED')
def rejected(s):
    return s.region.kaname('cluster', 'create', 'no good!', '-o', 'json', check=False)


@reason('KN_USAGE')
def usage(s):
    return s.run('cluster', 'get', '-o', 'json')


ECONFIG = 'apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata:\n  name: x\n  region: us-east-1\n'


@reason('KN_FIELD_UNKNOWN')
def field_unknown(s):
    return s.run('cluster', 'create', '-o', 'json', '-f', s.file('f', ECONFIG + 'vpcs: {}\n'))


@reason('KN_FIELD_INVALID')
def field_invalid(s):
    return s.run('cluster', 'create', '-o', 'json', '-f', s.file('f', ECONFIG + 'vpc: [1]\n'))


@reason('KN_FIELD_UNSUPPORTED')
def field_unsupported(s):
    return s.run('cluster', 'create', '-o', 'json', '-f', s.file('f', ECONFIG + 'fargateProfiles:\n- name: a\n  selectors: [{namespace: b}]\n'))


@reason('KN_FILE_UNREADABLE')
def file_unreadable(s):
    return s.run('cluster', 'create', '-o', 'json', '-f', s.path / 'none')


@reason('KN_FILE_UNWRITABLE')
def file_unwritable(s):
    return s.region.kaname('support', '-o', 'json', '--file', s.path / 'none' / 'x.tar', check=False)


@reason('KN_KUBECONFIG_BROKEN')
def kubeconfig_broken(s):
    s.region.kaname('cluster', 'create', 'reasons')
    return s.region.kaname('cluster', 'kubeconfig', 'reasons', '-o', 'json', '-k', s.file('k', 'clusters: ['), check=False)


@reason('KN_KUBECONFIG_LOCKED')
def kubeconfig_locked(s):
    s.region.kaname('cluster', 'create', 'reasons')
    s.file('k.lock', '')
    return s.region.kaname('cluster', 'kubeconfig', 'reasons', '-o', 'json', '-k', s.path / 'k', check=False)


@reason('KN_NOT_FOUND')
def not_found(s):
    return s.region.kaname('cluster', 'get', 'nowhere', '-o', 'json', check=False)


@reason('KN_PROGRAM_MISSING')
def program_missing(s):
    s.region.kaname('cluster', 'create', 'reasons')
    return s.region.kaname('connect', 'reasons', '--', 'no-such-program', check=False)


@reason('KN_IMAGE_NONE')
def image_none(s):
    """An engine that doesn't have it."""
    (s.path / 'docker').write_text('#!/bin/sh\nexit 1\n')
    (s.path / 'docker').chmod(0o755)
    return s.region.kaname('image', 'load', 'nothing:1', '--from', 'docker', '-o', 'json', check=False, PATH=s.path)


@reason('KN_CONFLICT')
def conflict(s):
    return s.pretended(409, 'ResourceInUseException').kaname('cluster', 'get', 'x', '-o', 'json', check=False)


@reason('KN_SETTING_DIFFERS')
def setting_differs(s):
    s.region.kaname('cluster', 'create', 'reasons')
    document = ECONFIG.replace('name: x', 'name: reasons') + 'kubernetesNetworkConfig: {serviceIPv4CIDR: 10.9.0.0/16}\n'
    return s.region.kaname('cluster', 'create', '-o', 'json', '-f', s.file('f', document), check=False)


@reason('KN_DENIED')
def denied(s):
    return s.pretended(403, 'AccessDeniedException').kaname('cluster', 'list', '-o', 'json', check=False)


@reason('KN_NEEDS_ROOT')
def needs_root(s):
    """In a user namespace without a map nobody is root."""
    return subprocess.run(['unshare', '--user', KANAME, 'up', '--nodes', '1', '-o', 'json', '--data-dir', str(s.path / 'd')],
                          capture_output=True, text=True, timeout=30)


@reason('KN_REGION_NONE')
def region_none(s):
    return s.run('cluster', 'list', '-o', 'json', '--data-dir', s.path / 'none')


@reason('KN_REGION_UNAVAILABLE')
def region_unavailable(s):
    p = s.pretended(200)
    p.stop()
    p.stop = lambda: None
    return p.kaname('cluster', 'list', '-o', 'json', check=False)


@reason('KN_REGION_RUNS')
def region_runs(s):
    return s.region.kaname('serve', check=False)


def active(endpoint):
    ca = 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=='
    return {'cluster': {'name': 'default', 'status': 'ACTIVE', 'endpoint': endpoint, 'certificateAuthority': {'data': ca},
                        'resourcesVpcConfig': {'subnetIds': []}}}


@reason('KN_NO_NODES')
def no_nodes(s):
    (s.path / 'i.tar').write_bytes(s.run('image', 'sample', text=False).stdout)
    return s.region.kaname('image', 'load', '-o', 'json', s.path / 'i.tar', check=False)


@reason('KN_NODEGROUP_FAILED')
def nodegroup_failed(s):
    group = {'nodegroup': {'status': 'CREATE_FAILED', 'scalingConfig': {'desiredSize': 1}, 'health': {'issues': [{'message': 'no disk'}]}}}
    p = s.pretend(lambda method, path: (200, None, group if 'node-groups' in path else active('https://127.0.0.1:1')))
    done = p.kaname('cluster', 'create', 'default', '--nodes', '1', '-o', 'json', '-k', s.path / 'k', check=False)
    assert 'no disk' in done.stderr
    return done


@reason('KN_TIMEOUT')
def timeout(s):
    creating = {'cluster': {'name': 'x', 'status': 'CREATING'}}
    return s.pretend(lambda m, p: (200, None, creating)).kaname('cluster', 'create', 'x', '--timeout', '0', '-o', 'json', check=False)


def test_late_nodes_are_told_with_their_cause(tmp_path, pretend):
    """The last error of the region's log stands in the message, before the files to look into."""
    if os.geteuid() != 0:
        pytest.skip('nodes need root')
    p = pretend(lambda method, path: (200, None, {'nodegroup': {'status': 'CREATING', 'scalingConfig': {'desiredSize': 1}}} if 'node-groups' in path
                                      else active('https://127.0.0.1:1')))
    with open(f'{p.data}/region.log', 'w') as f:
        f.write('2026-01-01T00:00:00.000Z error region "a node\'s host can\'t be started" step="find containerd"\nready http://127.0.0.1:1\n')
    done = p.kaname('cluster', 'create', 'default', '--nodes', '1', '--timeout', '0', '-k', tmp_path / 'k', check=False)
    assert done.returncode == 7 and 'Ready yet: 2026-01-01T00:00:00.000Z error region "a node\'s host' in done.stderr, done.stderr


@reason('KN_PORT_IN_USE')
def port_in_use(s):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        return s.run('serve', '--data-dir', s.path / 'd', '--listen', f'127.0.0.1:{taken.getsockname()[1]}')


@reason('KN_START_FAILED')
def start_failed(s):
    (s.path / 'd').mkdir()
    s.file('d/region', 'a file where a folder must be')
    return s.run('up', '--nodes', '0', '-o', 'json', '--data-dir', s.path / 'd')


@reason('KN_HOST_UNFIT')
def host_unfit(s):
    return subprocess.run(['sh', '-c', f'ulimit -n 256; exec {KANAME} up --nodes 0 -o json --data-dir {s.path}/d'], capture_output=True,
                          text=True, timeout=30)


@reason('KN_CLUSTER_UNAVAILABLE')
def cluster_unavailable(s):
    """The cluster is ACTIVE but nothing listens at its endpoint; `up` asks it for the sample application."""
    s.region.kaname('cluster', 'create', 'reasons')
    answer = active('https://127.0.0.1:1')
    answer['cluster']['certificateAuthority'] = json.loads(s.region.kaname('cluster', 'get', 'reasons', '-o', 'json').stdout)['certificateAuthority']
    group = {'nodegroup': {'status': 'ACTIVE', 'scalingConfig': {'desiredSize': 2}}}
    p = s.pretend(lambda method, path: (200, None, group if 'node-groups' in path else answer))
    with open(f'{p.data}/region.pid', 'w') as f:
        with open('/proc/self/stat') as stat:
            f.write(f'{os.getpid()} {stat.read().rsplit(")", 1)[1].split()[19]}\n')
    return p.kaname('up', '--no-checks', '-o', 'json', '-k', s.path / 'k', check=False)


TABLE = json.loads(subprocess.run([KANAME, 'list', 'reasons', '-o', 'json'], capture_output=True, check=True).stdout)


@pytest.mark.parametrize('entry', TABLE, ids=lambda e: e['name'])
def test_reason(entry, tmp_path, region, pretend):
    if entry['name'] in ('KN_NODEGROUP_FAILED', 'KN_CLUSTER_UNAVAILABLE') and os.geteuid() != 0:
        pytest.skip('nodes need root')
    done = PROVOKED[entry['name']](Scene(tmp_path, region, pretend))
    assert done.returncode == entry['status'], (done.stdout, done.stderr)
    assert f'{entry["name"]}; next: ' in done.stderr, done.stderr
    assert done.stderr.startswith('kaname: ') or '\nkaname: ' in done.stderr
    if done.stdout:
        error = json.loads(done.stdout)['error']
        assert error['reason'] == entry['name'] and error['status'] == done.returncode and error['message'] and error['next']


def test_the_man_page_has_all():
    page = subprocess.run([KANAME, 'man'], capture_output=True, text=True, check=True).stdout
    for entry in TABLE:
        assert f'\\fB{entry["name"]}\\fR (exit status {entry["status"]})' in page
