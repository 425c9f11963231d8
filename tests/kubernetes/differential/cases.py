"""What is asked: for each kind a good object and changes that make it bad (or good in another way)."""
from compare import changed

ns = 'default'


def path_of(group_version, plural, namespaced=True, name='', query='?dryRun=All'):
    base = '/api/v1' if group_version == 'v1' else f'/apis/{group_version}'
    return base + (f'/namespaces/{ns}' if namespaced else '') + f'/{plural}' + (f'/{name}' if name else '') + query


container = {'name': 'c', 'image': 'nginx'}
pod_spec = {'containers': [container]}
template = {'metadata': {'labels': {'app': 'a'}}, 'spec': pod_spec}

# (apiVersion, kind, plural, namespaced): the rest of a good object
goods = {
    ('v1', 'Pod', 'pods', True): {'metadata': {'name': 'p'}, 'spec': pod_spec},
    ('v1', 'PodTemplate', 'podtemplates', True): {'metadata': {'name': 'p'}, 'template': template},
    ('v1', 'Service', 'services', True): {'metadata': {'name': 's'}, 'spec': {'clusterIP': '10.96.77.7', 'selector': {'app': 'a'},
                                                                              'ports': [{'port': 80}]}},
    ('v1', 'ConfigMap', 'configmaps', True): {'metadata': {'name': 'm'}, 'data': {'a': 'b'}},
    ('v1', 'Secret', 'secrets', True): {'metadata': {'name': 's'}, 'stringData': {'a': 'b'}},
    ('v1', 'ServiceAccount', 'serviceaccounts', True): {'metadata': {'name': 'a'}},
    ('v1', 'Namespace', 'namespaces', False): {'metadata': {'name': 'n'}},
    ('v1', 'Node', 'nodes', False): {'metadata': {'name': 'n'}},
    ('v1', 'Endpoints', 'endpoints', True): {'metadata': {'name': 'e'},
                                             'subsets': [{'addresses': [{'ip': '10.0.0.1'}], 'ports': [{'port': 80}]}]},
    ('v1', 'Event', 'events', True): {'metadata': {'name': 'e'}, 'involvedObject': {'namespace': 'default', 'kind': 'Pod', 'name': 'p'},
                                      'reason': 'R', 'message': 'm'},
    ('v1', 'LimitRange', 'limitranges', True): {'metadata': {'name': 'l'}, 'spec': {'limits': [
        {'type': 'Container', 'max': {'cpu': '2'}, 'min': {'cpu': '1'}}]}},
    ('v1', 'ResourceQuota', 'resourcequotas', True): {'metadata': {'name': 'q'}, 'spec': {'hard': {'pods': '3', 'requests.cpu': '2'}}},
    ('v1', 'PersistentVolume', 'persistentvolumes', False): {'metadata': {'name': 'v'}, 'spec': {
        'capacity': {'storage': '1Gi'}, 'accessModes': ['ReadWriteOnce'], 'hostPath': {'path': '/tmp/x'}}},
    ('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', True): {'metadata': {'name': 'c'}, 'spec': {
        'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}},
    ('v1', 'ReplicationController', 'replicationcontrollers', True): {'metadata': {'name': 'r'}, 'spec': {
        'selector': {'app': 'a'}, 'template': template}},
    ('apps/v1', 'Deployment', 'deployments', True): {'metadata': {'name': 'd'}, 'spec': {
        'selector': {'matchLabels': {'app': 'a'}}, 'template': template}},
    ('apps/v1', 'ReplicaSet', 'replicasets', True): {'metadata': {'name': 'd'}, 'spec': {
        'selector': {'matchLabels': {'app': 'a'}}, 'template': template}},
    ('apps/v1', 'StatefulSet', 'statefulsets', True): {'metadata': {'name': 'd'}, 'spec': {
        'serviceName': 's', 'selector': {'matchLabels': {'app': 'a'}}, 'template': template}},
    ('apps/v1', 'DaemonSet', 'daemonsets', True): {'metadata': {'name': 'd'}, 'spec': {
        'selector': {'matchLabels': {'app': 'a'}}, 'template': template}},
    ('apps/v1', 'ControllerRevision', 'controllerrevisions', True): {'metadata': {'name': 'd'}, 'revision': 1, 'data': {'a': 1}},
    ('batch/v1', 'Job', 'jobs', True): {'metadata': {'name': 'j'}, 'spec': {
        'template': {'spec': {'containers': [container], 'restartPolicy': 'Never'}}}},
    ('batch/v1', 'CronJob', 'cronjobs', True): {'metadata': {'name': 'j'}, 'spec': {'schedule': '*/5 * * * *', 'jobTemplate': {
        'spec': {'template': {'spec': {'containers': [container], 'restartPolicy': 'Never'}}}}}},
    ('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', True): {'metadata': {'name': 'b'}, 'spec': {
        'minAvailable': 1, 'selector': {'matchLabels': {'app': 'a'}}}},
    ('autoscaling/v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', True): {'metadata': {'name': 'h'}, 'spec': {
        'maxReplicas': 3, 'scaleTargetRef': {'apiVersion': 'apps/v1', 'kind': 'Deployment', 'name': 'd'}}},
    ('coordination.k8s.io/v1', 'Lease', 'leases', True): {'metadata': {'name': 'l'}, 'spec': {'holderIdentity': 'x'}},
    ('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', True): {'metadata': {'name': 'e'}, 'addressType': 'IPv4',
                                                                     'endpoints': [{'addresses': ['10.0.0.1']}], 'ports': [{'port': 80}]},
    ('events.k8s.io/v1', 'Event', 'events', True): {
        'metadata': {'name': 'e'}, 'eventTime': '2026-01-01T00:00:00.000000Z', 'reportingController': 'a.b/c', 'reportingInstance': 'i',
        'action': 'A', 'reason': 'R', 'type': 'Normal', 'note': 'n', 'regarding': {'namespace': 'default', 'kind': 'Pod', 'name': 'p'}},
    ('rbac.authorization.k8s.io/v1', 'Role', 'roles', True): {'metadata': {'name': 'r'}, 'rules': [
        {'apiGroups': [''], 'resources': ['pods'], 'verbs': ['get']}]},
    ('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', False): {'metadata': {'name': 'r'}, 'rules': [
        {'nonResourceURLs': ['/x'], 'verbs': ['get']}]},
    ('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings', True): {
        'metadata': {'name': 'b'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': 'view'},
        'subjects': [{'kind': 'User', 'name': 'u'}, {'kind': 'ServiceAccount', 'name': 'default'}]},
    ('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', False): {
        'metadata': {'name': 'b'}, 'roleRef': {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'ClusterRole', 'name': 'view'},
        'subjects': [{'kind': 'Group', 'name': 'g'}]},
    ('networking.k8s.io/v1', 'Ingress', 'ingresses', True): {'metadata': {'name': 'i'}, 'spec': {'rules': [{'host': 'a.example', 'http': {
        'paths': [{'path': '/', 'pathType': 'Prefix', 'backend': {'service': {'name': 's', 'port': {'number': 80}}}}]}}]}},
    ('networking.k8s.io/v1', 'IngressClass', 'ingressclasses', False): {'metadata': {'name': 'i'}, 'spec': {'controller': 'a.b/c'}},
    ('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', True): {'metadata': {'name': 'n'}, 'spec': {
        'podSelector': {}, 'ingress': [{'from': [{'podSelector': {}}], 'ports': [{'port': 80}]}]}},
    ('storage.k8s.io/v1', 'StorageClass', 'storageclasses', False): {'metadata': {'name': 's'}, 'provisioner': 'a.b/c'},
    ('storage.k8s.io/v1', 'CSIDriver', 'csidrivers', False): {'metadata': {'name': 'd.example'}, 'spec': {}},
    ('storage.k8s.io/v1', 'CSINode', 'csinodes', False): {'metadata': {'name': 'n'}, 'spec': {
        'drivers': [{'name': 'd.example', 'nodeID': 'x', 'topologyKeys': None}]}},
    ('storage.k8s.io/v1', 'VolumeAttachment', 'volumeattachments', False): {'metadata': {'name': 'n'}, 'spec': {
        'attacher': 'd.example', 'nodeName': 'n', 'source': {'persistentVolumeName': 'v'}}},
    ('storage.k8s.io/v1', 'VolumeAttributesClass', 'volumeattributesclasses', False): {
        'metadata': {'name': 'n'}, 'driverName': 'd.example', 'parameters': {'a': 'b'}},
    ('scheduling.k8s.io/v1', 'PriorityClass', 'priorityclasses', False): {'metadata': {'name': 'p'}, 'value': 5},
    ('node.k8s.io/v1', 'RuntimeClass', 'runtimeclasses', False): {'metadata': {'name': 'r'}, 'handler': 'h'},
    ('flowcontrol.apiserver.k8s.io/v1', 'FlowSchema', 'flowschemas', False): {
        'metadata': {'name': 'f'}, 'spec': {'priorityLevelConfiguration': {'name': 'exempt'}}},
    ('admissionregistration.k8s.io/v1', 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations', False): {
        'metadata': {'name': 'w'}, 'webhooks': [{'name': 'a.b.example', 'admissionReviewVersions': ['v1'], 'sideEffects': 'None',
                                                 'clientConfig': {'url': 'https://x.example/'}}]},
    ('apiregistration.k8s.io/v1', 'APIService', 'apiservices', False): {
        'metadata': {'name': 'v1.x.example'}, 'spec': {'group': 'x.example', 'version': 'v1', 'groupPriorityMinimum': 10,
                                                       'versionPriority': 10, 'service': {'name': 's', 'namespace': 'default'}}},
}

metadata_changes = [
    {'metadata.name': 'Bad_Name'}, {'metadata.name': None}, {'metadata.labels': {'a b': 'c'}}, {'metadata.labels': {'a': 'b c'}},
    {'metadata.annotations': {'-x': ''}}, {'metadata.finalizers': ['a b']},
]

S = 'spec.containers[0].'
V = 'spec.volumes[0].'
pod_changes = [
    {S + 'name': None}, {S + 'name': 'A'}, {S + 'image': None}, {S + 'image': ' x'}, {S + 'image': 'a:latest'}, {S + 'image': 'a:1'},
    {S + 'imagePullPolicy': 'Sometimes'}, {S + 'terminationMessagePolicy': 'x'}, {S + 'command': ['a'], S + 'args': ['b']},
    {'spec.containers': []}, {'spec.containers[1]': {'name': 'c', 'image': 'x'}}, {'spec.restartPolicy': 'Maybe'},
    {'spec.dnsPolicy': 'x'}, {'spec.dnsPolicy': 'None'}, {'spec.dnsPolicy': 'None', 'spec.dnsConfig': {}},
    {'spec.dnsConfig': {'nameservers': ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4']}}, {'spec.dnsConfig': {'nameservers': ['x']}},
    {'spec.dnsConfig': {'searches': ['a_b', '-']}}, {'spec.dnsConfig': {'options': [{'value': 'x'}]}},
    {'spec.nodeSelector': {'a b': 'c'}}, {'spec.nodeName': 'A'}, {'spec.hostname': 'A'}, {'spec.subdomain': 'a.b'},
    {'spec.activeDeadlineSeconds': 0}, {'spec.activeDeadlineSeconds': 5}, {'spec.serviceAccountName': 'A'},
    {'spec.priorityClassName': 'nope'}, {'spec.priorityClassName': 'system-node-critical'}, {'spec.priority': 7},
    {'spec.preemptionPolicy': 'x'}, {'spec.preemptionPolicy': 'Never'}, {'spec.runtimeClassName': 'nope'}, {'spec.overhead': {'cpu': '1'}},
    {'spec.terminationGracePeriodSeconds': -1}, {'spec.hostAliases': [{'ip': 'x', 'hostnames': ['A']}]},
    {'spec.imagePullSecrets': [{'name': 'x'}]}, {'spec.shareProcessNamespace': True, 'spec.hostPID': True},
    {'spec.schedulingGates': [{'name': 'g'}]}, {'spec.schedulingGates': [{'name': 'g'}, {'name': 'g'}]},
    {'spec.schedulingGates': [{'name': 'g'}], 'spec.nodeName': 'n'}, {'spec.readinessGates': [{'conditionType': 'a b'}]},
    {'spec.ephemeralContainers': [{'name': 'e', 'image': 'x'}]}, {'spec.os': {'name': 'linux'}}, {'spec.os': {'name': 'mac'}},
    {'spec.hostUsers': False, 'spec.hostNetwork': True}, {'spec.enableServiceLinks': False}, {'spec.setHostnameAsFQDN': True},
    {'spec.hostnameOverride': 'A'}, {'spec.automountServiceAccountToken': False},
    # ports
    {S + 'ports': [{'containerPort': 0}]}, {S + 'ports': [{'containerPort': 70000}]}, {S + 'ports': [{'containerPort': 80}]},
    {S + 'ports': [{'containerPort': 80, 'name': 'UPPER'}]}, {S + 'ports': [{'containerPort': 80, 'name': 'a--b'}]},
    {S + 'ports': [{'containerPort': 80, 'name': '123'}]}, {S + 'ports': [{'containerPort': 80, 'protocol': 'X'}]},
    {S + 'ports': [{'containerPort': 80, 'hostPort': 1}, {'containerPort': 81, 'hostPort': 1}]},
    {S + 'ports': [{'containerPort': 80, 'name': 'a'}, {'containerPort': 81, 'name': 'a'}]},
    {S + 'ports': [{'containerPort': 80, 'hostPort': 81}], 'spec.hostNetwork': True},
    {S + 'ports': [{'containerPort': 80}], 'spec.hostNetwork': True},
    # environment
    {S + 'env': [{'name': ''}]}, {S + 'env': [{'name': 'a=b'}]}, {S + 'env': [{'name': 'a', 'valueFrom': {}}]},
    {S + 'env': [{'name': 'a', 'value': 'x', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.name'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.nope'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'fieldRef': {'fieldPath': 'metadata.labels'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'fieldRef': {'fieldPath': "metadata.labels['x']"}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'fieldRef': {'fieldPath': "status.podIP"}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'resourceFieldRef': {'resource': 'limits.cpu', 'divisor': '3'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'resourceFieldRef': {'resource': 'limits.x'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'resourceFieldRef': {'resource': 'limits.memory', 'divisor': '1Mi'}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'configMapKeyRef': {'name': '', 'key': ''}}}]},
    {S + 'env': [{'name': 'a', 'valueFrom': {'secretKeyRef': {'name': 'x', 'key': '../x'}}}]},
    {S + 'envFrom': [{}]}, {S + 'envFrom': [{'configMapRef': {'name': 'x'}, 'secretRef': {'name': 'y'}}]},
    {S + 'envFrom': [{'configMapRef': {'name': ''}}]}, {S + 'envFrom': [{'prefix': 'a=', 'configMapRef': {'name': 'x'}}]},
    # resources
    {S + 'resources': {'limits': {'cpu': '1'}}}, {S + 'resources': {'requests': {'cpu': '2'}, 'limits': {'cpu': '1'}}},
    {S + 'resources': {'limits': {'cpu': '-1'}}}, {S + 'resources': {'limits': {'foo': '1'}}},
    {S + 'resources': {'limits': {'example.com/gpu': '1'}}}, {S + 'resources': {'requests': {'example.com/gpu': '1'}}},
    {S + 'resources': {'limits': {'example.com/gpu': '1.5'}}}, {S + 'resources': {'limits': {'hugepages-2Mi': '4Mi'}}},
    {S + 'resources': {'limits': {'hugepages-2Mi': '3Mi', 'cpu': '1'}}}, {S + 'resources': {'limits': {'storage': '1'}}},
    {S + 'resources': {'limits': {'kubernetes.io/x': '1'}}}, {S + 'resources': {'claims': [{'name': 'x'}]}},
    {S + 'resources': {'limits': {'cpu': '0.0001'}}}, {S + 'resources': {'requests': {'memory': '1000000Ki', 'cpu': '1000m'}}},
    {'spec.resources': {'limits': {'cpu': '1', 'memory': '1Gi'}}}, {'spec.resources': {'limits': {'foo': '1'}}},
    {'spec.resourceClaims': [{'name': 'x'}]}, {'spec.resourceClaims': [{'name': 'x', 'resourceClaimName': 'y'}]},
    {S + 'resizePolicy': [{'resourceName': 'cpu', 'restartPolicy': 'x'}]},
    {S + 'resizePolicy': [{'resourceName': 'cpu', 'restartPolicy': 'NotRequired'}]},
    # probes and hooks
    {S + 'livenessProbe': {}}, {S + 'livenessProbe': {'exec': {}}}, {S + 'livenessProbe': {'httpGet': {'port': 0}}},
    {S + 'livenessProbe': {'httpGet': {'port': 'x', 'scheme': 'FTP'}}}, {S + 'livenessProbe': {'tcpSocket': {'port': 80}}},
    {S + 'livenessProbe': {'tcpSocket': {'port': 80}, 'successThreshold': 2}},
    {S + 'livenessProbe': {'tcpSocket': {'port': 80}, 'periodSeconds': -1}},
    {S + 'livenessProbe': {'tcpSocket': {'port': 80}, 'terminationGracePeriodSeconds': 0}},
    {S + 'readinessProbe': {'grpc': {'port': 80}, 'terminationGracePeriodSeconds': 3}},
    {S + 'startupProbe': {'httpGet': {'port': 80, 'httpHeaders': [{'name': 'a b', 'value': 'x'}]}, 'tcpSocket': {'port': 1}}},
    {S + 'lifecycle': {'postStart': {}}}, {S + 'lifecycle': {'preStop': {'sleep': {'seconds': 99}}}},
    {S + 'lifecycle': {'stopSignal': 'SIGTERM'}},
    # security
    {S + 'securityContext': {'privileged': True, 'allowPrivilegeEscalation': False}}, {S + 'securityContext': {'runAsUser': -1}},
    {S + 'securityContext': {'procMount': 'x'}}, {S + 'securityContext': {'seccompProfile': {'type': 'Localhost'}}},
    {S + 'securityContext': {'seccompProfile': {'type': 'RuntimeDefault', 'localhostProfile': 'x'}}},
    {S + 'securityContext': {'seccompProfile': {}}}, {S + 'securityContext': {'appArmorProfile': {'type': 'x'}}},
    {S + 'securityContext': {'appArmorProfile': {'type': 'Localhost'}}},
    {S + 'securityContext': {'capabilities': {'add': ['CAP_SYS_ADMIN']}, 'allowPrivilegeEscalation': False}},
    {'spec.securityContext': {'fsGroup': -1}}, {'spec.securityContext': {'supplementalGroups': [1, -1]}},
    {'spec.securityContext': {'sysctls': [{'name': 'A', 'value': 'x'}]}}, {'spec.securityContext': {'fsGroupChangePolicy': 'x'}},
    {'spec.securityContext': {'sysctls': [{'name': 'net.x', 'value': 'x'}]}, 'spec.hostNetwork': True},
    {'spec.securityContext': {'supplementalGroupsPolicy': 'x'}}, {'spec.securityContext': {'runAsNonRoot': True, 'runAsUser': 1}},
    # scheduling
    {'spec.tolerations': [{'key': 'a'}]}, {'spec.tolerations': [{'operator': 'Equal'}]}, {'spec.tolerations': [{'operator': 'Exists'}]},
    {'spec.tolerations': [{'key': 'a', 'operator': 'Exists', 'value': 'b'}]}, {'spec.tolerations': [{'key': 'a', 'effect': 'x'}]},
    {'spec.tolerations': [{'key': 'a', 'tolerationSeconds': 3}]}, {'spec.tolerations': [{'key': 'a', 'operator': 'Gt', 'value': '3'}]},
    {'spec.tolerations': [{'key': 'node.kubernetes.io/not-ready', 'operator': 'Exists', 'effect': 'NoExecute', 'tolerationSeconds': 1}]},
    {'spec.topologySpreadConstraints': [{'maxSkew': 0, 'topologyKey': '', 'whenUnsatisfiable': 'x'}]},
    {'spec.topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'a', 'whenUnsatisfiable': 'ScheduleAnyway', 'minDomains': 1}]},
    {'spec.topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'a', 'whenUnsatisfiable': 'DoNotSchedule',
                                         'labelSelector': {'matchLabels': {'a': 'b'}}, 'matchLabelKeys': ['x']}], 'metadata.labels': {'x': 'y'}},
    {'spec.topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'a', 'whenUnsatisfiable': 'DoNotSchedule'}] * 2},
    {'spec.affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': []}}}},
    {'spec.affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [
        {'matchExpressions': [{'key': 'a', 'operator': 'In'}, {'key': 'b', 'operator': 'x'}, {'key': 'c', 'operator': 'Gt', 'values': []},
                              {'key': 'd', 'operator': 'Exists', 'values': ['x']}], 'matchFields': [{'key': 'x', 'operator': 'In', 'values': ['y']}]}]}}}},
    {'spec.affinity': {'nodeAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [{'weight': 0, 'preference': {}}]}}},
    {'spec.affinity': {'podAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [{'topologyKey': ''}]}}},
    {'spec.affinity': {'podAntiAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [
        {'weight': 101, 'podAffinityTerm': {'topologyKey': 'a', 'labelSelector': {'matchExpressions': [{'key': 'a', 'operator': 'In'}]}}}]}}},
    {'spec.affinity': {'podAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [
        {'topologyKey': 'a', 'matchLabelKeys': ['x'], 'labelSelector': {}}]}}, 'metadata.labels': {'x': 'y'}},
    # volumes
    {V + 'name': 'v'}, {V + 'name': 'V', V + 'emptyDir': {}}, {V + 'name': '', V + 'emptyDir': {}},
    {V + 'name': 'v', V + 'emptyDir': {'sizeLimit': '-1'}}, {V + 'name': 'v', V + 'hostPath': {'path': ''}},
    {V + 'name': 'v', V + 'hostPath': {'path': '/a/../b', 'type': 'x'}}, {V + 'name': 'v', V + 'secret': {}},
    {V + 'name': 'v', V + 'emptyDir': {}, V + 'hostPath': {'path': '/x'}}, {V + 'name': 'v', V + 'configMap': {'name': ''}},
    {V + 'name': 'v', V + 'secret': {'secretName': 's', 'defaultMode': 511, 'items': [{'key': '', 'path': '/x', 'mode': 9999}]}},
    {V + 'name': 'v', V + 'persistentVolumeClaim': {'claimName': ''}}, {V + 'name': 'v', V + 'nfs': {'server': '', 'path': 'x'}},
    {V + 'name': 'v', V + 'downwardAPI': {'items': [{'path': 'x'}]}},
    {V + 'name': 'v', V + 'downwardAPI': {'items': [{'path': '../x', 'fieldRef': {'fieldPath': 'metadata.x'}}]}},
    {V + 'name': 'v', V + 'downwardAPI': {'items': [{'path': 'x', 'fieldRef': {'fieldPath': 'metadata.labels'}}]}},
    {V + 'name': 'v', V + 'projected': {'sources': [{}]}},
    {V + 'name': 'v', V + 'projected': {'sources': [{'serviceAccountToken': {'expirationSeconds': 1, 'path': 'x'}}]}},
    {V + 'name': 'v', V + 'projected': {'sources': [{'configMap': {'name': 'x', 'items': [{'key': 'a', 'path': 'a'}]}},
                                                    {'secret': {'name': 'y', 'items': [{'key': 'a', 'path': 'a'}]}}]}},
    {V + 'name': 'v', V + 'csi': {'driver': 'A B'}}, {V + 'name': 'v', V + 'csi': {'driver': ''}},
    {V + 'name': 'v', V + 'ephemeral': {}}, {V + 'name': 'v', V + 'ephemeral': {'volumeClaimTemplate': {'spec': {}}}},
    {V + 'name': 'v', V + 'image': {'reference': ''}}, {V + 'name': 'v', V + 'image': {'reference': 'x', 'pullPolicy': 'y'}},
    {'spec.volumes': [{'name': 'v', 'emptyDir': {}}] * 2},
    {S + 'volumeMounts': [{'name': 'x', 'mountPath': '/x'}]}, {S + 'volumeMounts': [{'name': '', 'mountPath': ''}]},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeMounts': [{'name': 'v', 'mountPath': '/x', 'subPath': '../y'}]},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeMounts': [{'name': 'v', 'mountPath': '/x', 'subPath': 'a', 'subPathExpr': 'b'}]},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeMounts': [{'name': 'v', 'mountPath': '/x'}] * 2},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeMounts': [{'name': 'v', 'mountPath': '/x', 'mountPropagation': 'Bidirectional'}]},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeMounts': [{'name': 'v', 'mountPath': '/x', 'recursiveReadOnly': 'Enabled'}]},
    {V + 'name': 'v', V + 'emptyDir': {}, S + 'volumeDevices': [{'name': 'v', 'devicePath': '/x'}]},
    # init containers
    {'spec.initContainers': [{'name': 'i', 'image': 'x'}]}, {'spec.initContainers': [{'name': 'c', 'image': 'x'}]},
    {'spec.initContainers': [{'name': 'i', 'image': 'x', 'restartPolicy': 'Always'}]},
    {'spec.initContainers': [{'name': 'i', 'image': 'x', 'restartPolicy': 'x'}]},
    {'spec.initContainers': [{'name': 'i', 'image': 'x', 'livenessProbe': {'tcpSocket': {'port': 1}}, 'lifecycle': {}}]},
    {S + 'restartPolicy': 'Never'}, {S + 'restartPolicyRules': [{'action': 'x'}]},
]

