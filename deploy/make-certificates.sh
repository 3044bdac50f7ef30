#!/bin/sh
# Makes what NATS and MongoDB need to know each other: a private authority (CA), a certificate for each, and MongoDB's key file.
# Nothing that is there is written over: to renew a certificate, move its files away and run this again.
#
#   deploy/make-certificates.sh [FOLDER]      FOLDER: deploy/kubernetes/tls, which git ignores
#
# CERTIFICATE_DAYS   how long certificates are valid (825); the authority: ten years
set -eu
umask 077

folder=${1:-$(dirname "$0")/kubernetes/tls}
days=${CERTIFICATE_DAYS:-825}
namespace=gatepost

command -v openssl >/dev/null || { echo 'make-certificates: needs openssl' >&2; exit 1; }
mkdir -p "$folder"
cd "$folder"
# Files are made beside their place and moved there whole: a run that is cut off leaves nothing that looks made.
work=$(mktemp -d ./making.XXXXXX)
trap 'rm -rf "$work"' EXIT INT TERM

make_key () { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null; }

if [ ! -e ca.crt ] && [ ! -e ca.key ]; then
  make_key "$work/ca.key"
  openssl req -x509 -new -key "$work/ca.key" -sha256 -days 3650 -subj '/O=gatepost/CN=gatepost private CA' -out "$work/ca.crt" \
    -addext 'keyUsage=critical,keyCertSign,cRLSign'
  mv "$work/ca.key" ca.key
  mv "$work/ca.crt" ca.crt
  # No secret; everybody who connects reads it.
  chmod 0644 ca.crt
  echo "made ca.crt, ca.key (keep ca.key away from servers: whoever has it can be any of them)"
fi

# names_of SET COUNT: the names of the members of a StatefulSet.
names_of () {
  at=0
  while [ "$at" -lt "$2" ]; do
    printf '%s-%s.%s\n%s-%s.%s.%s.svc.cluster.local\n' "$1" "$at" "$1" "$1" "$at" "$1" "$namespace"
    at=$((at + 1))
  done
}

# make_certificate NAME: reads the names it is for, one a line. Servers are each other's clients too.
make_certificate () {
  [ ! -e "$1.crt" ] || return 0
  [ -e ca.key ] || { echo "make-certificates: $1.crt is missing, and ca.key to sign it with is not in $folder" >&2; exit 1; }
  alternatives=$(sed 's/^/DNS:/' | tr '\n' ',')IP:127.0.0.1
  make_key "$work/$1.key"
  openssl req -new -key "$work/$1.key" -subj "/O=gatepost/CN=$1" -out "$work/$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=%s\n' "$alternatives" > "$work/$1.ext"
  openssl x509 -req -in "$work/$1.csr" -CA ca.crt -CAkey ca.key -set_serial "0x$(openssl rand -hex 16)" -sha256 -days "$days" \
    -extfile "$work/$1.ext" -out "$work/$1.crt" 2>/dev/null
  # MongoDB takes both in one file.
  cat "$work/$1.crt" "$work/$1.key" > "$work/$1.pem"
  for ending in key pem crt; do mv "$work/$1.$ending" "$1.$ending"; done
  echo "made $1.crt, $1.key, $1.pem, for $days days"
}

{ printf '%s\n' localhost nats1 nats2 nats3; names_of nats 3; } | make_certificate nats
{
  printf '%s\n' localhost config1 config2 config3 shard1a shard1b shard1c shard2a shard2b shard2c mongos1 mongos2
  for set in config shard1 shard2; do names_of "$set" 3; done
  names_of mongos 2
} | make_certificate mongodb

if [ ! -e mongodb.keyfile ]; then
  openssl rand -base64 756 > "$work/mongodb.keyfile"
  mv "$work/mongodb.keyfile" mongodb.keyfile
  echo 'made mongodb.keyfile'
fi
