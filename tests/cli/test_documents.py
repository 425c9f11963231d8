"""Documents of eksctl and kind, read as they are: defaults, lines of mistakes, what the region can't do."""
import json
import os
import socket
import ssl
import subprocess

import pytest
import yaml
from commands import KANAME, environment, run

EKSCTL = '''# a cluster as eksctl writes it
apiVersion: eksctl.io/v1alpha5
kind: ClusterConfig
metadata:
  name: from-eksctl
  region: us-east-1
  version: "1.36"
  tags: {team: a}
kubernetesNetworkConfig:
  serviceIPv4CIDR: 10.55.0.0/16
vpc:
  clusterEndpoints: {publicAccess: true, privateAccess: true}
cloudWatch:
  clusterLogging:
    enableTypes: ["api", "audit"]
'''
GROUP = '''managedNodeGroups:
- name: workers
  desiredCapacity: 1
  minSize: 0
  maxSize: 3
  instanceType: m5.large
  labels: {role: web}
  taints:
  - {key: only, value: web, effect: PreferNoSchedule}
'''
KIND = '''kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
name: from-kind
networking:
  serviceSubnet: 10.44.0.0/16
'''


def dry_run(tmp_path, text, *more, check=True):
    path = tmp_path / 'document.yaml'
    path.write_text(text)
    return run('cluster', 'create', '-f', path, '--dry-run', *more, home=tmp_path, check=check)


def schemas():
    return {name: json.loads(run('schema', name, home='/').stdout) for name in ('eksctl', 'kind')}


def filled(schema):
    """A value with every field that a schema has."""
    if 'enum' in schema:
        return schema['enum'][0]
    if 'const' in schema:
        return schema['const']
    kind = schema.get('type')
    if kind == 'object' and 'properties' in schema:
        return {name: filled(s) for name, s in schema['properties'].items()}
    if kind == 'object':
        return {'key': filled(schema['additionalProperties'])}
    if kind == 'array':
        return [filled(schema['items'])]
    return {'string': 'x', 'number': 1, 'boolean': True}.get(kind, {'any': 'thing'})


@pytest.mark.parametrize('name', ['eksctl', 'kind'])
def test_every_field_of_the_schema_is_read(tmp_path, name):
    document = filled(schemas()[name])
    printed = yaml.safe_load(dry_run(tmp_path, yaml.safe_dump(document)).stdout)

    def within(part, whole):
        if isinstance(part, dict):
            return all(k in whole and within(v, whole[k]) for k, v in part.items())
        return part == whole or isinstance(part, list) and len(part) == len(whole) and all(map(within, part, whole))

    assert within(document, printed)


def paths(schema, prefix=()):
    for name, inner in schema.get('properties', {}).items():
        yield (*prefix, name), inner
        yield from paths(inner.get('items', inner), (*prefix, name))


def test_the_schema_knows_the_well_known_fields():
    eksctl = {'.'.join(p) for p, _ in paths(schemas()['eksctl'])}
    for name in ('metadata.name', 'managedNodeGroups.instanceTypes', 'nodeGroups.iam.withAddonPolicies.ebs', 'addons.version', 'vpc.nat.gateway',
                 'iam.serviceAccounts.wellKnownPolicies.certManager', 'fargateProfiles.selectors.namespace'):
        assert name in eksctl, name
    assert {'nodes.extraPortMappings.hostPort', 'networking.disableDefaultCNI'} <= {'.'.join(p) for p, _ in paths(schemas()['kind'])}