# What is let in with a warning.
pod_changes += [
    {'spec.nodeSelector': {'beta.kubernetes.io/arch': 'amd64'}}, {'spec.nodeSelector': {'failure-domain.beta.kubernetes.io/zone': 'a'}},
    {'spec.affinity': {'nodeAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': {'nodeSelectorTerms': [
        {'matchExpressions': [{'key': 'beta.kubernetes.io/os', 'operator': 'Exists'}]}]}}}},
    {'spec.affinity': {'nodeAffinity': {'preferredDuringSchedulingIgnoredDuringExecution': [
        {'weight': 1, 'preference': {'matchExpressions': [{'key': 'beta.kubernetes.io/instance-type', 'operator': 'Exists'}]}}]}}},
    {'spec.topologySpreadConstraints': [{'maxSkew': 1, 'topologyKey': 'failure-domain.beta.kubernetes.io/zone',
                                         'whenUnsatisfiable': 'DoNotSchedule'}]},
    {'spec.affinity': {'podAffinity': {'requiredDuringSchedulingIgnoredDuringExecution': [{'topologyKey': 'a'}],
                                       'preferredDuringSchedulingIgnoredDuringExecution': [
                                           {'weight': 1, 'podAffinityTerm': {'topologyKey': 'a'}}]}}},
    {'spec.hostAliases': [{'ip': '10.0.0.1', 'hostnames': ['a']}, {'ip': '10.0.0.1', 'hostnames': ['b']}]},
    {'spec.imagePullSecrets': [{'name': 'a'}, {'name': 'a'}, {'name': ''}]},
    {'metadata.annotations': {'scheduler.alpha.kubernetes.io/critical-pod': '', 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined'}},
    {'metadata.annotations': {'seccomp.security.alpha.kubernetes.io/pod': 'x', 'container.seccomp.security.alpha.kubernetes.io/c': 'localhost/../x'}},
    {'metadata.annotations': {'controller.kubernetes.io/pod-deletion-cost': '+1'}}, {'metadata.annotations': {'controller.kubernetes.io/pod-deletion-cost': '-5'}},
    {'metadata.annotations': {'kubernetes.io/config.mirror': 'x'}},
    {'metadata.annotations': {'container.apparmor.security.beta.kubernetes.io/z': 'x'}},
    {S + 'env': [{'name': 'A', 'value': '1'}, {'name': 'A', 'value': '2'}]}, {S + 'env': [{'name': 'A', 'value': '1'}, {'name': 'A', 'value': '$(A)2'}]},
    {S + 'resources': {'requests': {'memory': '1500m'}, 'limits': {'memory': '2500m'}}},
    {S + 'ports': [{'containerPort': 80}, {'containerPort': 80, 'name': 'a'}]},
    {S + 'ports': [{'containerPort': 80, 'hostPort': 80}, {'containerPort': 80}]},
    {S + 'ports': [{'containerPort': 80, 'hostPort': 80, 'hostIP': '10.0.0.1'}, {'containerPort': 80, 'hostPort': 80}]},
    {'spec.initContainers': [{'name': 'i', 'image': 'x', 'ports': [{'containerPort': 90, 'name': 'a'}]}],
     S + 'ports': [{'containerPort': 80, 'name': 'a'}]},
    {V + 'name': 'v', V + 'gitRepo': {'repository': 'x'}}, {V + 'name': 'v', V + 'glusterfs': {'endpoints': 'e', 'path': 'p'}},
]
template_changes = [
    {'spec.template.spec.containers': []}, {'spec.template.spec.restartPolicy': 'Never'}, {'spec.template.metadata.labels': {'app': 'b'}},
    {'spec.template.spec.activeDeadlineSeconds': 1}, {'spec.template.spec.containers[0].image': None},
    {'spec.template.metadata.annotations': {'a b': ''}},
    {'spec.template.metadata.annotations': {'controller.kubernetes.io/pod-deletion-cost': 'x'}},
]

changes = {
    'Pod': pod_changes,
    'PodTemplate': [{'template.spec.containers[0].name': 'A'}],
    'Service': [
        {'spec.ports': []}, {'spec.ports[0].port': 0}, {'spec.ports[0].port': 70000}, {'spec.ports[0].protocol': 'X'},
        {'spec.ports[1]': {'port': 81}}, {'spec.ports': [{'port': 80, 'name': 'a'}, {'port': 80, 'name': 'b'}]},
        {'spec.ports': [{'port': 80, 'name': 'a'}, {'port': 81, 'name': 'a'}]}, {'spec.ports[0].targetPort': 'A'},
        {'spec.ports[0].targetPort': 0}, {'spec.ports[0].nodePort': 30123}, {'spec.type': 'NodePort', 'spec.ports[0].nodePort': 30123},
        {'spec.type': 'NodePort', 'spec.ports[0].nodePort': 80}, {'spec.type': 'x'}, {'spec.type': 'ExternalName'},
        {'spec.type': 'ExternalName', 'spec.clusterIP': None, 'spec.externalName': 'a.example.'},
        {'spec.type': 'ExternalName', 'spec.clusterIP': None, 'spec.externalName': 'A'},
        {'spec.clusterIP': 'None'}, {'spec.clusterIP': 'None', 'spec.selector': None}, {'spec.clusterIP': 'None', 'spec.type': 'NodePort'},
        {'spec.clusterIP': 'x'}, {'spec.clusterIP': '10.97.0.1'}, {'spec.clusterIP': '10.96.0.1'}, {'spec.clusterIP': '010.96.0.9'},
        {'spec.clusterIPs': ['10.96.1.1']}, {'spec.clusterIPs': ['10.96.77.7', 'fd00::1']}, {'spec.clusterIPs': ['10.96.77.7', '10.96.1.1']},
        {'spec.sessionAffinity': 'x'}, {'spec.sessionAffinity': 'ClientIP'},
        {'spec.sessionAffinity': 'ClientIP', 'spec.sessionAffinityConfig': {'clientIP': {'timeoutSeconds': 0}}},
        {'spec.sessionAffinityConfig': {'clientIP': {'timeoutSeconds': 10}}}, {'spec.ipFamilies': ['IPv6']}, {'spec.ipFamilies': ['x']},
        {'spec.ipFamilyPolicy': 'RequireDualStack'}, {'spec.ipFamilyPolicy': 'x'}, {'spec.ipFamilyPolicy': 'PreferDualStack'},
        {'spec.externalIPs': ['1.2.3.4']}, {'spec.externalIPs': ['127.0.0.1']}, {'spec.externalIPs': ['x']}, {'spec.externalIPs': ['0.0.0.0']},
        {'spec.externalTrafficPolicy': 'Local'}, {'spec.internalTrafficPolicy': 'x'}, {'spec.internalTrafficPolicy': 'Local'},
        {'spec.healthCheckNodePort': 30500}, {'spec.loadBalancerClass': 'a/b'}, {'spec.allocateLoadBalancerNodePorts': True},
        {'spec.loadBalancerSourceRanges': ['10.0.0.0/8']}, {'spec.type': 'LoadBalancer', 'spec.loadBalancerSourceRanges': ['x'],
                                                            'spec.allocateLoadBalancerNodePorts': False},
        {'spec.type': 'LoadBalancer', 'spec.allocateLoadBalancerNodePorts': False}, {'spec.trafficDistribution': 'x'},
        {'spec.trafficDistribution': 'PreferClose'}, {'spec.selector': {'a b': 'c'}}, {'metadata.name': '1abc'}, {'metadata.name': 'a.b'},
        {'spec.ports[0].appProtocol': 'a b'}, {'spec.publishNotReadyAddresses': True},
    ],
    'ConfigMap': [{'data': {'a/b': 'x'}}, {'data': {'..': 'x'}}, {'binaryData': {'a': 'eA=='}}, {'binaryData': {'b': 'eA=='}},
                  {'immutable': True}, {'data': {'a': 'x' * (1 << 20) + 'y'}}],
    'Secret': [{'data': {'a b': 'eA=='}}, {'type': 'kubernetes.io/tls'}, {'type': 'kubernetes.io/dockerconfigjson'},
               {'type': 'kubernetes.io/basic-auth'}, {'type': 'kubernetes.io/ssh-auth'}, {'type': 'kubernetes.io/service-account-token'},
               {'type': 'x'}, {'data': {'a': 'eHg='}}, {'type': 'kubernetes.io/dockercfg'},
               *({'type': 'kubernetes.io/' + kind, 'stringData': {'.' + kind: text}} for kind in ('dockerconfigjson', 'dockercfg') for text in (
                   '{"auths":{}}', '{}', 'null', '', ' ', '{', '[]', '"a"', '5', '1.5', 'true', '{"a":1e999}', '{"a":01}', '{"a" 1}', '{} x', "{'a':1}", '\x00')),
               {'type': 'kubernetes.io/dockerconfigjson', 'data': {'.dockerconfigjson': '/w=='}},
               {'type': 'kubernetes.io/basic-auth', 'stringData': {'username': ''}}, {'type': 'kubernetes.io/basic-auth', 'stringData': {'password': 'x'}},
               {'type': 'kubernetes.io/ssh-auth', 'stringData': {'ssh-privatekey': ''}}, {'type': 'kubernetes.io/ssh-auth', 'stringData': {'ssh-privatekey': 'x'}},
               {'type': 'kubernetes.io/tls', 'stringData': {'tls.crt': ''}}],
    'Namespace': [{'metadata.name': 'a.b'}, {'metadata.labels': {'pod-security.kubernetes.io/enforce': 'x'}},
                  {'metadata.labels': {'pod-security.kubernetes.io/enforce-version': 'v2'}}],
    'Node': [{'spec.taints': [{'key': 'a', 'effect': 'x'}]}, {'spec.taints': [{'key': 'a b', 'effect': 'NoSchedule'}]},
             {'spec.taints': [{'key': 'a', 'effect': 'NoSchedule'}] * 2}, {'spec.podCIDR': 'x'}, {'spec.podCIDR': '10.0.0.0/24'},
             {'spec.unschedulable': True}, {'status': {'capacity': {'cpu': '2'}}}, {'status': {'capacity': {'cpu': '-2'}}},
             {'spec.taints': [{'key': 'a'}]}, {'spec.podCIDRs': ['10.0.0.0/24', '10.1.0.0/24']}],
    'Endpoints': [{'subsets': [{}]}, {'subsets[0].addresses[0].ip': 'x'}, {'subsets[0].addresses[0].ip': '127.0.0.1'},
                  {'subsets[0].ports[0].port': 0}, {'subsets[0].ports': [{'port': 1}, {'port': 2}]},
                  {'subsets[0].addresses[0].hostname': 'A'}, {'subsets[0].addresses[0].nodeName': 'A'}],
    'LimitRange': [{'spec.limits[0].type': 'x'}, {'spec.limits[0].type': 'Pod', 'spec.limits[0].default': {'cpu': '1'}},
                   {'spec.limits[0].min.cpu': '3'}, {'spec.limits[0].defaultRequest': {'cpu': '3'}},
                   {'spec.limits[0].maxLimitRequestRatio': {'cpu': '0.5'}}, {'spec.limits[0].max': {'foo': '1'}},
                   {'spec.limits[1]': {'type': 'Container'}}, {'spec.limits': [{'type': 'PersistentVolumeClaim'}]},
                   {'spec.limits[0].default': {'cpu': '3'}}, {'spec.limits[0].default': {'cpu': '0.5'}}],
    'ResourceQuota': [{'spec.hard': {'foo': '1'}}, {'spec.hard': {'pods': '-1'}}, {'spec.hard': {'pods': '1.5'}},
                      {'spec.scopes': ['x']}, {'spec.scopes': ['BestEffort']}, {'spec.scopes': ['Terminating', 'NotTerminating']},
                      {'spec.scopeSelector': {'matchExpressions': [{'scopeName': 'PriorityClass', 'operator': 'In'}]}},
                      {'spec.scopeSelector': {'matchExpressions': [{'scopeName': 'Terminating', 'operator': 'In', 'values': ['x']}]}},
                      {'spec.hard': {'count/deployments.apps': '1', 'requests.example.com/gpu': '3'}}],
    'PersistentVolume': [{'spec.capacity': {}}, {'spec.capacity': {'storage': '0'}}, {'spec.accessModes': []}, {'spec.accessModes': ['x']},
                         {'spec.accessModes': ['ReadWriteOncePod', 'ReadWriteOnce']}, {'spec.hostPath': None},
                         {'spec.hostPath.path': ''}, {'spec.nfs': {'server': 'a', 'path': '/x'}}, {'spec.persistentVolumeReclaimPolicy': 'x'},
                         {'spec.hostPath': None, 'spec.csi': {'driver': '', 'volumeHandle': ''}}, {'spec.volumeMode': 'x'},
                         {'spec.hostPath': None, 'spec.local': {'path': '/x'}}, {'spec.storageClassName': 'A'},
                         {'spec.hostPath': None, 'spec.csi': {'driver': 'd.example', 'volumeHandle': 'x'}},
                         {'spec.nodeAffinity': {}}, {'spec.hostPath.path': '/a/../b'}],
    'PersistentVolumeClaim': [{'spec.accessModes': []}, {'spec.accessModes': ['x']}, {'spec.resources': {}}, {'spec.volumeMode': 'x'},
                              {'spec.resources.requests.storage': '0'}, {'spec.resources.requests.storage': '-1'},
                              {'spec.storageClassName': 'A'}, {'spec.storageClassName': ''}, {'spec.dataSource': {'kind': 'X', 'name': 'y'}},
                              {'spec.dataSource': {'kind': 'PersistentVolumeClaim', 'name': 'y'}},
                              {'spec.selector': {'matchExpressions': [{'key': 'a', 'operator': 'x'}]}}],
    'ReplicationController': template_changes + [{'spec.replicas': -1}, {'spec.selector': {}}, {'spec.selector': None},
                                                 {'spec.template': None}],
    'Deployment': template_changes + [
        {'spec.template.spec.nodeSelector': {'beta.kubernetes.io/arch': 'amd64'}},
        {'spec.template.spec.terminationGracePeriodSeconds': -1},
        {'spec.replicas': -1}, {'spec.selector': None}, {'spec.selector': {}}, {'spec.selector.matchLabels': {'a b': 'c'}},
        {'spec.strategy': {'type': 'x'}}, {'spec.strategy': {'type': 'Recreate', 'rollingUpdate': {'maxSurge': 1}}},
        {'spec.strategy': {'rollingUpdate': {'maxSurge': 0, 'maxUnavailable': 0}}},
        {'spec.strategy': {'rollingUpdate': {'maxSurge': '10', 'maxUnavailable': '200%'}}},
        {'spec.strategy': {'rollingUpdate': {'maxUnavailable': -1}}}, {'spec.minReadySeconds': 700}, {'spec.progressDeadlineSeconds': 0},
        {'spec.revisionHistoryLimit': -1}, {'spec.paused': True}, {'spec.strategy': {'type': 'Recreate'}}],
    'ReplicaSet': template_changes + [{'spec.replicas': -1}, {'spec.selector': None}, {'spec.selector': {}}],
    'StatefulSet': template_changes + [
        {'spec.replicas': -1}, {'spec.selector': None}, {'spec.podManagementPolicy': 'x'}, {'spec.updateStrategy': {'type': 'x'}},
        {'spec.updateStrategy': {'type': 'OnDelete', 'rollingUpdate': {'partition': 1}}}, {'spec.serviceName': 'A'},
        {'spec.updateStrategy': {'rollingUpdate': {'partition': -1}}}, {'spec.ordinals': {'start': -1}},
        {'spec.persistentVolumeClaimRetentionPolicy': {'whenDeleted': 'x'}}, {'metadata.name': 'a' * 64},
        {'spec.volumeClaimTemplates': [{'metadata': {'name': 'v'}, 'spec': {'accessModes': ['ReadWriteOnce'],
                                                                           'resources': {'requests': {'storage': '1'}}}}],
         'spec.template.spec.containers[0].volumeMounts': [{'name': 'v', 'mountPath': '/v'}]}],
    'DaemonSet': template_changes + [
        {'spec.selector': None}, {'spec.selector': {}}, {'spec.updateStrategy': {'type': 'x'}}, {'spec.updateStrategy': {'type': 'OnDelete'}},
        {'spec.updateStrategy': {'rollingUpdate': {'maxUnavailable': 0}}},
        {'spec.updateStrategy': {'rollingUpdate': {'maxUnavailable': 1, 'maxSurge': 1}}}, {'spec.minReadySeconds': -1}],
    'ControllerRevision': [{'data': None}, {'revision': -1}],
    'Job': [
        {'spec.template.spec.restartPolicy': None}, {'spec.template.spec.restartPolicy': 'Always'}, {'spec.parallelism': -1},
        {'spec.completions': -1}, {'spec.backoffLimit': -1}, {'spec.completionMode': 'x'}, {'spec.completionMode': 'Indexed'},
        {'spec.completionMode': 'Indexed', 'spec.completions': 3}, {'spec.backoffLimitPerIndex': 1}, {'spec.maxFailedIndexes': 1},
        {'spec.completionMode': 'Indexed', 'spec.completions': 3, 'spec.backoffLimitPerIndex': 1, 'spec.maxFailedIndexes': 5},
        {'spec.podFailurePolicy': {'rules': [{'action': 'x'}]}}, {'spec.podReplacementPolicy': 'x'}, {'spec.suspend': True},
        {'spec.podFailurePolicy': {'rules': [{'action': 'Ignore', 'onPodConditions': [{'type': 'DisruptionTarget'}]}]}},
        {'spec.podFailurePolicy': {'rules': [{'action': 'FailJob', 'onExitCodes': {'operator': 'In', 'values': [0, 1, 1], 'containerName': 'z'}}]}},
        {'spec.podFailurePolicy': {'rules': [{'action': 'FailIndex', 'onExitCodes': {'operator': 'x', 'values': []}}]}},
        {'spec.successPolicy': {'rules': [{'succeededCount': 1}]}}, {'spec.manualSelector': True},
        {'spec.manualSelector': True, 'spec.selector': {'matchLabels': {'a': 'b'}}, 'spec.template.metadata.labels': {'a': 'b'}},
        {'spec.selector': {'matchLabels': {'a': 'b'}}}, {'spec.ttlSecondsAfterFinished': -1}, {'spec.activeDeadlineSeconds': 10},
        {'spec.template.metadata.labels': {'controller-uid': 'x'}}, {'spec.managedBy': 'x'}, {'spec.managedBy': 'a.example/b'}],
    'CronJob': [
        {'spec.schedule': ''}, {'spec.schedule': 'x'}, {'spec.schedule': '* * * *'}, {'spec.schedule': '61 * * * *'},
        {'spec.schedule': '@daily'}, {'spec.schedule': '@often'}, {'spec.schedule': 'TZ=UTC * * * * *'}, {'spec.schedule': '*/0 * * * *'},
        {'spec.schedule': '5-1 * * * *'}, {'spec.schedule': '0 0 * JAN MON-FRI'}, {'spec.timeZone': ''}, {'spec.timeZone': 'No/Where!'},
        {'spec.timeZone': 'Etc/UTC'}, {'spec.timeZone': 'Local'}, {'spec.concurrencyPolicy': 'x'}, {'spec.startingDeadlineSeconds': -1},
        {'spec.successfulJobsHistoryLimit': -1}, {'metadata.name': 'a' * 53}, {'spec.jobTemplate.spec.template.spec.restartPolicy': 'x'},
        {'spec.jobTemplate.spec.manualSelector': True}, {'spec.jobTemplate.spec.selector': {'matchLabels': {'a': 'b'}}}],
    'PodDisruptionBudget': [{'spec.maxUnavailable': 1}, {'spec.minAvailable': -1}, {'spec.minAvailable': '101%'},
                            {'spec.minAvailable': '50'}, {'spec.minAvailable': None}, {'spec.unhealthyPodEvictionPolicy': 'x'},
                            {'spec.selector': {'matchLabels': {'a b': 'c'}}}],
    'HorizontalPodAutoscaler': [
        {'spec.maxReplicas': 0}, {'spec.minReplicas': 0}, {'spec.minReplicas': 5}, {'spec.scaleTargetRef.kind': ''},
        {'spec.scaleTargetRef.name': ''}, {'spec.metrics': [{'type': 'x'}]}, {'spec.metrics': [{'type': 'Resource'}]},
        {'spec.metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 50}}}]},
        {'spec.metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization', 'averageUtilization': 0}}}]},
        {'spec.metrics': [{'type': 'Resource', 'resource': {'name': 'cpu', 'target': {'type': 'Utilization'}}}]},
        {'spec.metrics': [{'type': 'Pods', 'pods': {'metric': {'name': ''}, 'target': {'type': 'AverageValue', 'averageValue': '1'}}}]},
        {'spec.behavior': {'scaleDown': {'stabilizationWindowSeconds': -1}}}, {'spec.behavior': {'scaleUp': {'selectPolicy': 'Min'}}}],
    'Lease': [{'spec.leaseDurationSeconds': 0}, {'spec.leaseTransitions': -1}, {'spec.renewTime': '2026-01-01T00:00:00.123456Z'},
              {'spec.strategy': 'x'}, {'spec.preferredHolder': 'x'}],
    'EndpointSlice': [{'addressType': None}, {'addressType': 'x'}, {'endpoints[0].addresses': []}, {'endpoints[0].addresses': ['x']},
                      {'endpoints[0].addresses': ['127.0.0.1']}, {'ports': [{'port': 0}]}, {'ports': [{'port': 1, 'protocol': 'x'}]},
                      {'ports': [{'port': 1}, {'port': 2}]}, {'endpoints[0].hostname': 'A'}, {'endpoints[0].nodeName': 'A'},
                      {'endpoints[0].conditions': {'ready': True}}],
    'Role': [{'rules[0].verbs': []}, {'rules[0].apiGroups': None}, {'rules[0].resources': []}, {'rules[0].nonResourceURLs': ['/x']},
             {'rules': []}, {'rules': None}, {'metadata.name': 'A:b'}, {'metadata.name': 'a/b'}],
    'ClusterRole': [{'aggregationRule': {}}, {'aggregationRule': {'clusterRoleSelectors': [{'matchLabels': {'a': 'b'}}]}},
                    {'rules[0].resources': ['x']}],
    'RoleBinding': [{'roleRef.kind': 'x'}, {'roleRef.name': ''}, {'roleRef.apiGroup': 'x'}, {'subjects': [{'kind': 'x', 'name': 'y'}]},
                    {'subjects': [{'kind': 'User', 'name': ''}]}, {'subjects': None}, {'roleRef.name': 'nope'},
                    {'subjects': [{'kind': 'ServiceAccount', 'name': 'A', 'apiGroup': 'x'}]}],
    'ClusterRoleBinding': [{'roleRef.kind': 'Role'}, {'subjects': [{'kind': 'ServiceAccount', 'name': 'x'}]}],
    'Ingress': [{'spec': {}}, {'spec.rules[0].host': '1.2.3.4'}, {'spec.rules[0].host': '*.a.example'}, {'spec.rules[0].host': '*'},
                {'spec.rules[0].http.paths': []}, {'spec.rules[0].http.paths[0].pathType': None}, {'spec.rules[0].http.paths[0].pathType': 'x'},
                {'spec.rules[0].http.paths[0].path': 'x'}, {'spec.rules[0].http.paths[0].path': '/a//b/../c/.'},
                {'spec.rules[0].http.paths[0].backend': {}}, {'spec.rules[0].http.paths[0].backend.service.port': {}},
                {'spec.rules[0].http.paths[0].backend.service.port': {'name': 'a', 'number': 1}}, {'spec.ingressClassName': 'A'},
                {'spec.rules[0].http.paths[0].backend.service.name': 'A'}, {'spec.tls': [{'hosts': ['A'], 'secretName': 'B'}]},
                {'spec': {'defaultBackend': {'resource': {'kind': 'X', 'name': 'y'}}}},
                {'metadata.annotations': {'kubernetes.io/ingress.class': 'a'}, 'spec.ingressClassName': 'b'}],
    'IngressClass': [{'spec.controller': ''}, {'spec.controller': 'x'}, {'spec.parameters': {'kind': 'X', 'name': 'y'}},
                     {'spec.parameters': {'kind': 'X', 'name': 'y', 'scope': 'Namespace'}}],
    'NetworkPolicy': [{'spec.ingress': [{'from': [{}]}]}, {'spec.ingress': [{'from': [{'ipBlock': {'cidr': 'x'}}]}]},
                      {'spec.ingress': [{'from': [{'ipBlock': {'cidr': '10.0.0.0/8'}, 'podSelector': {}}]}]},
                      {'spec.ingress': [{'ports': [{'port': 0}]}]}, {'spec.ingress': [{'ports': [{'port': 'A'}]}]},
                      {'spec.ingress': [{'ports': [{'port': 80, 'endPort': 70}]}]}, {'spec.ingress': [{'ports': [{'endPort': 70}]}]},
                      {'spec.policyTypes': ['x']}, {'spec.egress': [{'to': [{'namespaceSelector': {}}]}]},
                      {'spec.ingress': [{'from': [{'ipBlock': {'cidr': '10.0.0.0/8', 'except': ['11.0.0.0/16']}}]}]},
                      {'spec.ingress': [{'ports': [{'port': 80, 'protocol': 'X'}]}]}],
    'StorageClass': [{'provisioner': ''}, {'reclaimPolicy': 'x'}, {'volumeBindingMode': 'x'}, {'parameters': {'a': 'b'}},
                     {'allowVolumeExpansion': True}],
    'CSIDriver': [{'spec.volumeLifecycleModes': ['x']}, {'spec.fsGroupPolicy': 'x'}, {'spec.tokenRequests': [{'audience': 'a', 'expirationSeconds': 1}]}],
    'CSINode': [{'spec.drivers[0].nodeID': ''}, {'spec.drivers[0].name': ''}, {'spec.drivers[0].allocatable': {'count': -1}}],
    'VolumeAttachment': [{'spec.attacher': ''}, {'spec.source': {}}, {'spec.nodeName': ''}],
    'VolumeAttributesClass': [{'driverName': ''}, {'parameters': None}],
    'PriorityClass': [{'value': 2000000000}, {'metadata.name': 'system-x'}, {'preemptionPolicy': 'x'}, {'globalDefault': True}],
    'RuntimeClass': [{'handler': ''}, {'handler': 'A'}, {'overhead': {'podFixed': {'foo': '1'}}}, {'scheduling': {'nodeSelector': {'a b': 'c'}}}],
    'FlowSchema': [{'spec.matchingPrecedence': 0}, {'spec.matchingPrecedence': 20000}, {'spec.priorityLevelConfiguration.name': ''}],
    'ValidatingWebhookConfiguration': [
        {'webhooks[0].name': 'a'}, {'webhooks[0].sideEffects': 'Some'}, {'webhooks[0].sideEffects': None}, {'webhooks[0].timeoutSeconds': 31},
        {'webhooks[0].clientConfig': {}}, {'webhooks[0].admissionReviewVersions': []}, {'webhooks[0].failurePolicy': 'x'},
        {'webhooks[0].rules': [{'operations': ['x'], 'apiGroups': [''], 'apiVersions': ['v1'], 'resources': ['pods']}]},
        {'webhooks[0].clientConfig.url': 'http://x'}],
    'APIService': [{'metadata.name': 'x'}, {'spec.groupPriorityMinimum': 0}, {'spec.versionPriority': 0}, {'spec.service.name': ''}],
}


