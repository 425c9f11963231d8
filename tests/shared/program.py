"""Where things are: the program under test, the real clients, and whether a sanitizer watches the program."""
import os
import socket

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KANAME = os.path.abspath(os.environ.get('KANAME') or os.path.join(PROJECT, 'build', 'kaname'))
CACHE = os.environ.get('KANAME_TEST_CACHE') or os.path.join(os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache'), 'kaname-tests')
AWS = f'{CACHE}/bin/aws'
KUBECTL = f'{CACHE}/bin/kubectl'
SANITIZED = 'KANAME_SANITIZER_REPORTS' in os.environ  # a sanitizer's memory and time aren't the program's


def free_port():
    """A port of loopback that nobody uses right now."""
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]
