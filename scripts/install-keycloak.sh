#!/bin/sh
# Fetches Keycloak into .servers/keycloak, for the tests that log in at it. Needs Java 17 or newer, Maven and 500 MB.
set -eu
version=26.4.5
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$here/../.servers"
servers=$(cd "$here/../.servers" && pwd)
[ ! -x "$servers/keycloak/bin/kc.sh" ] || { echo "keycloak is in .servers/keycloak"; exit 0; }
cd "$servers"
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:copy -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip" -DoutputDirectory="$servers/keycloak-zip"
jar -xf "$servers/keycloak-zip/keycloak-quarkus-dist-$version.zip"
mv "keycloak-$version" keycloak
chmod +x keycloak/bin/kc.sh
rm -r keycloak-zip
echo "keycloak is in .servers/keycloak"