def create_cases():
    for (version, kind, plural, namespaced), rest in goods.items():
        base = {'apiVersion': version, 'kind': kind, **rest}
        for i, change in enumerate([{}] + metadata_changes + changes.get(kind, [])):
            label = ','.join(f'{k}={v}' for k, v in change.items())[:90]
            yield {'name': f'{version}/{kind}#{i} {label}', 'method': 'POST', 'path': path_of(version, plural, namespaced),
                   'body': changed(base, change)}


# Objects that both servers hold, and updates of them: (kind, changes of the stored object, changes to be tried).
stored = [
    ('Pod', {'metadata.name': 'kept'}, [{S + 'image': 'other'}, {S + 'image': ''}, {S + 'name': 'x'}, {'spec.containers[1]': {'name': 'd', 'image': 'x'}},
                                        {'spec.tolerations': []}, {'spec.activeDeadlineSeconds': 5}, {'spec.nodeName': 'x'},
                                        {'metadata.labels': {'a': 'b'}}, {'spec.priority': 3}, {'metadata.name': 'other'},
                                        {'spec.schedulingGates': [{'name': 'x'}]}, {'status.phase': 'Running'}]),
    ('Service', {'metadata.name': 'kept', 'spec.clusterIP': '10.96.50.50'}, [
        {'spec.clusterIP': '10.96.50.51', 'spec.clusterIPs': ['10.96.50.51']}, {'spec.clusterIP': ''}, {'spec.ports[0].port': 81},
        {'spec.type': 'ExternalName', 'spec.externalName': 'a.example'}, {'spec.clusterIP': 'None', 'spec.clusterIPs': ['None']},
        {'spec.ipFamilies': ['IPv6']}]),
    ('ConfigMap', {'metadata.name': 'kept', 'immutable': True}, [{'data.a': 'c'}, {'immutable': False}, {'metadata.labels': {'a': 'b'}}]),
    ('Secret', {'metadata.name': 'kept'}, [{'type': 'x'}, {'stringData': {'z': 'y'}}]),
    ('Deployment', {'metadata.name': 'kept'}, [{'spec.selector.matchLabels': {'app': 'b'}, 'spec.template.metadata.labels': {'app': 'b'}},
                                               {'spec.replicas': 3}, {'spec.template.spec.containers[0].image': 'x'}]),
    ('StatefulSet', {'metadata.name': 'kept'}, [{'spec.volumeClaimTemplates': [{'metadata': {'name': 'w'}, 'spec': {
        'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': '1Gi'}}}}]}, {'spec.serviceName': 'x'}, {'spec.replicas': 3}, {'spec.podManagementPolicy': 'Parallel'}]),
    ('DaemonSet', {'metadata.name': 'kept'}, [{'spec.template.spec.containers[0].image': 'x'}, {'spec.selector.matchLabels': {'app': 'b'},
                                                                                            'spec.template.metadata.labels': {'app': 'b'}}]),
    ('Job', {'metadata.name': 'kept'}, [{'spec.completions': 2}, {'spec.parallelism': 2}, {'spec.template.spec.containers[0].image': 'x'},
                                        {'spec.suspend': True}, {'spec.completionMode': 'Indexed'}]),
    ('PersistentVolumeClaim', {'metadata.name': 'kept'}, [{'spec.resources.requests.storage': '2Gi'}, {'spec.accessModes': ['ReadOnlyMany']},
                                                          {'spec.volumeName': 'v'}, {'spec.resources.requests.storage': '1'}]),
    ('PersistentVolume', {'metadata.name': 'kept'}, [{'spec.hostPath.path': '/y'}, {'spec.capacity.storage': '2Gi'}, {'spec.volumeMode': 'Block'}]),
    ('StorageClass', {'metadata.name': 'kept'}, [{'provisioner': 'x.y/z'}, {'parameters': {'a': 'b'}}, {'allowVolumeExpansion': True}]),
    ('PriorityClass', {'metadata.name': 'kept'}, [{'value': 6}, {'description': 'x'}]),
    ('ClusterRoleBinding', {'metadata.name': 'kept'}, [{'roleRef.name': 'edit'}, {'subjects': []}]),
    ('ResourceQuota', {'metadata.name': 'kept', 'spec.hard': {'count/services': '100'}}, [{'spec.scopes': ['BestEffort']}, {'spec.hard': {'pods': '9'}}]),
    ('Node', {'metadata.name': 'kept', 'spec.podCIDR': '10.1.0.0/24'}, [{'spec.podCIDR': '10.2.0.0/24', 'spec.podCIDRs': ['10.2.0.0/24']},
                                                                     {'spec.providerID': 'x://y'}, {'spec.unschedulable': True}]),
    ('Namespace', {'metadata.name': 'kept'}, [{'spec.finalizers': []}, {'metadata.labels': {'pod-security.kubernetes.io/enforce': 'y'}}]),
    ('RuntimeClass', {'metadata.name': 'kept'}, [{'handler': 'x'}]),
    ('Lease', {'metadata.name': 'kept'}, [{'spec.holderIdentity': 'y'}]),
    ('PodDisruptionBudget', {'metadata.name': 'kept'}, [{'spec.minAvailable': 2}]),
    ('HorizontalPodAutoscaler', {'metadata.name': 'kept'}, [{'spec.maxReplicas': 4}]),
    ('CronJob', {'metadata.name': 'kept'}, [{'spec.schedule': 'x'}, {'spec.suspend': True}]),
    ('NetworkPolicy', {'metadata.name': 'kept'}, [{'spec.podSelector.matchLabels': {'a': 'b'}}]),
    ('Ingress', {'metadata.name': 'kept'}, [{'spec.ingressClassName': 'x'}]),
    ('ReplicaSet', {'metadata.name': 'kept'}, [{'spec.replicas': 2}]),

    ('IngressClass', {'metadata.name': 'kept'}, [{'spec.controller': 'x.y/z'}]),
    ('EndpointSlice', {'metadata.name': 'kept'}, [{'addressType': 'IPv6', 'endpoints[0].addresses': ['fd00::1']}]),
]


