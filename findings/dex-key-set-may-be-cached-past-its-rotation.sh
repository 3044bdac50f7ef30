#!/bin/sh
# Dex 2.41.1: the key set may be cached for at least two minutes, while a new key signs the moment it exists. `Cache-Control: max-age` of /keys is the time until the
# next rotation, and never below 120; the key of that rotation is in no answer before it signs. So whoever keeps the set as long as it allows, or asks through
# a cache, refuses each new login for up to 120 s after a rotation. Here keys are replaced every 30 s, so that one is seen soon; with signingKeys: 6h it is every set
# that was fetched in the last two minutes of the six hours.
# Seen: max-age=120; 31 s later a token of a key that is not in that answer.
# Exits 0 while that is so. Needs Go and curl.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
go mod init try 2>/dev/null
# The commit of 2.41.1: Dex's releases are no versions of a Go module.
go get github.com/dexidp/dex/cmd/dex@v0.0.0-20240807174518-43956db7fd75 github.com/dexidp/dex/api/v2@v2.2.0 2>/dev/null
go build -o dex github.com/dexidp/dex/cmd/dex
issuer=http://127.0.0.1:25558/dex
cat > dex.yaml <<YAML
issuer: $issuer
storage: { type: memory }
web: { http: 127.0.0.1:25558 }
oauth2: { skipApprovalScreen: true }
expiry: { signingKeys: 10s, idTokens: 1m }
staticClients: [{ id: web, name: web, public: true, redirectURIs: [http://127.0.0.1/callback] }]
connectors: [{ type: mockCallback, id: mock, name: mock }]
YAML
./dex serve dex.yaml > log 2>&1 &
dex=$!
trap 'kill "$dex"; rm -rf "$dir"' EXIT
until curl -sf "$issuer/keys" > /dev/null; do kill -0 "$dex"; sleep 0.2; done

# The id of the key that signs a login's token.
login() {
  step=$(curl -s -o /dev/null -w '%{redirect_url}' "$issuer/auth/mock?client_id=web&redirect_uri=http://127.0.0.1/callback&response_type=code&scope=openid")
  code=$(curl -s -o /dev/null -w '%{redirect_url}' "$step" | sed 's/.*code=\([^&]*\).*/\1/')
  curl -s -d "client_id=web&grant_type=authorization_code&code=$code&redirect_uri=http://127.0.0.1/callback" "$issuer/token" |
    sed 's/.*"id_token":"\([^.]*\)\..*/\1==/' | base64 -d 2>/dev/null | sed 's/.*"kid":"\([^"]*\)".*/\1/'
}
curl -s -D headers "$issuer/keys" > keys
age=$(sed -n 's/^Cache-Control: max-age=\([0-9]*\).*/\1/p' headers)
begun=$(date +%s)
while kid=$(login) && [ -n "$kid" ] && grep -q "$kid" keys && [ $(($(date +%s) - begun)) -lt 90 ]; do sleep 1; done
after=$(($(date +%s) - begun))
echo "max-age=$age; $after s later a token of the key $kid"
[ -n "$kid" ] && ! grep -q "$kid" keys && [ "$after" -lt "$age" ]
