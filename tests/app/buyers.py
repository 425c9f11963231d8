"""Load: buyers who order one after the other through the Service, until they are told to stop.
Prints what was acknowledged and what failed."""
import http.client
import json
import os
import signal
import sys
import threading
import time

stop = threading.Event()
lock = threading.Lock()
kept, failed, versions, slowest = [], [], {}, 0.0


def buy(buyer):
    global slowest
    number = 0
    while not stop.is_set():
        order, begun = f'{sys.argv[2]}-{buyer}-{number}', time.time()
        number += 1
        try:
            connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=20)
            connection.request('POST', '/orders', order)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            if answer.status != 200:
                raise OSError(f'{answer.status} {body[:200]}')
            version = json.loads(body)['version']
            with lock:
                kept.append(order)
                versions[version] = versions.get(version, 0) + 1
                slowest = max(slowest, time.time() - begun)
        except (OSError, http.client.HTTPException, ValueError) as e:
            with lock:
                failed.append(f'{order} at {begun:.3f} after {time.time() - begun:.3f} s: {type(e).__name__} {e}')
        time.sleep(0.02)


signal.signal(signal.SIGTERM, lambda *_: stop.set())
threads = [threading.Thread(target=buy, args=(i,)) for i in range(int(os.environ.get('BUYERS', '4')))]
for t in threads:
    t.start()
print('buying', flush=True)
while not stop.wait(0.1) and not os.path.exists('/tmp/stop'):
    pass
stop.set()
for t in threads:
    t.join()
print(json.dumps({'kept': kept, 'failed': failed, 'versions': versions, 'slowest': slowest}), flush=True)