def stored_objects():
    kinds = {kind: (version, plural, namespaced, rest) for (version, kind, plural, namespaced), rest in goods.items()}
    for kind, change, updates in stored:
        version, plural, namespaced, rest = kinds[kind]
        body = changed({'apiVersion': version, 'kind': kind, **rest}, change)
        yield path_of(version, plural, namespaced, query=''), path_of(version, plural, namespaced, body['metadata']['name'], query=''), body, updates


# Requests by others than the administrator.
view = {'Impersonate-User': 'u'}
node = {'Impersonate-User': 'system:node:kept', 'Impersonate-Group': 'system:nodes'}
account = {'Impersonate-User': 'system:serviceaccount:default:default'}
mirror = {'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'm'}, 'spec': {**pod_spec, 'nodeName': 'kept'}}

asked = [
    ('GET', '/api/v1/namespaces/default/pods', None, view), ('GET', '/api/v1/namespaces/default/pods/kept/log', None, view),
    ('GET', '/api/v1/nodes', None, view), ('GET', '/apis/apps/v1/deployments', None, view), ('GET', '/metrics', None, view),
    ('GET', '/healthz', None, view), ('GET', '/api/v1/namespaces/default/secrets/x', None, account),
    ('DELETE', '/api/v1/namespaces/default/pods', None, view), ('GET', '/apis', None, account),
    ('GET', '/api/v1/nodes', None, node), ('GET', '/api/v1/nodes/other', None, node), ('GET', '/api/v1/nodes/kept', None, node),
    ('GET', '/api/v1/pods', None, node), ('GET', '/api/v1/namespaces/default/secrets', None, node),
    ('GET', '/api/v1/namespaces/default/secrets/kept', None, node), ('GET', '/api/v1/namespaces/default/configmaps/kept', None, node),
    ('GET', '/apis/coordination.k8s.io/v1/namespaces/default/leases/kept', None, node),
    ('GET', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/other', None, node),
    ('GET', '/api/v1/persistentvolumes/kept', None, node), ('GET', '/api/v1/resourcequotas', None, node),
    ('POST', '/api/v1/namespaces/default/pods?dryRun=All', mirror, node),
    ('POST', '/api/v1/namespaces/default/pods?dryRun=All', changed(mirror, {'metadata.annotations': {'kubernetes.io/config.mirror': 'x'}}), node),
    ('POST', '/api/v1/nodes?dryRun=All', {'apiVersion': 'v1', 'kind': 'Node', 'metadata': {'name': 'other'}}, node),
    ('PATCH', '/api/v1/nodes/kept?dryRun=All', {'metadata': {'labels': {'node-restriction.kubernetes.io/x': 'y'}}},
     {**node, 'Content-Type': 'application/merge-patch+json'}),
    ('POST', '/api/v1/namespaces/nope/configmaps?dryRun=All', {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'x'}}, {}),
    ('DELETE', '/api/v1/namespaces/default?dryRun=All', None, {}), ('DELETE', '/api/v1/namespaces/kube-system?dryRun=All', None, {}),
    ('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
     {'apiVersion': 'authorization.k8s.io/v1', 'kind': 'SelfSubjectAccessReview', 'spec': {'resourceAttributes': {'verb': 'get', 'resource': 'pods'}}}, view),
    ('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews',
     {'apiVersion': 'authorization.k8s.io/v1', 'kind': 'SubjectAccessReview', 'spec': {
         'user': 'system:kube-scheduler', 'resourceAttributes': {'verb': 'list', 'resource': 'pods'}}}, {}),
    ('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews',
     {'apiVersion': 'authorization.k8s.io/v1', 'kind': 'SubjectAccessReview', 'spec': {
         'user': 'u', 'groups': ['system:authenticated'], 'nonResourceAttributes': {'verb': 'get', 'path': '/apis'}}}, {}),
    ('GET', '/api/v1/namespaces/default/pods?fieldSelector=spec.x%3Dy', None, {}),
    ('GET', '/api/v1/namespaces/default/configmaps?fieldSelector=data.x%3Dy', None, {}),
]

levels = [
    {}, {S + 'securityContext': {'privileged': True}}, {'spec.hostNetwork': True}, {'spec.hostPID': True, 'spec.hostIPC': True},
    {V + 'name': 'v', V + 'hostPath': {'path': '/x'}}, {S + 'ports': [{'containerPort': 80, 'hostPort': 80}]},
    {S + 'securityContext': {'capabilities': {'add': ['NET_ADMIN', 'CHOWN']}}}, {S + 'securityContext': {'procMount': 'Default'}},
    {S + 'securityContext': {'seccompProfile': {'type': 'Unconfined'}}}, {'spec.securityContext': {'seccompProfile': {'type': 'Unconfined'}}},
    {'spec.securityContext': {'sysctls': [{'name': 'kernel.msgmax', 'value': '1'}]}}, {'spec.securityContext': {'seLinuxOptions': {'type': 'x', 'user': 'y'}}},
    {'spec.securityContext': {'runAsNonRoot': False}}, {S + 'securityContext': {'runAsUser': 0}},
    {S + 'livenessProbe': {'httpGet': {'port': 80, 'host': 'x'}}}, {S + 'securityContext': {'appArmorProfile': {'type': 'Unconfined'}}},
    {'spec.securityContext': {'runAsNonRoot': True, 'seccompProfile': {'type': 'RuntimeDefault'}},
     S + 'securityContext': {'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL']}}},
    {'spec.securityContext': {'runAsNonRoot': True, 'seccompProfile': {'type': 'RuntimeDefault'}},
     S + 'securityContext': {'allowPrivilegeEscalation': False, 'capabilities': {'drop': ['ALL'], 'add': ['NET_RAW']}}},
    {V + 'name': 'v', V + 'nfs': {'server': 'a', 'path': '/x'}}, {'spec.initContainers': [{'name': 'i', 'image': 'x'}]},
]


