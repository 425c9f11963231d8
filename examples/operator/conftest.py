"""An API server for the tests of this folder: `kaname apiserver` in a temporary directory."""
import os
import subprocess

import pytest
from kubernetes import client, config

KANAME = os.environ.get('KANAME', 'kaname')


@pytest.fixture(scope='session')
def api(tmp_path_factory):
    data = tmp_path_factory.mktemp('apiserver')
    process = subprocess.Popen([KANAME, 'apiserver', '--data-dir', data, '--listen', '127.0.0.1:0', '--kubeconfig', data / 'kubeconfig'],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().startswith('ready https://')
    config.load_kube_config(str(data / 'kubeconfig'))
    yield client.ApiClient()
    process.terminate()
    process.wait()
