"""helm with a chart as people write them: definitions, a subchart, hooks that run in pods, a test."""
import json
import subprocess
import uuid

import pytest
from conftest import IMAGE, Client
from program import CACHE

JOB = '''apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-NAME
  annotations: {"helm.sh/hook": HOOK, "helm.sh/hook-weight": "WEIGHT", "helm.sh/hook-delete-policy": before-hook-creation}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{name: main, image: {{ .Values.image }}, command: [sh, -c, "SCRIPT"]}]
'''


def job(name, hook, script='true', weight=0):
    text = JOB
    for word, value in (('NAME', name), ('HOOK', hook), ('WEIGHT', str(weight)), ('SCRIPT', script)):
        text = text.replace(word, value)
    return text


CHART = {
    'Chart.yaml': 'apiVersion: v2\nname: clock\nversion: 1.0.0\ndependencies: [{name: tower, version: 0.1.0, condition: tower.enabled}]\n',
    'values.yaml': f'image: {IMAGE}\nword: tick\nreplicas: 1\nbroken: false\nglobal: {{owner: everybody}}\ntower: {{enabled: true, height: 3}}\n',
    'crds/chimes.yaml': '''apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: chimes.GROUP}
spec:
  group: GROUP
  scope: Namespaced
  names: {plural: chimes, singular: chime, kind: Chime}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {notes: {type: integer, minimum: 1}}}}}}
''',
    'templates/chime.yaml': 'apiVersion: GROUP/v1\nkind: Chime\nmetadata: {name: "{{ .Release.Name }}"}\nspec: {notes: 4}\n',
    'templates/page.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}-page"}\ndata: {index.html: "{{ .Values.word }}"}\n',
    'templates/service.yaml': '''apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: "{{ .Release.Name }}"}, ports: [{port: 80, targetPort: 8080}]}
''',
    'templates/deployment.yaml': '''apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata:
      labels: {app: "{{ .Release.Name }}"}
      annotations: {page: {{ .Values.word | quote }}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: {{ if .Values.broken }}kaname.local/missing:1{{ else }}{{ .Values.image }}{{ end }}
          imagePullPolicy: IfNotPresent
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
          volumeMounts: [{name: page, mountPath: /www}]
      volumes: [{name: page, configMap: {name: "{{ .Release.Name }}-page"}}]
''',
    'templates/before.yaml': job('before', 'pre-install', 'echo first'),
    'templates/between.yaml': job('between', '"pre-install,pre-upgrade"', 'echo second', 1),
    'templates/after.yaml': job('after', 'post-install', 'wget -qO- http://{{ .Release.Name }} | grep {{ .Values.word }}'),
    'templates/farewell.yaml': job('farewell', 'pre-delete', 'wget -qO- http://{{ .Release.Name }} && echo bye'),
    'templates/check.yaml': '''apiVersion: v1
kind: Pod
metadata:
  name: {{ .Release.Name }}-check
  annotations: {"helm.sh/hook": test, "helm.sh/hook-delete-policy": before-hook-creation}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers: [{name: check, image: {{ .Values.image }}, command: [sh, -c, "wget -qO- http://{{ .Release.Name }} | grep {{ .Values.expected | default .Values.word }}"]}]
''',
    'charts/tower/Chart.yaml': 'apiVersion: v2\nname: tower\nversion: 0.1.0\n',
    'charts/tower/values.yaml': 'height: 1\n',
    'charts/tower/templates/cm.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "{{ .Release.Name }}-tower"}\n'
                                      'data: {height: "{{ .Values.height }}", owner: "{{ .Values.global.owner }}"}\n',
}


class Helm(Client):
    def __init__(self, up, program, namespace, chart):
        super().__init__(up, 'kubectl', namespace)
        self.helm_program, self.chart = f'{CACHE}/bin/{program}', chart

    def try_helm(self, *args):
        return subprocess.run([self.helm_program, '-n', self.namespace, *args], env=self.up.env(), capture_output=True, text=True, timeout=150)

    def helm(self, *args):
        done = self.try_helm(*args)
        assert done.returncode == 0, f'helm {" ".join(args)}\n{done.stdout}{done.stderr}{self("get", "pods")}'
        return done.stdout

    def page(self):
        """What the web server serves; a mounted file may be a moment late, so pods are new with each word."""
        self('rollout', 'status', 'deployment/r', '--timeout=60s')
        return self('exec', 'deployment/r', '--', 'wget', '-qO-', 'http://r')

    def history(self):
        return [(int(h['revision']), h['status']) for h in json.loads(self.helm('history', 'r', '-o', 'json'))]


