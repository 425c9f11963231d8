"""Clusters by the aws CLI, and kubectl through `aws eks get-token`."""
import base64
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.exceptions import ClientError

ROLE = 'arn:aws:iam::123456789012:role/eks'


def test_life_of_a_cluster(region):
    created = region.aws('eks', 'create-cluster', '--name', 'life', '--role-arn', ROLE, '--resources-vpc-config', '{}')['cluster']
    assert created['status'] == 'CREATING' and created['arn'].endswith(':cluster/life')
    begun = time.monotonic()
    region.aws('eks', 'wait', 'cluster-active', '--name', 'life')
    assert time.monotonic() - begun < 15, 'the first poll should have found it ACTIVE'
    described = region.aws('eks', 'describe-cluster', '--name', 'life')['cluster']
    assert described['version'] == '1.36' and described['endpoint'].startswith('https://')
    assert base64.b64decode(described['certificateAuthority']['data']).startswith(b'-----BEGIN CERTIFICATE-----')
    assert 'internal' not in described
    assert region.aws('eks', 'list-clusters')['clusters'] == ['life']

    region.aws('eks', 'update-kubeconfig', '--name', 'life')
    assert 'kube-system' in region.kubectl('get', 'namespaces', '-o', 'name')
    region.kubectl('create', 'configmap', 'c', '--from-literal=k=v')
    assert region.kubectl('get', 'configmap', 'c', '-o', 'jsonpath={.data.k}') == 'v'
    assert 'arn:aws:iam::' in region.kubectl('auth', 'whoami')

    region.aws('eks', 'delete-cluster', '--name', 'life')
    region.aws('eks', 'wait', 'cluster-deleted', '--name', 'life')
    assert region.aws('eks', 'list-clusters')['clusters'] == []
    assert not os.path.exists(f'{region.data}/clusters/life')


def test_errors(region):
    eks = region.client()
    region.create_cluster('once')

    def fails(code, message, call, **kwargs):
        with pytest.raises(ClientError) as error:
            call(**kwargs)
        assert error.value.response['Error']['Code'] == code
        assert message in error.value.response['Error']['Message']

    fails('ResourceInUseException', 'Cluster already exists with name: once', eks.create_cluster, name='once', roleArn=ROLE, resourcesVpcConfig={})
    fails('ResourceNotFoundException', 'No cluster found for name: none.', eks.describe_cluster, name='none')
    fails('ResourceNotFoundException', 'No cluster found for name: none.', eks.delete_cluster, name='none')
    fails('InvalidParameterException', 'does not exist', eks.create_cluster, name='x', roleArn=ROLE, resourcesVpcConfig={'subnetIds': ['subnet-1']})
    fails('InvalidParameterException', 'alphanumeric', eks.create_cluster, name='-x', roleArn=ROLE, resourcesVpcConfig={})
    fails('InvalidParameterException', 'version', eks.create_cluster, name='x', version='1.20', roleArn=ROLE, resourcesVpcConfig={})
    eks.delete_cluster(name='once')


def test_tags(region):
    eks = region.client()
    arn = region.create_cluster('tagged')['arn']
    eks.tag_resource(resourceArn=arn, tags={'team': 'a', 'x': 'y'})
    eks.untag_resource(resourceArn=arn, tagKeys=['x'])
    assert eks.list_tags_for_resource(resourceArn=arn)['tags'] == {'team': 'a'}
    assert eks.describe_cluster(name='tagged')['cluster']['tags'] == {'team': 'a'}
    with pytest.raises(ClientError) as error:
        eks.tag_resource(resourceArn=arn.replace('tagged', 'none'), tags={'a': 'b'})
    assert error.value.response['Error']['Code'] == 'NotFoundException'
    eks.delete_cluster(name='tagged')


def token_of(region, cluster, **more):
    out = region.aws('eks', 'get-token', '--cluster-name', cluster, **more)
    return out['status']['token']


def status_with(region, cluster, token):
    """HTTP status of a request with this bearer token."""
    out = subprocess.run(['curl', '-sk', '-o', '/dev/null', '-w', '%{http_code}', '-H', f'Authorization: Bearer {token}',
                          cluster['endpoint'] + '/api/v1/namespaces'], capture_output=True, text=True, timeout=20)
    return int(out.stdout)


def test_tokens_are_verified(region):
    one, two = region.create_cluster('one'), region.create_cluster('two')
    token = token_of(region, 'one')
    assert status_with(region, one, token) == 200
    assert status_with(region, two, token) == 401, 'a token of another cluster'
    assert status_with(region, one, token_of(region, 'one', AWS_SECRET_ACCESS_KEY='wrong')) == 401
    assert status_with(region, one, token_of(region, 'one', AWS_ACCESS_KEY_ID='AKIAXXXXXXXXXXXXXXXX')) == 401
    url = base64.urlsafe_b64decode(token[len('k8s-aws-v1.'):] + '==').decode()

    def forged(text):
        return 'k8s-aws-v1.' + base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')

    assert status_with(region, one, forged(url)) == 200
    signature = urllib.parse.parse_qs(url.split('?')[1])['X-Amz-Signature'][0]
    flipped = ('0' if signature[0] != '0' else '1') + signature[1:]
    for tampered in [url.replace(signature, flipped), url.replace('GetCallerIdentity', 'AssumeRole'), url + '&Action=GetCallerIdentity',
                     url + '&action=GetCallerIdentity', url.replace('X-Amz-Expires=60', 'X-Amz-Expires=61'), url + '&x=1',
                     url.replace('://', '://evil.example/', 1), url.replace('/?', '/x?')]:
        assert status_with(region, one, forged(tampered)) == 401, tampered
    date = urllib.parse.parse_qs(url.split('?')[1])['X-Amz-Date'][0]
    assert status_with(region, one, forged(url.replace(date, '20200101T000000Z'))) == 401
    assert status_with(region, one, 'k8s-aws-v1.' + 'A' * 5000) == 401
    for name in ('one', 'two'):
        region.client().delete_cluster(name=name)


