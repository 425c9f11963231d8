"""Objects that the API takes, with fields of many kinds: what mutants are made of."""

TEMPLATE = {
    'metadata': {'labels': {'app': 'a', 'tier': 'b'}, 'annotations': {'example.com/note': 'text'}},
    'spec': {
        'initContainers': [{'name': 'first', 'image': 'busybox', 'restartPolicy': 'Always', 'command': ['sh', '-c', 'true']}],
        'containers': [
            {'name': 'a', 'image': 'registry.example.com/a:1', 'args': ['--one', '$(TWO)'], 'workingDir': '/w',
             'ports': [{'name': 'web', 'containerPort': 80, 'protocol': 'TCP'}, {'containerPort': 53, 'protocol': 'UDP'}],
             'env': [{'name': 'ONE', 'value': '1'}, {'name': 'TWO', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}},
                     {'name': 'THREE', 'valueFrom': {'secretKeyRef': {'name': 's', 'key': 'k', 'optional': True}}},
                     {'name': 'FOUR', 'valueFrom': {'resourceFieldRef': {'resource': 'limits.cpu', 'divisor': '1m'}}}],
             'envFrom': [{'prefix': 'P_', 'configMapRef': {'name': 'c'}}],
             'resources': {'requests': {'cpu': '100m', 'memory': '64Mi'}, 'limits': {'cpu': '1', 'memory': '1.5Gi'}},
             'volumeMounts': [{'name': 'scratch', 'mountPath': '/s', 'subPath': 'x/y'}, {'name': 'all', 'mountPath': '/a', 'readOnly': True}],
             'livenessProbe': {'httpGet': {'path': '/z', 'port': 'web', 'httpHeaders': [{'name': 'X-A', 'value': 'b'}]}, 'periodSeconds': 5},
             'readinessProbe': {'tcpSocket': {'port': 80}, 'failureThreshold': 2}, 'startupProbe': {'exec': {'command': ['true']}},
             'lifecycle': {'preStop': {'sleep': {'seconds': 1}}, 'postStart': {'exec': {'command': ['true']}}},
             'securityContext': {'runAsUser': 1000, 'capabilities': {'add': ['NET_ADMIN'], 'drop': ['ALL']}, 'seccompProfile': {'type': 'RuntimeDefault'},
                                 'allowPrivilegeEscalation': False}}],
        'volumes': [
            {'name': 'scratch', 'emptyDir': {'sizeLimit': '1Gi', 'medium': 'Memory'}},
            {'name': 'all', 'projected': {'defaultMode': 292, 'sources': [
                {'serviceAccountToken': {'path': 't', 'audience': 'x', 'expirationSeconds': 3600}}, {'configMap': {'name': 'c', 'items': [{'key': 'k', 'path': 'p/q'}]}},
                {'downwardAPI': {'items': [{'path': 'l', 'fieldRef': {'fieldPath': 'metadata.labels'}}]}}]}},
            {'name': 'host', 'hostPath': {'path': '/tmp', 'type': 'Directory'}}, {'name': 'claim', 'persistentVolumeClaim': {'claimName': 'data'}}],
        'affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [
            {'matchExpressions': [{'key': 'zone', 'operator': 'In', 'values': ['a', 'b']}, {'key': 'n', 'operator': 'Gt', 'values': ['5']}]}]},
            'preferredDuringSchedulingIgnoredDuringExecution': [{'weight': 5, 'preference': {'matchExpressions': [{'key': 'x', 'operator': 'Exists'}]}}]},
            'podAntiAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [{'topologyKey': 'kubernetes.io/hostname', 'labelSelector': {'matchLabels': {'app': 'a'}}}]}},
        'topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'zone', 'whenUnsatisfiable': 'ScheduleAnyway', 'labelSelector': {'matchLabels': {'app': 'a'}}}],
        'tolerations': [{'key': 'k', 'operator': 'Equal', 'value': 'v', 'effect': 'NoExecute', 'tolerationSeconds': 30}],
        'hostAliases': [{'ip': '10.0.0.1', 'hostnames': ['a.example.com']}], 'dnsConfig': {'nameservers': ['10.0.0.2'], 'options': [{'name': 'ndots', 'value': '2'}]},
        'securityContext': {'fsGroup': 2000, 'supplementalGroups': [1, 2], 'sysctls': [{'name': 'net.core.somaxconn', 'value': '1024'}]},
        'imagePullSecrets': [{'name': 'pull'}], 'nodeSelector': {'disk': 'fast'}, 'terminationGracePeriodSeconds': 5,
    },
}
SELECTOR = {'matchLabels': {'app': 'a'}, 'matchExpressions': [{'key': 'tier', 'operator': 'In', 'values': ['b', 'c']}]}
METADATA = {'name': 'm', 'labels': {'app': 'a'}, 'annotations': {'note': 'x'}, 'finalizers': ['example.com/a', 'example.com/b'],
            'ownerReferences': [{'apiVersion': 'v1', 'kind': 'ConfigMap', 'name': 'o', 'uid': '6f2b1c5e-0000-4000-8000-000000000000'}]}


