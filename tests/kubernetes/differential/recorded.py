"""What the original answered, kept for machines where it isn't built (building it takes minutes).

Requests are known by method, path, body and headers. `KANAME_TEST_RECORD=1 tests/run kubernetes` where the original is built writes the file anew:
do so when cases came or changed; those that the file doesn't know are skipped without the original."""
import email.message
import hashlib
import json
import lzma
import os

from program import PROJECT

FILE = os.path.join(PROJECT, 'tests/data/answers-1.36.3.jsonl.xz')


def key_of(method, path, body, headers):
    return hashlib.sha256(json.dumps([method, path, body, sorted((headers or {}).items())], sort_keys=True).encode()).hexdigest()[:16]


class Recording:
    """The original, and all that it answered."""

    def __init__(self, original):
        self.original, self.answers = original, {}

    def request(self, method, path, body=None, headers=None):
        status, got, data = self.original.request(method, path, body, headers)
        self.answers.setdefault(key_of(method, path, body, headers), [status, got.get_all('Warning') or [], data.decode()])
        return status, got, data

    def save(self):
        with lzma.open(FILE, 'wt', preset=9) as out:
            for key, answer in sorted(self.answers.items(), key=lambda item: item[1][2]):
                out.write(json.dumps([key, *answer]) + '\n')


class NotRecorded(Exception):
    pass


class Recorded:
    """Answers as the original did."""

    def __init__(self):
        with lzma.open(FILE, 'rt') as lines:
            self.answers = {key: answer for key, *answer in map(json.loads, lines)}

    def request(self, method, path, body=None, headers=None):
        if (answer := self.answers.get(key_of(method, path, body, headers))) is None:
            raise NotRecorded(f'{method} {path}')
        status, warnings, data = answer
        message = email.message.Message()
        for warning in warnings:
            message['Warning'] = warning
        return status, message, data.encode()
