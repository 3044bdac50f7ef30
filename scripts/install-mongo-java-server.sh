#!/bin/sh
# Fetches a stand-in for MongoDB, for machines where no mongod can be had, into .servers/mongo-java-server.
# Needs Java 17 and Maven. Tests that need more than it can do are skipped by name.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target="$here/../.servers/mongo-java-server"
mkdir -p "$target"
mvn -q -B -f "$here/mongo-java-server/pom.xml" dependency:copy-dependencies -DoutputDirectory="$(cd "$target" && pwd)/lib"
javac -cp "$target/lib/*" -d "$target" "$here/mongo-java-server/Server.java"
echo "mongo-java-server is in .servers/mongo-java-server"
