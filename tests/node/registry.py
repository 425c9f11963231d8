"""An image registry (OCI distribution, the reading half) over TLS:  registry.py ADDRESS PORT CERTIFICATE KEY LAYOUT.tar LOG

It has one image under every name; the configuration says the name, so that each is an image of its own. Names below ann/ and bob/ want the basic
credentials of that user, whose password is the name's reverse; those below nobody/ don't exist. LOG gets a line for each request:
TIME CODE METHOD PATH."""
import base64
import hashlib
import http.server
import json
import ssl
import sys
import tarfile
import time

address, port, certificate, key, layout, log = sys.argv[1:]
blobs = {}
with tarfile.open(layout) as tar:
    for member in tar:
        if member.name.startswith('blobs/sha256/'):
            blobs['sha256:' + member.name.rsplit('/', 1)[1]] = tar.extractfile(member).read()
        elif member.name == 'index.json':
            index = json.load(tar.extractfile(member))
MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
base = json.loads(blobs[index['manifests'][0]['digest']])


def keep(data):
    digest = 'sha256:' + hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {'digest': digest, 'size': len(data)}


def manifest_of(name):
    config = json.loads(blobs[base['config']['digest']])
    config['config']['Labels'] = {'name': name}
    manifest = {**base, 'config': {**base['config'], **keep(json.dumps(config).encode())}}
    return keep(json.dumps(manifest).encode())['digest']


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def reply(self, code, body=b'', **headers):
        with open(log, 'a') as file:
            file.write(f'{time.time():.3f} {code} {self.command} {self.path}\n')
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def do_GET(self):
        parts = self.path.split('?')[0].strip('/').split('/')
        if parts == ['v2']:
            return self.reply(200)
        owner, kind, reference = parts[1], parts[-2], parts[-1]
        wanted = 'Basic ' + base64.b64encode(f'{owner}:{owner[::-1]}'.encode()).decode()
        if owner in ('ann', 'bob') and self.headers.get('Authorization') != wanted:
            return self.reply(401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', WWW_Authenticate='Basic realm="test"')
        if owner == 'nobody':
            return self.reply(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}')
        digest = reference if reference.startswith('sha256:') else manifest_of('/'.join(parts[1:-2]) + ':' + reference)
        if digest not in blobs:
            return self.reply(404)
        kind = MANIFEST if kind == 'manifests' else 'application/octet-stream'
        return self.reply(200, blobs[digest], Content_Type=kind, Docker_Content_Digest=digest)

    do_HEAD = do_GET


server = http.server.ThreadingHTTPServer((address, int(port)), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True)
print('ready', flush=True)
server.serve_forever()