def security_cases():
    for level in ('baseline', 'restricted', 'warned'):
        for i, change in enumerate(levels):
            body = changed({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p'}, 'spec': pod_spec}, change)
            yield {'name': f'{level}#{i} {change}'[:110], 'method': 'POST', 'path': f'/api/v1/namespaces/level-{level}/pods?dryRun=All', 'body': body}


def level_namespaces():
    for level in ('baseline', 'restricted', 'warned'):
        labels = {'pod-security.kubernetes.io/enforce': level} if level != 'warned' else {'pod-security.kubernetes.io/warn': 'restricted'}
        yield {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': f'level-{level}', 'labels': labels}}


def rule_objects():
    """(collection, object): what pods of two namespaces are held to, and classes that they may name. Quotas come with a status,
    as their controller would give it."""
    for name in ('limited', 'counted'):
        yield '/api/v1/namespaces', {'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': name}}
        yield f'/api/v1/namespaces/{name}/serviceaccounts', {'metadata': {'name': 'default'}}
    yield '/api/v1/namespaces/limited/serviceaccounts', {'metadata': {'name': 'quiet'}, 'automountServiceAccountToken': False,
                                                          'imagePullSecrets': [{'name': 'pull'}]}
    yield '/api/v1/namespaces/limited/limitranges', {'apiVersion': 'v1', 'kind': 'LimitRange', 'metadata': {'name': 'l'}, 'spec': {'limits': [
        {'type': 'Container', 'min': {'cpu': '100m'}, 'max': {'cpu': '2', 'memory': '1Gi'}, 'default': {'cpu': '500m'},
         'defaultRequest': {'cpu': '200m'}, 'maxLimitRequestRatio': {'cpu': '4'}},
        {'type': 'Pod', 'max': {'cpu': '3'}}, {'type': 'PersistentVolumeClaim', 'min': {'storage': '1Gi'}, 'max': {'storage': '5Gi'}}]}}
    hard = {'pods': '5', 'requests.cpu': '1', 'limits.memory': '1Gi', 'count/configmaps': '1', 'services.nodeports': '0'}
    used = {'pods': '4', 'requests.cpu': '500m', 'limits.memory': '0', 'count/configmaps': '1', 'services.nodeports': '0'}
    yield '/api/v1/namespaces/counted/resourcequotas', {'apiVersion': 'v1', 'kind': 'ResourceQuota', 'metadata': {'name': 'q'},
                                                         'spec': {'hard': hard}, 'status': {'hard': hard, 'used': used}}
    yield '/apis/scheduling.k8s.io/v1/priorityclasses', {'apiVersion': 'scheduling.k8s.io/v1', 'kind': 'PriorityClass',
                                                         'metadata': {'name': 'high'}, 'value': 1000, 'preemptionPolicy': 'Never'}
    yield '/apis/node.k8s.io/v1/runtimeclasses', {'apiVersion': 'node.k8s.io/v1', 'kind': 'RuntimeClass', 'metadata': {'name': 'sandboxed'},
                                                  'handler': 'x', 'overhead': {'podFixed': {'cpu': '250m'}},
                                                  'scheduling': {'nodeSelector': {'sandbox': 'yes'}, 'tolerations': [{'operator': 'Exists', 'key': 'k'}]}}


R = S + 'resources'
ruled = [
    ('limited', [
        {}, {R: {'requests': {'cpu': '50m'}}}, {R: {'limits': {'cpu': '3'}}}, {R: {'limits': {'cpu': '1'}}},
        {R: {'requests': {'cpu': '100m'}, 'limits': {'cpu': '1'}}}, {R: {'requests': {'memory': '2Gi'}}}, {R: {'limits': {'cpu': '1', 'memory': '2Gi'}}},
        {R: {'limits': {'memory': '1Gi'}}}, {'spec.containers[1]': {'name': 'd', 'image': 'x', 'resources': {'limits': {'cpu': '2'}}},
                                             'spec.containers[2]': {'name': 'e', 'image': 'x', 'resources': {'limits': {'cpu': '2'}}}},
        {'spec.initContainers': [{'name': 'i', 'image': 'x'}]}, {'spec.serviceAccountName': 'quiet'}, {'spec.serviceAccountName': 'gone'},
        {'spec.automountServiceAccountToken': False}, {'spec.priorityClassName': 'high'}, {'spec.priorityClassName': 'gone'},
        {'spec.priority': 5}, {'spec.priorityClassName': 'high', 'spec.priority': 5}, {'spec.priorityClassName': 'system-node-critical'},
        {'spec.runtimeClassName': 'sandboxed'}, {'spec.runtimeClassName': 'gone'}, {'spec.overhead': {'cpu': '1'}},
        {'spec.runtimeClassName': 'sandboxed', 'spec.nodeSelector': {'sandbox': 'no'}},
        {'spec.tolerations': [{'key': 'node.kubernetes.io/not-ready', 'operator': 'Exists', 'effect': 'NoExecute'}]},
        {'spec.tolerations': [{'operator': 'Exists'}]},
    ]),
    ('counted', [
        {}, {R: {'requests': {'cpu': '100m'}}}, {R: {'requests': {'cpu': '100m'}, 'limits': {'memory': '1Mi'}}},
        {R: {'requests': {'cpu': '600m'}, 'limits': {'memory': '2Gi'}}}, {R: {'limits': {'cpu': '501m', 'memory': '1Mi'}}},
        {R: {'limits': {'cpu': '500m', 'memory': '1Gi'}}},
    ]),
]
counted_others = [
    ('configmaps', {'apiVersion': 'v1', 'kind': 'ConfigMap', 'metadata': {'name': 'm'}}),
    ('secrets', {'apiVersion': 'v1', 'kind': 'Secret', 'metadata': {'name': 's'}}),
    ('services', {'apiVersion': 'v1', 'kind': 'Service', 'metadata': {'name': 's'},
                  'spec': {'type': 'NodePort', 'clusterIP': '10.96.77.8', 'ports': [{'port': 80, 'nodePort': 30077}]}}),
]


def ruled_cases():
    for namespace, tried in ruled:
        for i, change in enumerate(tried):
            body = changed({'apiVersion': 'v1', 'kind': 'Pod', 'metadata': {'name': 'p'}, 'spec': pod_spec}, change)
            yield {'name': f'{namespace}#{i} {change}'[:110], 'method': 'POST', 'path': f'/api/v1/namespaces/{namespace}/pods?dryRun=All', 'body': body}
    for plural, body in counted_others:
        yield {'name': f'counted {plural}', 'method': 'POST', 'path': f'/api/v1/namespaces/counted/{plural}?dryRun=All', 'body': body}
    for size in ('100Mi', '1Gi', '6Gi'):
        body = {'apiVersion': 'v1', 'kind': 'PersistentVolumeClaim', 'metadata': {'name': 'c'},
                'spec': {'accessModes': ['ReadWriteOnce'], 'resources': {'requests': {'storage': size}}}}
        yield {'name': f'limited claim {size}', 'method': 'POST', 'path': '/api/v1/namespaces/limited/persistentvolumeclaims?dryRun=All', 'body': body}


def asked_cases():
    for i, (method, path, body, headers) in enumerate(asked):
        yield {'name': f'asked#{i} {method} {path} {headers.get("Impersonate-User", "admin")}', 'method': method, 'path': path, 'body': body,
               'headers': headers}
