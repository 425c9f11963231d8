"""A shop of three tiers in real containers: web server, application, database with a volume.
It is updated and its nodes are emptied while people buy."""


def test_images_are_listed(shop):
    listed = shop.kaname('image', 'ls').stdout
    for name in ('database', 'orders', 'web'):
        assert f'shop.local/{name}:1' in listed


def test_the_volume_is_the_claims(shop):
    claim = shop.json('get', 'pvc', 'data-database-0')
    assert claim['status']['phase'] == 'Bound' and claim['status']['capacity']['storage'] == '100Mi'
    volume = shop.json('get', 'pv', claim['spec']['volumeName'])
    assert volume['spec']['persistentVolumeReclaimPolicy'] == 'Delete'
    assert shop.node_of_database() in str(volume['spec']['nodeAffinity'])


def test_update_under_load(shop):
    """All of the application's pods, then the web server's, are replaced; nobody who buys notices."""
    shop.start_buyers()
    assert '<h1>Shop</h1>' in shop.asked('/')
    shop.kubectl('set', 'env', 'deployment/orders', 'VERSION=2')
    shop.rolled('deployment/orders')
    shop.kubectl('rollout', 'restart', 'deployment/web')
    shop.rolled('deployment/web')
    shop.kubectl('rollout', 'undo', 'deployment/orders')
    shop.rolled('deployment/orders')
    bought = shop.stop_buyers()
    assert bought['failed'] == []
    assert set(bought['versions']) == {'1', '2'} and len(bought['kept']) > 100
    shop.start_buyers()
    kept = shop.kept()
    assert set(bought['kept']) <= set(kept) and len(set(kept)) == len(kept)
    shop.stop_buyers()


def test_a_node_is_emptied_under_load(shop):
    """Every pod but the database leaves its node, and nobody who buys notices."""
    shop.start_buyers()
    stays = shop.node_of_database()
    node = next(n for n in shop.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}').split() if n != stays)
    shop.kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--timeout=150s', timeout=180)
    shop.rolled('deployment/orders', 'deployment/web')
    bought = shop.stop_buyers()
    shop.kubectl('uncordon', node)
    assert bought['failed'] == []
    moved = [p for p in shop.json('get', 'pods', '-l', 'tier in (orders,web)')['items'] if 'deletionTimestamp' not in p['metadata']]
    assert len(moved) == 5 and {p['spec']['nodeName'] for p in moved} == {stays}


def test_the_database_goes_and_comes_back_with_its_data(shop):
    """Its volume binds it to its node: it waits for that, and then has every order."""
    shop.start_buyers()
    bought = shop.stop_buyers()
    node = shop.node_of_database()
    shop.kubectl('drain', node, '--ignore-daemonsets', '--delete-emptydir-data', '--force', '--timeout=150s', timeout=180)
    shop.kubectl('wait', 'pod/database-0', '--for=condition=PodScheduled=False', '--timeout=60s')
    assert "didn't match PersistentVolume's node affinity" in shop.kubectl('get', 'pod', 'database-0', '-o', 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}')
    shop.kubectl('uncordon', node)
    shop.rolled('statefulset/database')
    assert shop.node_of_database() == node
    shop.rolled('deployment/orders', 'deployment/web')
    shop.start_buyers()
    assert set(bought['kept']) <= set(shop.kept())
    assert shop.stop_buyers()['failed'] == []


def test_removal_takes_the_volume(shop):
    volume = shop.json('get', 'pvc', 'data-database-0')['spec']['volumeName']
    shop.kubectl('delete', 'statefulset', 'database')
    shop.kubectl('wait', 'pod/database-0', '--for=delete', '--timeout=60s')
    shop.kubectl('delete', 'pvc', 'data-database-0')
    shop.kubectl('wait', f'pv/{volume}', '--for=delete', '--timeout=60s')
