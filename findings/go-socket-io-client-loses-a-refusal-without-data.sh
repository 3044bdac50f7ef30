#!/bin/sh
# github.com/zishang520/socket.io/clients/socket/v3 3.0.6 (Go): a refusal without `data` loses its text. Socket.IO's protocol has
# CONNECT_ERROR with `message`, and `data` only where the server's middleware set it (`next(new Error("not authorized"))` sets none).
# The client takes `data` for required: its "connect_error" says "missing 'data' field" in the place of the server's message. With
# `error.data` set, even to an empty object, the message arrives. The JavaScript client gives the message either way.
# Seen: without data: "missing 'data' field"; with data: "not authorized".
# Exits 0 while that is so. Needs Node.js and Go.
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts socket.io@4.8.4
cat > server.mjs <<'JS'
import { createServer } from 'node:http'
import { Server } from 'socket.io'

const http = createServer()
const io = new Server(http)
for (const name of ['/plain', '/with-data']) {
  io.of(name).use((_socket, next) => {
    const error = new Error('not authorized')
    if (name === '/with-data') error.data = {}
    next(error)
  })
}
http.listen(0, '127.0.0.1', () => { console.log(http.address().port) })
JS
cat > client.go <<'GO'
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/zishang520/socket.io/clients/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

func refusalOf(namespace string) string {
	options := socket.DefaultOptions()
	options.SetForceNew(true)
	options.SetReconnection(false)
	options.SetTransports(types.NewSet(socket.WebSocket))
	client, err := socket.Connect("http://127.0.0.1:"+os.Args[1]+namespace, options)
	if err != nil {
		return err.Error()
	}
	defer client.Disconnect()
	refusal := make(chan string, 1)
	client.On("connect_error", func(args ...any) {
		select {
		case refusal <- fmt.Sprint(args...):
		default:
		}
	})
	select {
	case text := <-refusal:
		return text
	case <-time.After(20 * time.Second):
		return "nothing within 20 s"
	}
}

func main() {
	plain, withData := refusalOf("/plain"), refusalOf("/with-data")
	fmt.Printf("without data: %q; with data: %q\n", plain, withData)
	if plain != "missing 'data' field" || withData != "not authorized" {
		os.Exit(1)
	}
}
GO
go mod init try 2>/dev/null
go get github.com/zishang520/socket.io/clients/socket/v3@v3.0.6 2>/dev/null
go build -o client client.go
node server.mjs > port &
server=$!
trap 'kill "$server"; chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
while [ ! -s port ]; do sleep 0.1; done
timeout 60 ./client "$(cat port)"
