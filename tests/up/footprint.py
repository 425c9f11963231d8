"""What of this machine `up` and `down` must leave as it was."""
import hashlib
import os
import subprocess


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def cgroups(data):
    """Control groups of the region in this data directory: their name is made from its path."""
    tag = 'kaname-' + hashlib.sha256(data.encode()).hexdigest()[:8]
    return sorted(top for top, _, _ in os.walk('/sys/fs/cgroup') if tag in top)


def snapshot(data):
    """Links, addresses, rules, routes, nftables, mounts, control groups and sysctls of the root namespaces."""
    return {
        'links': [line.split(':')[1] for line in run('ip', '-o', 'link').splitlines()],
        'addresses': run('ip', '-o', '-4', 'addr').replace('forever', '').splitlines(),
        'rules': run('ip', 'rule').splitlines(),
        'routes': run('ip', 'route', 'show', 'table', 'all').splitlines(),
        'nftables': run('nft', 'list', 'ruleset'),
        'named namespaces': run('ip', 'netns').splitlines(),
        'mounts': sorted(line.split(' - ')[0].split()[4] for line in open('/proc/self/mountinfo')),
        'control groups': cgroups(data),
        'forwarding': open('/proc/sys/net/ipv4/ip_forward').read(),
    }


def processes_of(text):
    """Command lines of running processes that name this text."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            line = open(f'/proc/{pid}/cmdline', 'rb').read().replace(b'\0', b' ').decode(errors='replace')
        except OSError:
            continue
        if text in line and int(pid) != os.getpid():
            found.append(f'{pid} {line}')
    return found
