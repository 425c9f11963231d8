"""What a program that manages EKS clusters does, against a region that answers in milliseconds."""
ROLE = 'arn:aws:iam::123456789012:role/eks'


def test_a_cluster_becomes_active_and_goes(eks):
    eks.create_cluster(name='tenant-1', roleArn=ROLE, resourcesVpcConfig={}, tags={'tenant': '1'})
    eks.get_waiter('cluster_active').wait(name='tenant-1', WaiterConfig={'Delay': 1})
    cluster = eks.describe_cluster(name='tenant-1')['cluster']
    assert cluster['endpoint'].startswith('https://') and cluster['tags'] == {'tenant': '1'}
    eks.delete_cluster(name='tenant-1')
    eks.get_waiter('cluster_deleted').wait(name='tenant-1', WaiterConfig={'Delay': 1})
    assert 'tenant-1' not in eks.list_clusters()['clusters']


def test_names_are_taken_once(eks):
    eks.create_cluster(name='twice', roleArn=ROLE, resourcesVpcConfig={})
    try:
        eks.create_cluster(name='twice', roleArn=ROLE, resourcesVpcConfig={})
        raise AssertionError('the second one must be refused')
    except eks.exceptions.ResourceInUseException as e:
        assert 'twice' in str(e)