MISTAKES = [
    (EKSCTL.replace('serviceIPv4CIDR', 'serviceIPV4Cidr'), 'KN_FIELD_UNKNOWN', ':10:3: kubernetesNetworkConfig.serviceIPV4Cidr', 'serviceIPv4CIDR meant?'),
    (EKSCTL + GROUP.replace('instanceType', 'instnceType'), 'KN_FIELD_UNKNOWN', ':21:3: managedNodeGroups[0].instnceType', 'instanceType meant?'),
    (EKSCTL.replace('"1.36"', '1.36'), 'KN_FIELD_INVALID', ':7:12: metadata.version', 'must be text'),
    (EKSCTL + GROUP.replace('desiredCapacity: 1', 'desiredCapacity: one'), 'KN_FIELD_INVALID', ':18:20: managedNodeGroups[0].desiredCapacity', 'a number'),
    (EKSCTL + 'managedNodeGroups: {}\n', 'KN_FIELD_INVALID', ':16:20: managedNodeGroups', 'a list'),
    (EKSCTL + 'vpc: [\n', 'KN_FIELD_INVALID', 'line 17', ''),
    (KIND + 'nodes:\n- role: boss\n', 'KN_FIELD_INVALID', ':7:9: nodes[0].role', 'control-plane|worker'),
    (KIND.replace('v1alpha4', 'v1alpha3'), 'KN_FIELD_INVALID', ':2:13: apiVersion', 'v1alpha4'),
    ('just text\n', 'KN_FIELD_INVALID', ':1:1:', 'a map'),
]


@pytest.mark.parametrize('text,reason,place,words', MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path, text, reason, place, words):
    done = dry_run(tmp_path, text, '-o', 'json', check=False)
    error = json.loads(done.stdout)['error']
    assert done.returncode == 2 and error['reason'] == reason, error
    assert place in error['message'] and words in error['message'], error


def test_defaults_are_shown(tmp_path):
    printed = yaml.safe_load(dry_run(tmp_path, EKSCTL + GROUP.replace('  minSize: 0\n', '')).stdout)
    group = printed['managedNodeGroups'][0]
    assert group['minSize'] == 1 and group['maxSize'] == 3 and group['volumeSize'] == 80
    assert printed['accessConfig']['authenticationMode'] == 'API_AND_CONFIG_MAP'
    assert yaml.safe_load(dry_run(tmp_path, KIND).stdout)['nodes'] == [{'role': 'control-plane'}]


def test_what_the_region_cannot_do_is_said(region, tmp_path):
    text = EKSCTL + 'addons:\n- name: vpc-cni\niam:\n  withOIDC: true\n  vpcResourceControllerPolicy: true\n'
    assert 'document.yaml:16:1: addons is not available' in dry_run(tmp_path, text).stderr
    path = tmp_path / 'document.yaml'
    done = region.kaname('cluster', 'create', '-f', path, check=False)
    assert done.returncode == 1 and ':16:1: addons' in done.stderr and ':19:3: iam.withOIDC' in done.stderr
    assert ':20:3: iam.vpcResourceControllerPolicy has no effect' in done.stderr
    path.write_text(text.replace('withOIDC: true', 'withOIDC: false').replace('addons:\n- name: vpc-cni\n', 'addons: []\n'))
    assert 'withOIDC' not in region.kaname('cluster', 'create', '-f', path, '--dry-run').stderr


def test_a_cluster_from_eksctl(region, tmp_path):
    path = tmp_path / 'cluster.yaml'
    path.write_text(EKSCTL)
    made = json.loads(region.kaname('cluster', 'create', '-f', path, '-o', 'json', '-k', tmp_path / 'k').stdout)
    assert made['changed'] and made['name'] == 'from-eksctl' and made['tags'] == {'team': 'a'}
    assert made['kubernetesNetworkConfig']['serviceIpv4Cidr'] == '10.55.0.0/16'
    assert made['resourcesVpcConfig']['endpointPrivateAccess'] is True
    assert {'types': ['api', 'audit'], 'enabled': True} in made['logging']['clusterLogging']
    again = json.loads(region.kaname('cluster', 'create', '-f', path, '-o', 'json', '-k', tmp_path / 'k').stdout)
    assert again['changed'] is False
    region.kaname('cluster', 'delete', 'from-eksctl', '-k', tmp_path / 'k')


