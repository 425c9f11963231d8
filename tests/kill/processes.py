"""Which processes run a region in a data directory. Only those that it started are ever named."""
import os


def read(pid, name):
    try:
        with open(f'/proc/{pid}/{name}', 'rb') as f:
            return f.read()
    except OSError:
        return b''


def table():
    """pid -> (parent, name, command line)"""
    found = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        stat = read(pid, 'stat').decode(errors='replace')
        if stat:
            name, rest = stat[stat.index('(') + 1:stat.rindex(')')], stat[stat.rindex(')') + 2:].split()
            if rest[0] not in 'ZX':
                found[int(pid)] = (int(rest[1]), name, read(pid, 'cmdline').replace(b'\0', b' ').decode(errors='replace'))
    return found


def below(processes, tops):
    """Children of these, and theirs."""
    found, more = set(), set(tops)
    while more:
        more = {pid for pid, (parent, _, _) in processes.items() if parent in more} - found
        found |= more
    return found


def of(data, what):
    """Pids of a part: region, cluster, node or containerd."""
    processes = table()
    ours = {pid: p for pid, p in processes.items() if f'--data-dir {data} ' in p[2] + ' '}
    if what == 'region':
        with open(f'{data}/region.pid') as f:
            pid = int(f.read().split()[0])
        return [pid] if pid in ours else []
    if what == 'cluster':
        spawners = {pid for pid, p in ours.items() if p[1] == 'kaname-spawner' and processes.get(p[0], (0, '', ''))[1] != 'kaname-spawner'}
        return [pid for pid, p in ours.items() if p[0] in spawners]
    inside = below(processes, [pid for pid, p in ours.items() if p[1] == 'kaname-host'])
    begins = {'node': '/opt/kaname/bin/kaname node ', 'containerd': '/usr/bin/containerd --config '}[what]
    return [pid for pid in inside if processes[pid][2].startswith(begins)]
