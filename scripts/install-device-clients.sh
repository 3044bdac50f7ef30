#!/bin/sh
# Fetches the Socket.IO clients of other languages that docs/guides/receive-on-a-device.md shows into .servers/device-clients, those whose
# language is here: Python 3, Java with Maven, Go. Exit code 1 where one could not be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../.servers/device-clients"
cd "$here/../.servers/device-clients"

# Each works in a folder NAME-new, which becomes NAME once it is whole, and returns false where it is not.
python_client() {
  python3 -m venv python-new &&
    python-new/bin/python -m pip install -q "python-socketio[client]==5.14.1"
}

java_client() {
  mkdir -p java-new
  cat > java-new/pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>device</groupId>
  <artifactId>device</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.socket</groupId>
      <artifactId>socket.io-client</artifactId>
      <version>2.1.2</version>
    </dependency>
  </dependencies>
</project>
XML
  mvn -q -B -f java-new/pom.xml dependency:copy-dependencies -DoutputDirectory=lib
}

# What the program imports is compiled once: the rest of it takes a moment then.
go_client() {
  mkdir -p go-new
  (
    cd go-new &&
      { [ -f go.mod ] || go mod init device 2>/dev/null; } &&
      go get github.com/zishang520/socket.io/clients/socket/v3@v3.0.6 2>/dev/null &&
      go build github.com/zishang520/socket.io/clients/socket/v3
  )
}

status=0
install() {
  name=$1; shift
  [ ! -d "$name" ] || { echo "the client for $name is in .servers/device-clients/$name"; return; }
  for program in "$@"; do
    command -v "$program" >/dev/null || { echo "no client for $name: needs $program"; return; }
  done
  if "${name}_client" && mv "$name-new" "$name"; then echo "the client for $name is in .servers/device-clients/$name"; else echo "the client for $name could not be had"; status=1; fi
}
install python python3
install java java mvn
install go go
exit "$status"