def test_access_entries_are_made(region, tmp_path):
    path = tmp_path / 'cluster.yaml'
    policy = 'arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy'
    path.write_text(EKSCTL.replace('name: from-eksctl', 'name: with-access') + f'''accessConfig:
  authenticationMode: API
  accessEntries:
  - principalARN: arn:aws:iam::123456789012:role/readers
    kubernetesGroups: [readers]
    accessPolicies:
    - policyARN: {policy}
      accessScope: {{type: namespace, namespaces: [default]}}
''')

    def create():
        return json.loads(region.kaname('cluster', 'create', '-f', path, '-o', 'json', '-k', tmp_path / 'k').stdout)

    assert create()['changed'] is True
    assert create()['changed'] is False
    script = f'eval "$({KANAME} env --data-dir {region.data})"; aws eks list-associated-access-policies --cluster-name with-access ' \
        '--principal-arn arn:aws:iam::123456789012:role/readers --output json'
    done = subprocess.run(['bash', '-ec', script], capture_output=True, text=True, env=environment(region.home, AWS_PAGER=''), timeout=60)
    assert done.returncode == 0, done.stderr
    assert [(p['policyArn'], p['accessScope']) for p in json.loads(done.stdout)['associatedAccessPolicies']] == \
        [(policy, {'type': 'namespace', 'namespaces': ['default']})]
    region.kaname('cluster', 'delete', 'with-access', '-k', tmp_path / 'k')


@pytest.mark.skipif(os.geteuid() != 0, reason='nodes need root')
def test_node_groups_from_both(region, tmp_path):
    path = tmp_path / 'cluster.yaml'
    path.write_text(EKSCTL + GROUP)
    try:
        region.kaname('cluster', 'create', '-f', path, '-k', tmp_path / 'k')
        node = json.loads(region.kaname('connect', 'from-eksctl', '--', 'kubectl', 'get', 'nodes', '-o', 'json').stdout)['items']
        assert len(node) == 1 and node[0]['metadata']['labels']['role'] == 'web'
        assert {'key': 'only', 'value': 'web', 'effect': 'PreferNoSchedule'} in node[0]['spec']['taints']
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        mapping = f'{{containerPort: 10250, hostPort: {port}, listenAddress: 127.0.0.1, protocol: TCP}}'
        path.write_text(KIND + f'nodes:\n- role: control-plane\n  extraPortMappings: [{mapping}]\n- {{role: worker, labels: {{disk: ssd}}}}\n')
        region.kaname('cluster', 'create', '-f', path, '-k', tmp_path / 'k')
        assert 'BEGIN CERTIFICATE' in ssl.get_server_certificate(('127.0.0.1', port), timeout=10), "the agent's own port, published"
        node = json.loads(region.kaname('connect', 'from-kind', '--', 'kubectl', 'get', 'nodes', '-o', 'json').stdout)['items']
        assert [n['metadata']['labels']['disk'] for n in node] == ['ssd']
    finally:
        for name in ('from-eksctl', 'from-kind'):
            region.kaname('cluster', 'delete', name, '-k', tmp_path / 'k')


@pytest.mark.parametrize('field, refused', [('listenAddress: 0.0.0.0', 'listenAddress'), ('protocol: UDP', 'protocol')])
def test_ports_of_kind_are_of_the_loopback_and_tcp(region, tmp_path, field, refused):
    path = tmp_path / 'cluster.yaml'
    path.write_text(KIND + f'nodes:\n- role: control-plane\n  extraPortMappings:\n  - containerPort: 30080\n    {field}\n')
    done = region.kaname('cluster', 'create', '-f', path, check=False)
    assert done.returncode == 1 and f':10:5: nodes[0].extraPortMappings[0].{refused}' in done.stderr and 'KN_FIELD_UNSUPPORTED' in done.stderr, done.stderr


def test_a_failed_create_takes_back_what_it_made(region, tmp_path):
    (tmp_path / 'k').write_text('clusters: [')
    done = region.kaname('cluster', 'create', 'halfway', '-k', tmp_path / 'k', check=False)
    assert done.returncode == 1 and 'KN_KUBECONFIG_BROKEN' in done.stderr and 'taken back' in done.stderr
    assert region.kaname('cluster', 'get', 'halfway', check=False).returncode == 3
    region.kaname('cluster', 'create', 'halfway', '-k', tmp_path / 'k', '--keep', check=False)
    assert region.kaname('cluster', 'get', 'halfway').returncode == 0