def thing(version, kind, **more):
    return {'apiVersion': version, 'kind': kind, 'metadata': METADATA, **more}


def at(group, plural, namespaced=True):
    return ('/api/v1/' if group == 'v1' else f'/apis/{group}/') + ('namespaces/NAMESPACE/' if namespaced else '') + plural


OBJECTS = [
    (at('v1', 'pods'), thing('v1', 'Pod', spec=TEMPLATE['spec'])),
    (at('v1', 'configmaps'), thing('v1', 'ConfigMap', data={'a': 'text\nof lines\n', 'b.json': '{"x":[1]}'}, binaryData={'c': 'AAEC'})),
    (at('v1', 'secrets'), thing('v1', 'Secret', type='Opaque', data={'a': 'c2VjcmV0'}, stringData={'b': 'plain'})),
    (at('v1', 'services'), thing('v1', 'Service', spec={
        'type': 'ClusterIP', 'selector': {'app': 'a'}, 'sessionAffinity': 'ClientIP', 'sessionAffinityConfig': {'clientIP': {'timeoutSeconds': 10}},
        'ports': [{'name': 'web', 'port': 80, 'targetPort': 'web', 'appProtocol': 'http'}, {'name': 'dns', 'port': 53, 'protocol': 'UDP', 'targetPort': 53}]})),
    (at('v1', 'persistentvolumeclaims'), thing('v1', 'PersistentVolumeClaim', spec={
        'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}, 'storageClassName': 'x', 'selector': SELECTOR})),
    (at('v1', 'resourcequotas'), thing('v1', 'ResourceQuota', spec={'hard': {'count/widgets.example.com': '1000', 'services.nodeports': '1k'}})),
    (at('v1', 'endpoints'), thing('v1', 'Endpoints', subsets=[{'addresses': [{'ip': '10.0.0.1', 'hostname': 'h', 'targetRef': {'kind': 'Pod', 'name': 'p'}}],
                                                               'ports': [{'name': 'web', 'port': 80}]}])),
    (at('apps/v1', 'deployments'), thing('apps/v1', 'Deployment', spec={
        'replicas': 0, 'selector': SELECTOR, 'template': TEMPLATE, 'strategy': {'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': '25%', 'maxUnavailable': 1}}})),
    (at('apps/v1', 'statefulsets'), thing('apps/v1', 'StatefulSet', spec={
        'serviceName': 's', 'replicas': 0, 'selector': SELECTOR, 'template': TEMPLATE, 'persistentVolumeClaimRetentionPolicy': {'whenDeleted': 'Delete'},
        'volumeClaimTemplates': [{'metadata': {'name': 'v'}, 'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Mi'}}}}]})),
    (at('batch/v1', 'cronjobs'), thing('batch/v1', 'CronJob', spec={
        'schedule': '*/5 1-3 * * MON', 'timeZone': 'Europe/Berlin', 'suspend': True, 'jobTemplate': {'spec': {
            'completions': 2, 'backoffLimit': 3, 'podFailurePolicy': {'rules': [{'action': 'FailJob', 'onExitCodes': {'operator': 'In', 'values': [1, 2]}}]},
            'template': {'spec': {'restartPolicy': 'Never', 'containers': [{'name': 'a', 'image': 'b'}]}}}}})),
    (at('networking.k8s.io/v1', 'ingresses'), thing('networking.k8s.io/v1', 'Ingress', spec={
        'tls': [{'hosts': ['a.example.com'], 'secretName': 't'}],
        'rules': [{'host': '*.example.com', 'http': {'paths': [{'path': '/a', 'pathType': 'Prefix', 'backend': {'service': {'name': 's', 'port': {'number': 80}}}}]}}]})),
    (at('networking.k8s.io/v1', 'networkpolicies'), thing('networking.k8s.io/v1', 'NetworkPolicy', spec={
        'podSelector': SELECTOR, 'policyTypes': ['Ingress', 'Egress'],
        'ingress': [{'from': [{'ipBlock': {'cidr': '10.0.0.0/8', 'except': ['10.1.0.0/16']}}, {'podSelector': SELECTOR}], 'ports': [{'port': 80, 'endPort': 90}, {'port': 'web'}]}]})),
    (at('rbac.authorization.k8s.io/v1', 'roles'), thing('rbac.authorization.k8s.io/v1', 'Role', rules=[
        {'apiGroups': ['', 'apps'], 'resources': ['pods', 'deployments/scale'], 'verbs': ['get', 'list'], 'resourceNames': ['x']}])),
    (at('autoscaling/v2', 'horizontalpodautoscalers'), thing('autoscaling/v2', 'HorizontalPodAutoscaler', spec={
        'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'd'}, 'minReplicas': 1, 'maxReplicas': 5,
        'metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 50}}},
                    {'type': 'External', 'external': {'metric': {'name': 'q', 'selector': SELECTOR}, 'target': {'type': 'AverageValue', 'averageValue': '30m'}}}],
        'behavior': {'scaleDown': {'stabilizationWindowSeconds': 10, 'policies': [{'type': 'Percent', 'value': 10, 'periodSeconds': 60}]}}})),
    (at('discovery.k8s.io/v1', 'endpointslices'), thing('discovery.k8s.io/v1', 'EndpointSlice', addressType='IPv4', endpoints=[
        {'addresses': ['10.0.0.1'], 'conditions': {'ready': True}, 'zone': 'a', 'hints': {'forZones': [{'name': 'a'}]}}], ports=[{'name': 'web', 'port': 80, 'protocol': 'TCP'}])),
    (at('policy/v1', 'poddisruptionbudgets'), thing('policy/v1', 'PodDisruptionBudget', spec={'minAvailable': '50%', 'selector': SELECTOR})),
    (at('coordination.k8s.io/v1', 'leases'), thing('coordination.k8s.io/v1', 'Lease', spec={
        'holderIdentity': 'me', 'leaseDurationSeconds': 15, 'renewTime': '2024-01-02T03:04:05.000006Z'})),
    (at('v1', 'nodes', False), thing('v1', 'Node', spec={'taints': [{'key': 'k', 'value': 'v', 'effect': 'NoSchedule'}], 'podCIDRs': ['10.9.0.0/24'], 'podCIDR': '10.9.0.0/24'},
                                     status={'capacity': {'cpu': '4', 'memory': '1Ti', 'example.com/gpu': '2'}})),
    (at('apiextensions.k8s.io/v1', 'customresourcedefinitions', False), {
        **thing('apiextensions.k8s.io/v1', 'CustomResourceDefinition'), 'metadata': {'name': 'mutants.limits.example.com', 'annotations': {'a': 'b'}},
        'spec': {'group': 'limits.example.com', 'scope': 'Namespaced', 'names': {'plural': 'mutants', 'singular': 'mutant', 'kind': 'Mutant', 'shortNames': ['mu']},
                 'versions': [{'name': 'v1', 'served': True, 'storage': True, 'subresources': {'status': {}, 'scale': {
                     'specReplicasPath': '.spec.replicas', 'statusReplicasPath': '.status.replicas'}},
                     'additionalPrinterColumns': [{'name': 'N', 'type': 'integer', 'jsonPath': '.spec.replicas'}],
                     'schema': {'openAPIV3Schema': {'type': 'object', 'properties': {
                         'spec': {'type': 'object', 'required': ['replicas'], 'properties': {
                             'replicas': {'type': 'integer', 'minimum': 0, 'maximum': 10, 'default': 1}, 'name': {'type': 'string', 'pattern': '^[a-z]+$', 'maxLength': 20},
                             'when': {'type': 'string', 'format': 'date-time', 'nullable': True}, 'any': {'x-kubernetes-int-or-string': True},
                             'list': {'type': 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], 'items': {
                                 'type': 'object', 'required': ['k'], 'properties': {'k': {'type': 'string'}}}},
                             'free': {'type': 'object', 'x-kubernetes-preserve-unknown-fields': True}},
                             'x-kubernetes-validations': [{'rule': 'self.replicas < 11', 'message': 'too many'}]},
                         'status': {'type': 'object', 'properties': {'replicas': {'type': 'integer'}}}}}}}]}}),
    (at('admissionregistration.k8s.io/v1', 'validatingwebhookconfigurations', False), thing('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', webhooks=[
        {'name': 'w.example.com', 'clientConfig': {'url': 'https://hook.example.com/a'}, 'sideEffects': 'None', 'admissionReviewVersions': ['v1'], 'failurePolicy': 'Ignore',
         'rules': [{'apiGroups': ['nothing.example.com'], 'apiVersions': ['v1'], 'operations': ['CREATE'], 'resources': ['nothings']}], 'namespaceSelector': SELECTOR,
         'matchConditions': [{'name': 'c', 'expression': "request.name != 'x'"}], 'timeoutSeconds': 5}])),
]
