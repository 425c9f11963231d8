"""The images that the tests of class pods run, made of Debian packages and of the original's own programs: nothing is pulled."""
import os
import pathlib
import subprocess

from images import Link, image
from program import CACHE

HERE = pathlib.Path(__file__).resolve().parent
PREFIX = 'registry.k8s.io/e2e-test-images/'
PATH = ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']
FOLDERS = {folder: (0o755, None) for folder in ('etc', 'root', 'proc', 'sys', 'dev', 'home', 'var', 'var/log', 'uploads')}
BASE = {
    **FOLDERS, 'tmp': (0o1777, None), 'etc/nsswitch.conf': (0o644, 'hosts: files dns\n'),
    'etc/passwd': (0o644, 'root:x:0:0:root:/root:/bin/sh\nuser-defined-in-image:x:1000:1000::/home:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'),
    'etc/group': (0o644, 'root:x:0:\nuser-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\nnogroup:x:65534:\n'),
}
NGINX = '''worker_processes 1; user nobody nogroup; error_log /dev/stderr; pid /tmp/nginx.pid; events { worker_connections 100; }
http { access_log /dev/stdout; server { listen 80; root /var/www/html; } }
'''
PAUSE = '''#include <signal.h>
#include <unistd.h>
static void end(int signal) { _exit(signal * 0); }
int main(void) { signal(SIGTERM, end); signal(SIGINT, end); for (;;) pause(); }
'''
EFFECTIVE = '''#include <stdio.h>
#include <unistd.h>
int main(void) { printf("Effective uid: %d\\n", geteuid()); }
'''


def applets(*without):
    names = subprocess.run(['busybox', '--list'], capture_output=True, text=True, check=True).stdout.split()
    return {f'bin/{name}': (0o777, Link('busybox')) for name in names if name not in ('busybox', *without)}


def compiled(name, source):
    to = pathlib.Path(CACHE) / 'images' / name
    to.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(['cc', '-static', '-O1', '-x', 'c', '-', '-o', str(to)], input=source, text=True, check=True)
    return to


def original(path):
    """A file of the original's sources."""
    folder = subprocess.run(['go', 'list', '-m', '-f', '{{.Dir}}', 'k8s.io/kubernetes'], cwd=f'{CACHE}/kubernetes', capture_output=True, text=True,
                            check=True, env={**os.environ, 'GOFLAGS': '-mod=mod'}).stdout.strip()
    return pathlib.Path(folder) / 'test/images' / path


def named(name, *tags):
    return [f'{PREFIX}{name}:{tag}' for tag in tags]


def busybox_images():
    shell = {'bin/sh': (0o755, compiled('sh', (HERE / 'sh.c').read_text()))}
    files = {**BASE, **applets('sh'), **shell}
    yield image(named('busybox', '1.37.0-1', '1.36.1-1'), ['busybox-static'], files, {'Env': PATH, 'Cmd': ['sh']})
    yield image(named('nonroot', '1.5'), ['busybox-static'], files, {'Env': PATH, 'Cmd': ['sh'], 'User': '1234'})
    nnp = {'usr/local/bin/nnp': (0o6755, compiled('nnp', EFFECTIVE))}
    yield image(named('nonewprivs', '1.4'), ['busybox-static'], {**files, **nnp}, {'Env': PATH, 'Cmd': ['nnp']})


def agnhost_images():
    program = {'agnhost': (0o755, pathlib.Path(CACHE) / 'bin/agnhost')}
    tools = ['bash', 'busybox-static', 'netcat-openbsd', 'curl', 'iproute2', 'bind9-dnsutils', 'bind9-libs', 'bind9-host', 'libc-bin']
    files = {**BASE, **applets('sh', 'nc', 'ip'), **program, 'agnhost-2': (0o777, Link('agnhost')), 'bin/sh': (0o777, Link('bash')),
             'bin/nc': (0o777, Link('nc.openbsd')), **{name: (0o644, original(f'agnhost/porter/{name}')) for name in ('localhost.crt', 'localhost.key')}}
    yield image(named('agnhost', '2.63.0', '2.55'), tools, files, {'Env': PATH, 'Entrypoint': ['/agnhost'], 'Cmd': ['pause']})
    yield image(named('glibc-dns-testing', '2.0.0'), tools, files, {'Env': PATH, 'Cmd': ['sh']})
    for pet in ('kitten', 'nautilus'):
        page = {'data.json': (0o644, original(f'{pet}/html/data.json')), f'{pet}.jpg': (0o644, original(f'{pet}/html/{pet}.jpg')),
                'etc/os-release': (0o644, 'NAME="Alpine Linux"\n')}  # what a test of pull policies looks for
        yield image(named(pet, '1.8'), [], {**BASE, **program, **page}, {'Env': PATH, 'Entrypoint': ['/agnhost'], 'Cmd': ['test-webserver']})


def other_images():
    page = {'etc/nginx/nginx.conf': (0o644, NGINX), 'var/www/html/index.html': (0o644, '<title>Welcome to nginx!</title>\n'),
            'var/lib/nginx': (0o755, None), 'var/log/nginx': (0o755, None)}
    yield image(named('nginx', '1.27-0', '1.15-4'), ['nginx', 'nginx-common', 'busybox-static'], {**BASE, **applets(), **page},
                {'Env': PATH, 'Cmd': ['/usr/sbin/nginx', '-g', 'daemon off;']})
    yield image(['registry.k8s.io/pause:3.10.2'], [], {**BASE, 'pause': (0o755, compiled('pause', PAUSE))}, {'Env': PATH, 'Entrypoint': ['/pause']})
    yield image(['registry.k8s.io/etcd:3.6.8-0'], [], {**BASE, 'usr/local/bin/etcd': (0o755, pathlib.Path(CACHE) / 'bin/etcd')},
                {'Env': PATH, 'Cmd': ['etcd']})


def archives():
    """Paths of all archives, for `kaname image load`."""
    return [str(path) for made in (busybox_images(), agnhost_images(), other_images()) for path in made]
