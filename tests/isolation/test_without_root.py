"""A region without root: its own process answers from behind a filter, and makes clusters all the same."""
import os
import shutil
import tempfile

import pytest
from program import KANAME
from regions import Region
from tenant import Tenant, status_of

NOBODY = 65534
CONFIGMAPS = '/api/v1/namespaces/default/configmaps'


@pytest.fixture
def region():
    """Of nobody, when the tests run as root."""
    root = os.geteuid() == 0
    directory = tempfile.mkdtemp(prefix='kaname-region-')
    program = shutil.copy(KANAME, directory)
    os.chmod(directory, 0o755)
    if root:
        os.chown(directory, NOBODY, NOBODY)
    r = Region(directory, program, **({'user': NOBODY, 'group': NOBODY, 'extra_groups': []} if root else {}))
    yield r
    r.stop()
    shutil.rmtree(directory)


def check_confined(*pids):
    for pid in pids:
        status = status_of(pid)
        assert status['Uid'][0] != '0' and int(status['CapEff'][0], 16) == 0
        for thread in os.listdir(f'/proc/{pid}/task'):
            found = status_of(f'{pid}/task/{thread}')
            assert found['Seccomp'] == ['2'] and found['NoNewPrivs'] == ['1'], (pid, thread)


def test_a_region_without_root_is_shut_in(region):
    kept = Tenant(region, 'kept')
    check_confined(region.process.pid, kept.pid())
    # All that it does goes on behind the filter: clusters come, go, are found again by the next region, and their tokens are verified.
    made = kept.as_admin('POST', CONFIGMAPS, {'metadata': {'generateName': 'kept-'}})['metadata']['name']
    Tenant(region, 'gone')
    region.client().delete_cluster(name='gone')
    region.kill()
    region.start()
    assert region.client().list_clusters()['clusters'] in (['kept'], ['gone', 'kept'])
    assert kept.as_admin('GET', f'{CONFIGMAPS}/{made}')['metadata']['name'] == made
    Tenant(region, 'next')
    token = region.aws('eks', 'get-token', '--cluster-name', 'kept')['status']['token']
    assert kept.call('GET', CONFIGMAPS, token=token)[0] == 200
    region.client().tag_resource(resourceArn=region.client().describe_cluster(name='kept')['cluster']['arn'], tags={'a': 'b'})
    check_confined(region.process.pid, kept.pid())
    with open(f'{region.directory}/serve.log') as f:
        assert 'denied' not in f.read()
