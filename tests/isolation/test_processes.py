"""What the kernel says of the processes of a region: users, capabilities, filters, descriptors, files."""
import os
import stat

import pytest
from tenant import deputy_of, status_of


def test_clusters_processes_are_shut_in(tenants):
    users = set()
    for tenant in tenants:
        status = status_of(tenant.pid())
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb'):
            assert int(status[name][0], 16) == 0, name
        assert status['NoNewPrivs'] == ['1'] and status['Seccomp'] == ['2'] and status['Umask'] == ['0077']
        if os.geteuid() == 0:
            assert int(status['CapBnd'][0], 16) == 0
            assert status['Groups'] == [] and len(set(status['Uid'])) == 1 and status['Uid'] == status['Gid'] and status['Uid'][0] != '0'
        users.add(status['Uid'][0])
        with open(f'/proc/{tenant.pid()}/limits') as f:
            assert [line.split()[4:6] for line in f if line.startswith('Max core file size')] == [['0', '0']]
    assert len(users) == len(tenants) or os.geteuid() != 0


def test_every_thread_is_under_the_filter(tenants):
    for tenant in tenants:
        pid = tenant.pid()
        tenant.make('/api/v1/namespaces/default/configmaps', {'metadata': {'name': 'written'}})  # its writers are threads
        for thread in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{thread}/status') as f:
                text = f.read()
            assert 'Seccomp:\t2' in text and 'NoNewPrivs:\t1' in text


def test_no_descriptor_leads_outside(tenants):
    for tenant in tenants:
        for fd in os.listdir(f'/proc/{tenant.pid()}/fd'):
            target = os.readlink(f'/proc/{tenant.pid()}/fd/{fd}')
            allowed = target == '/dev/null' or target.startswith((f'{tenant.directory}/store/', 'socket:', 'pipe:', 'anon_inode:'))
            assert allowed, (fd, target)


def test_the_environment_is_empty(tenants):
    for tenant in tenants:
        with open(f'/proc/{tenant.pid()}/environ', 'rb') as f:
            for entry in f.read().split(b'\0'):
                assert not entry or entry.split(b'=')[0] in (b'SSL_CERT_FILE', b'SSL_CERT_DIR', b'TZ', b'RES_OPTIONS', b'LOCALDOMAIN'), entry


@pytest.mark.skipif(os.geteuid() != 0, reason='only root gives clusters users of their own')
def test_clusters_have_a_network_of_their_own(tenants):
    here = os.readlink('/proc/self/ns/net')
    assert os.readlink(f'/proc/{tenants[0].pid()}/ns/net') != here


def test_a_clusters_files_are_its_own(region, tenants):
    users = {}
    for tenant in tenants:
        uid = int(status_of(tenant.pid())['Uid'][0])
        users[tenant.name] = uid
        for top, directories, files in os.walk(tenant.directory):
            for name in ['.', *files]:
                found = os.lstat(os.path.join(top, name))
                assert (found.st_uid, found.st_gid) == (uid, uid) or os.geteuid() != 0, (top, name)
                assert stat.S_IMODE(found.st_mode) & 0o077 == 0, (top, name, oct(found.st_mode))
    # The region's: nobody else reads them; the folder of clusters' folders can be passed, not listed.
    for name in ('credentials.json', 'region', 'vpc'):
        path = f'{region.data}/{name}'
        if os.path.exists(path):
            assert stat.S_IMODE(os.lstat(path).st_mode) & 0o077 == 0, name
    assert stat.S_IMODE(os.lstat(f'{region.data}/clusters').st_mode) & 0o066 == 0


def threads_of(pid):
    return [status_of(f'{pid}/task/{thread}') for thread in os.listdir(f'/proc/{pid}/task')]


def sockets_of(pid):
    links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
    return {link[8:-1] for link in links if link.startswith('socket:[')}


def internet_sockets():
    """Inodes of all of this network."""
    found = set()
    for table in ('tcp', 'tcp6', 'udp', 'udp6'):
        with open(f'/proc/net/{table}') as f:
            found |= {line.split()[9] for line in f.readlines()[1:]}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason='test_without_root.py looks at the other kind')
