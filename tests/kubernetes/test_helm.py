"""helm installs, upgrades and removes a chart."""
import os

import pytest

CHART = {
    'Chart.yaml': 'apiVersion: v2\nname: demo\nversion: 0.1.0\nkubeVersion: ">=1.30.0"\n',
    'values.yaml': 'word: hello\n',
    'templates/cm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-cm\ndata:\n  word: {{ .Values.word }}\n',
    'templates/deployment.yaml': '''apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
spec:
  replicas: 0
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec: {containers: [{name: c, image: busybox}]}
''',
}


@pytest.mark.parametrize('client', ['helm', 'helm3'])
def test_release(server, ns, tmp_path, client):
    for name, text in CHART.items():
        path = tmp_path / 'demo' / name
        os.makedirs(path.parent, exist_ok=True)
        path.write_text(text)
    chart = str(tmp_path / 'demo')
    server.run(client, '-n', ns, 'install', 'r1', chart)
    assert server.get('-n', ns, 'cm', 'r1-cm')['data'] == {'word': 'hello'}
    server.run(client, '-n', ns, 'upgrade', 'r1', chart, '--set', 'word=bye')
    assert server.get('-n', ns, 'cm', 'r1-cm')['data'] == {'word': 'bye'}
    assert 'r1' in server.run(client, '-n', ns, 'list').stdout
    server.run(client, '-n', ns, 'rollback', 'r1', '1')
    assert server.get('-n', ns, 'cm', 'r1-cm')['data'] == {'word': 'hello'}
    server.run(client, '-n', ns, 'uninstall', 'r1')
    assert 'not found' in server.kubectl_error('-n', ns, 'get', 'deployment', 'r1')
