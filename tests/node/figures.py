"""Times pods from POST to Running, as a watcher sees it. Runs inside the control plane's network namespace:

    figures.py KUBECONFIG NODE IMAGE COUNT      prints one line of JSON, milliseconds"""
import base64
import http.client
import json
import ssl
import statistics
import sys
import tempfile
import time
import urllib.parse

import yaml


def connect(path):
    config = yaml.safe_load(open(path))
    cluster, user = config['clusters'][0]['cluster'], config['users'][0]['user']
    context = ssl.create_default_context(cadata=base64.b64decode(cluster['certificate-authority-data']).decode())
    with tempfile.NamedTemporaryFile() as file:
        file.write(base64.b64decode(user['client-certificate-data']) + b'\n' + base64.b64decode(user['client-key-data']))
        file.flush()
        context.load_cert_chain(file.name)
    host = urllib.parse.urlparse(cluster['server']).netloc
    return lambda: http.client.HTTPSConnection(host, context=context, timeout=60)


def request(connection, method, path, body=None):
    connection.request(method, path, json.dumps(body) if body else None, {'Content-Type': 'application/json'})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def main():
    new, node, image, count = connect(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    writer = new()
    pods = '/api/v1/namespaces/default/pods'
    running, gone = [], []
    for i in range(count):
        body = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': f'timed-{i}'}, 'spec': {
            'nodeName': node, 'terminationGracePeriodSeconds': 1,
            'containers': [{'name': 'main', 'image': image, 'command': ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.05; done']}]}}
        watcher = new()
        watcher.request('GET', f'{pods}?watch=1&fieldSelector=metadata.name%3Dtimed-{i}')
        stream = watcher.getresponse()
        began = time.monotonic()
        status, answer = request(writer, 'POST', pods, body)
        assert status == 201, answer
        for line in stream:
            event = json.loads(line)
            if any(c['type'] == 'Ready' and c['status'] == 'True' for c in event['object'].get('status', {}).get('conditions', [])):
                break
        running.append((time.monotonic() - began) * 1000)
        began = time.monotonic()
        request(writer, 'DELETE', f'{pods}/timed-{i}')
        for line in stream:
            if json.loads(line)['type'] == 'DELETED':
                break
        gone.append((time.monotonic() - began) * 1000)
        watcher.close()
    print(json.dumps({'running_p50': round(statistics.median(running), 1), 'running_min': round(min(running), 1), 'running_max': round(max(running), 1),
                      'deleted_p50': round(statistics.median(gone), 1), 'pods': count}))


main()