def test_a_roots_region_is_nobody(region, tenants):
    """The one process that reads the network has nothing of root's, and the one that has answers nobody else."""
    region.client().tag_resource(resourceArn=region.client().describe_cluster(name='a')['cluster']['arn'], tags={'some': 'work'})  # its writers are threads
    users = {tenant.pid(): status_of(tenant.pid())['Uid'][0] for tenant in tenants}
    for status in threads_of(region.process.pid):
        for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            assert int(status[name][0], 16) == 0, name
        assert status['NoNewPrivs'] == ['1'] and status['Seccomp'] == ['2'] and status['Groups'] == []
        assert len(set(status['Uid'] + status['Gid'])) == 1 and status['Uid'][0] not in ('0', *users.values())
    assert os.readlink(f'/proc/{region.process.pid}/cwd') == f'{region.data}/region'
    with open(f'/proc/{region.process.pid}/environ', 'rb') as f:
        assert b'PATH=' not in f.read()
    for fd in os.listdir(f'/proc/{region.process.pid}/fd'):
        target = os.readlink(f'/proc/{region.process.pid}/fd/{fd}')
        if int(fd) > 2:  # its starter's
            assert target.startswith((f'{region.data}/region/', f'{region.data}/region.held', 'socket:', 'pipe:', 'anon_inode:', 'net:', '/dev/null')), (fd, target)
    deputy = deputy_of(region)
    assert status_of(deputy)['Uid'][0] == '0' and status_of(deputy)['Threads'] == ['1']
    assert sockets_of(region.process.pid) & internet_sockets()
    assert not sockets_of(deputy) & internet_sockets()


@pytest.mark.skipif(os.geteuid() != 0, reason='without root all is one user\'s')
def test_a_roots_region_reaches_no_key_of_its_clusters(region, tenants):
    user = int(status_of(region.process.pid)['Uid'][0])
    for name in ('.', 'clusters', 'instances', 'vpc', 'credentials.json', 'spawner.sock', 'region-ca.key', 'port', 'region.pid'):
        found = os.lstat(f'{region.data}/{name}')
        assert found.st_uid == 0 and not found.st_mode & 0o022, name
    for tenant in tenants:
        found = os.lstat(tenant.directory)
        assert found.st_uid != user and stat.S_IMODE(found.st_mode) == 0o700
    for top, directories, files in os.walk(f'{region.data}/region'):
        for name in ['.', *files]:
            assert os.lstat(os.path.join(top, name)).st_uid == user, (top, name)


def test_the_other_processes_hold_what_they_need(region, tenants):
    with open(f'/proc/{region.process.pid}/limits') as f:
        assert [line.split()[4] for line in f if line.startswith('Max core file size')] == ['0']
    spawners = {status_of(tenant.pid())['PPid'][0] for tenant in tenants}
    assert len(spawners) == 1
    status = status_of(*spawners)
    assert status['Name'] == ['kaname-spawner'] and status['NoNewPrivs'] == ['1']
    with open(f'/proc/{spawners.pop()}/limits') as f:
        assert [line.split()[4] for line in f if line.startswith('Max core file size')] == ['0']
    if os.geteuid() != 0:
        return
    network = os.readlink(f'/proc/{tenants[0].pid()}/ns/net')
    holders = [int(p) for p in os.listdir('/proc') if p.isdigit() and holds(p, network)]
    assert len(holders) == 1, 'one process keeps the VPC'
    status = status_of(holders[0])
    for name in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
        assert int(status[name][0], 16) == 0, name
    assert status['NoNewPrivs'] == ['1']


def holds(pid, network):
    try:
        with open(f'/proc/{pid}/cmdline') as f:
            command = f.read()
        return os.readlink(f'/proc/{pid}/ns/net') == network and '/clusters/' not in os.readlink(f'/proc/{pid}/cwd') and 'serve' in command
    except OSError:
        return False