@pytest.fixture(params=['helm', 'helm3'])
def h(up, request, tmp_path):
    name = 't-' + uuid.uuid4().hex[:8]
    group = f'{name}.example.com'
    for path, text in CHART.items():
        where = tmp_path / 'clock' / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text.replace('GROUP', group))
    up.kubectl('create', 'namespace', name)
    up.kubectl('wait', 'serviceaccount/default', '-n', name, '--for=create', '--timeout=30s')
    yield Helm(up, request.param, name, str(tmp_path / 'clock'))
    up.kubectl('delete', 'crd', f'chimes.{group}', '--ignore-not-found')
    up.kubectl('delete', 'namespace', name, '--wait=false')


def done_at(h, name):
    return h.json('get', 'job', name)['status']['completionTime']


def test_life_of_a_release(h):
    out = h.helm('install', 'r', h.chart, '--wait', '--timeout', '100s')
    assert 'STATUS: deployed' in out
    assert h('logs', 'job/r-before') == 'first\n' and h('logs', 'job/r-after') == 'tick\n'
    assert done_at(h, 'r-before') <= done_at(h, 'r-between') <= done_at(h, 'r-after')
    assert h.json('get', 'cm', 'r-tower')['data'] == {'height': '3', 'owner': 'everybody'}
    assert h.json('get', f'chimes.{h.namespace}.example.com', 'r')['spec'] == {'notes': 4}
    assert h.page() == 'tick'

    between = h.json('get', 'job', 'r-between')['metadata']['uid']
    h.helm('upgrade', 'r', h.chart, '--set', 'word=tock,tower.enabled=false,replicas=2', '--wait', '--timeout', '100s')
    assert h.page() == 'tock'
    assert h.json('get', 'job', 'r-between')['metadata']['uid'] != between
    assert 'NotFound' in h.fails('get', 'cm', 'r-tower')

    tested = h.helm('test', 'r', '--logs', '--timeout', '100s')
    assert 'Phase:          Succeeded' in tested and 'tock' in tested

    h.helm('rollback', 'r', '1', '--wait', '--timeout', '100s')
    assert h.page() == 'tick'
    assert h.json('get', 'cm', 'r-tower')['data']['height'] == '3'
    assert h.history() == [(1, 'superseded'), (2, 'superseded'), (3, 'deployed')]

    assert 'uninstalled' in h.helm('uninstall', 'r', '--wait', '--timeout', '100s')
    assert h('logs', 'job/r-farewell').endswith('bye\n')
    assert 'NotFound' in h.fails('get', 'deployment', 'r')
    assert h('get', 'crd', f'chimes.{h.namespace}.example.com', '-o', 'name')  # helm leaves definitions
    assert json.loads(h.helm('list', '-o', 'json')) == []


def test_a_failed_upgrade_is_rolled_back(h):
    h.helm('install', 'r', h.chart, '--wait', '--timeout', '100s')
    flag = '--rollback-on-failure' if h.helm_program.endswith('helm') else '--atomic'
    failed = h.try_helm('upgrade', 'r', h.chart, '--set', 'broken=true', '--wait', flag, '--timeout', '8s')
    assert failed.returncode == 1
    assert [status for _, status in h.history()][-1] == 'deployed' and 'failed' in [status for _, status in h.history()]
    assert h.page() == 'tick'


def test_a_failing_test_and_hook_are_told(h):
    h.helm('install', 'r', h.chart, '--set', 'expected=cuckoo', '--wait', '--timeout', '100s')
    failed = h.try_helm('test', 'r', '--timeout', '60s')
    assert failed.returncode == 1 and 'Phase:          Failed' in failed.stdout + failed.stderr, failed
    with open(f'{h.chart}/templates/between.yaml', 'w') as f:
        f.write(job('between', 'pre-upgrade', 'exit 3'))
    refused = h.try_helm('upgrade', 'r', h.chart, '--timeout', '60s')
    assert refused.returncode == 1 and 'pre-upgrade hooks failed' in refused.stderr
    assert h.history()[-1][1] == 'failed'
