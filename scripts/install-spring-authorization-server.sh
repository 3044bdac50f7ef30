#!/bin/sh
# Fetches Spring Authorization Server into .servers/spring-authorization-server, for the tests that log in at it. Needs Java 17 or newer, Maven and 30 MB.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../.servers"
target=$(cd "$here/../.servers" && pwd)/spring-authorization-server
[ ! -d "$target/lib" ] || { echo "spring-authorization-server is in .servers/spring-authorization-server"; exit 0; }
mvn -q -B -f "$here/spring-authorization-server/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$target/new"
mv "$target/new" "$target/lib"
echo "spring-authorization-server is in .servers/spring-authorization-server"
