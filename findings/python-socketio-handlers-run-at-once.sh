#!/bin/sh
# python-socketio 5.14.1 with python-engineio 4.15.1 (the client without asyncio): each packet is handled in a thread of its own, so handlers of one
# socket run at the same time. One that takes its time does not hold the next one back, so a cursor, a counter or a file that handlers write needs a lock or
# a queue, and a handler that waits for an answer is overtaken by what comes after it. The JavaScript client calls handlers one after the other.
# Seen: of 200 events in a row whose handler takes 5 ms, 39 handlers ran at a time.
# Exits 0 while that is so. Needs Node.js and Python 3 with venv.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts socket.io@4.8.4
python3 -m venv python
python/bin/python -m pip install -q --disable-pip-version-check "python-socketio[client]==5.14.1" "python-engineio==4.15.1"
cat > server.mjs <<'JS'
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const http = createServer()
new Server(http).on('connection', socket => { socket.on('go', () => { for (let i = 0; i < 200; i++) socket.emit('number', i) }) })
http.listen(0, '127.0.0.1', () => { console.log(http.address().port) })
JS
cat > client.py <<'PY'
import sys, threading, time
import socketio

client = socketio.Client(reconnection=False)
lock, done = threading.Lock(), threading.Event()
running = most = 0
order = []

@client.on("number")
def number(i):
    global running, most
    with lock:
        running += 1
        most = max(most, running)
        order.append(i)
    time.sleep(0.005)
    with lock:
        running -= 1
    if len(order) == 200:
        done.set()

client.connect("http://127.0.0.1:" + sys.argv[1], transports=["websocket"])
client.emit("go")
done.wait(30)
client.disconnect()
print(f"{len(order)} events, {most} handlers at a time, in {'their' if order == sorted(order) else 'another'} order")
sys.exit(0 if len(order) == 200 and most > 1 else 1)
PY
node server.mjs > port &
server=$!
trap 'kill "$server"; rm -rf "$dir"' EXIT
while [ ! -s port ]; do sleep 0.1; done
timeout 60 python/bin/python client.py "$(cat port)"
