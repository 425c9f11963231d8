"""What is proxied to nodes, asked of the original and of kaname: run by test_proxy_differential.py in a network namespace in which the
address 192.0.2.10 is this machine (neither proxies to 127.0.0.1)."""
import json

import pytest
from test_streams import Kubelet

ADDRESS = '192.0.2.10'
PAGE = ('<!DOCTYPE html><html><head><base href="/b/"><script src="/s.js">var x = "<a href=\'/no\'>";</script></head><body>'
        '<!-- <a href="/no"> --><a href="/a?x=/y#/z" title="/no">a</a><a href="relative">b</a><a href="//elsewhere.example/c">c</a>'
        '<img src="https://192.0.2.10:PORT/d/"><form action="https://ASKED/e"><p class="/no">1 < 2</p></form></body></html>')


class Pages(Kubelet):
    """A node that answers with pages and with redirects."""
    ADDRESS = ADDRESS

    def answer(self, plain):
        with self.context.wrap_socket(plain, server_side=True) as connection:
            head = b''
            while b'\r\n\r\n' not in head:
                head += (part := connection.recv(4096))
                if not part:
                    return
            first, *lines = head.decode().split('\r\n')
            headers = dict(line.lower().split(': ', 1) for line in lines if ': ' in line)
            method, where = first.split()[:2]
            self.requests.append((where, headers, method))
            target = {'/root': '/x/?y', '/elsewhere': 'https://elsewhere.example/x', '/relative': 'x',
                      '/self': f'https://192.0.2.10:{self.port}/x'}.get(where)
            page = PAGE.replace('PORT', str(self.port)).encode()
            kind = 'text/plain' if where == '/plain' else 'text/html; charset=utf-8'
            more = f'Location: {target}\r\n' if target else 'Access-Control-Allow-Origin: *\r\nX-Own: yes\r\n'
            connection.sendall(f'HTTP/1.1 {302 if target else 200} OK\r\nContent-Type: {kind}\r\n{more}Content-Length: {len(page)}\r\n'
                               f'Connection: close\r\n\r\n'.encode() + (b'' if method == 'HEAD' else page))


@pytest.fixture(scope='module')
def pages(pair, tmp_path_factory):
    kubelet = Pages(str(tmp_path_factory.mktemp('kubelet')))
    for server in pair:
        assert server.request('POST', '/api/v1/nodes', {'metadata': {'name': 'pages'}})[0] == 201
        assert server.request('PATCH', '/api/v1/nodes/pages/status', json.dumps({'status': {
            'addresses': [{'type': 'InternalIP', 'address': ADDRESS}], 'daemonEndpoints': {'kubeletEndpoint': {'Port': kubelet.port}}}}),
            {'Content-Type': 'application/merge-patch+json'})[0] == 200
    yield kubelet
    kubelet.close()


@pytest.mark.parametrize('path', ['', '/', '?a=b', '/page', '/plain', '/deep/er/?a=b', '/root', '/elsewhere', '/relative', '/self'])
def test_what_is_proxied_leads_back(pair, pages, path):
    def told(server):
        code, headers, data = server.request('GET', '/api/v1/nodes/pages/proxy' + path)
        seen = (pages.requests[-1][0], pages.requests[-1][1].get('x-forwarded-uri')) if code != 301 else None
        return (code, headers.get('Location'), headers.get('Access-Control-Allow-Origin'), headers.get('X-Own'), data.decode(), seen)
    assert told(pair[0]) == told(pair[1])


@pytest.mark.parametrize('method', ['HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND'])
def test_methods_that_are_proxied(pair, pages, method):
    """Every method goes on to the backend that the original lets through, OPTIONS too; plain resources have none of it."""
    def told(server, path, body=None):
        before = len(pages.requests)
        code, headers, data = server.request(method, path, body)
        return code, headers.get('X-Own'), data.decode(), [one[::2] for one in pages.requests[before:]]
    for path in ('/api/v1/nodes/pages/proxy/plain', '/api/v1/nodes/pages/proxy', '/api/v1/nodes/pages/nothing'):
        assert told(pair[0], path) == told(pair[1], path)
