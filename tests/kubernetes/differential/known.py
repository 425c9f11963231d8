"""Differences that are known, exactly: the story, the request, and the line that tells of it, with what changes from run to run taken out.

They stand in known-MODULE.txt, under the reason why they are left. `KANAME_TEST_RECORD=1` writes the file anew: what is gone goes, what is new comes under
UNJUDGED, to be mended or moved to a reason by hand."""
import os
import re

here = os.path.dirname(os.path.abspath(__file__))
UNJUDGED = 'not judged yet'
CHANGING = [(re.compile(r'\d+\.\d+\.\d+\.\d+'), 'ADDRESS'), (re.compile(r'\b[0-9A-F]{64,}\b'), 'HASH'), (re.compile(r'eyJ[\w.-]{20,}'), 'TOKEN'),
            (re.compile(r'(managedFields: only there: ).*'), r'\1MANAGERS'), (re.compile(r'"RBAC: allowed by [^,]*"'), '"RBAC: BINDING"'), (re.compile(r'\d{6,}'), 'NUMBER')]


def shape(line):
    several = re.match(r'(message only \w+: .* is invalid: )\[', line)
    if several:   # in the order of a map, and cut at a length
        return several[1] + ', '.join(sorted(set(re.findall(r"""['"]([\w.\[\]]+): """, line[several.end():]))))
    for pattern, name in CHANGING:
        line = pattern.sub(name, line)
    return line[:400].replace('\t', ' ').replace('\n', ' ').strip()


class Known:
    def __init__(self, module):
        self.file = os.path.join(here, f'known-{module}.txt')
        self.reasons = {}   # (story, request, line) -> reason
        self.seen = []
        reason = UNJUDGED
        with open(self.file) as rows:
            for row in (row.rstrip('\n') for row in rows):
                if row.startswith('# '):
                    reason = row[2:]
                elif row:
                    self.reasons[tuple(row.split('\t'))] = reason

    def has(self, story, request, line):
        key = story, shape(request), shape(line)
        self.seen.append(key)
        return bool(os.environ.get('KANAME_TEST_RECORD')) or key in self.reasons

    def save(self):
        by_reason = {reason: [] for reason in [*self.reasons.values(), UNJUDGED]}
        for key in dict.fromkeys(self.seen):
            by_reason[self.reasons.get(key, UNJUDGED)].append('\t'.join(key))
        with open(self.file, 'w') as out:
            out.write('\n'.join(f'# {reason}\n' + ''.join(row + '\n' for row in rows) for reason, rows in by_reason.items() if rows))
