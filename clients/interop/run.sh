#!/bin/sh
# Syncs stock client SDKs with weir. Installs them first, exactly as package-lock.json says.
set -eu
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/.installed; then
	npm ci
	cp package-lock.json node_modules/.installed
fi
WEIR_INTEROP=1 exec "${GO:-go}" test -count=1 -run Interop "$@" ./... ../../cmd/weir