def test_a_token_names_its_cluster_in_what_is_signed(region):
    """The question to STS that a token is made of is anybody's until the cluster's name is signed with it."""
    described = region.create_cluster('named')

    def status_of(headers):
        v = region.variables
        request = botocore.awsrequest.AWSRequest('GET', v['AWS_ENDPOINT_URL'] + '/?Action=GetCallerIdentity&Version=2011-06-15', headers=headers)
        credentials = botocore.credentials.Credentials(v['AWS_ACCESS_KEY_ID'], v['AWS_SECRET_ACCESS_KEY'])
        botocore.auth.SigV4QueryAuth(credentials, 'sts', v['AWS_REGION'], expires=60).add_auth(request)
        return status_with(region, described, 'k8s-aws-v1.' + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip('='))
    assert status_of({'x-k8s-aws-id': 'named'}) == 200
    assert status_of({'x-k8s-aws-id': 'other'}) == 401
    assert status_of({}) == 401
    region.client().delete_cluster(name='named')


def test_access_entries_let_in_and_policies_allow(region):
    eks = region.client()
    region.create_cluster('entries')
    creator = region.aws('sts', 'get-caller-identity')['Arn']
    assert eks.list_access_entries(clusterName='entries')['accessEntries'] == [creator]
    policies = eks.list_associated_access_policies(clusterName='entries', principalArn=creator)['associatedAccessPolicies']
    assert [p['policyArn'] for p in policies] == ['arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy']
    region.aws('eks', 'update-kubeconfig', '--name', 'entries')
    region.kubectl('get', 'nodes')
    eks.associate_access_policy(clusterName='entries', principalArn=creator, accessScope={'type': 'namespace', 'namespaces': ['default']},
                                policyArn='arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy')
    eks.disassociate_access_policy(clusterName='entries', principalArn=creator,
                                   policyArn='arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy')

    def allowed(*args):
        deadline = time.monotonic() + 15  # the API server remembers a token for 10 s
        while time.monotonic() < deadline:
            result = region.kubectl(*args, check=False)
            if 'orbidden' in result.stderr:
                return False
            time.sleep(0.5)
        return True

    assert not allowed('get', 'nodes')
    region.kubectl('get', 'pods', '-n', 'default')
    assert not allowed('get', 'secrets', '-n', 'default')
    eks.delete_access_entry(clusterName='entries', principalArn=creator)
    eks.delete_cluster(name='entries')


def test_a_killed_cluster_process_comes_back(region):
    cluster = region.create_cluster('killed')
    region.aws('eks', 'update-kubeconfig', '--name', 'killed')
    region.kubectl('create', 'configmap', 'before', '--from-literal=k=v')
    pids = [int(p) for p in os.listdir('/proc') if p.isdigit() and uid_of(p) >= 2000000 and directory_of(p) == f'{region.data}/clusters/killed']
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGKILL)
    for _ in range(100):
        result = region.kubectl('get', 'configmap', 'before', check=False)
        if result.returncode == 0:
            break
    assert result.returncode == 0, result.stderr
    assert cluster['endpoint'] == region.client().describe_cluster(name='killed')['cluster']['endpoint']
    region.client().delete_cluster(name='killed')


def uid_of(pid):
    try:
        return int(open(f'/proc/{pid}/status').read().split('Uid:')[1].split()[0])
    except (OSError, IndexError):
        return -1


def directory_of(pid):
    try:
        return os.readlink(f'/proc/{pid}/cwd')
    except OSError:
        return ''


def test_a_killed_region_comes_back(region):
    cluster = region.create_cluster('kept')
    region.aws('eks', 'update-kubeconfig', '--name', 'kept')
    region.kubectl('create', 'configmap', 'before', '--from-literal=k=v')
    region.kill()
    region.start()
    assert region.aws('eks', 'describe-cluster', '--name', 'kept')['cluster']['endpoint'] == cluster['endpoint']
    for _ in range(100):
        result = region.kubectl('get', 'configmap', 'before', check=False)
        if result.returncode == 0:
            break
        time.sleep(0.05)
    assert result.returncode == 0, result.stderr
    region.client().delete_cluster(name='kept')


def test_a_killed_region_leaves_no_address_behind(region):
    """One that is killed may have taken an address for a cluster that hasn't noted it yet: what it leaves is written here as it would be."""
    state = pathlib.Path(region.data, 'vpc/state')
    if not state.exists():
        pytest.skip('a region without root has no VPC')
    region.create_cluster('owner')

    def endpoints():
        return [line for line in state.read_text().splitlines() if line.startswith('endpoint ')]
    owned = endpoints()
    region.kill()
    left = [f'endpoint 172.31.{n}.200' for n in (2, 3)]
    state.write_text(state.read_text() + ''.join(line + '\n' for line in left))
    region.start()
    assert endpoints() == owned and len(owned) == 1
    region.client().delete_cluster(name='owner')
    for _ in range(100):
        if endpoints() == []:
            break
        time.sleep(0.05)
    assert endpoints() == []
