#!/bin/sh
# Builds the GraphiQL bundle where Node is there and the bundle is missing or older than its sources. Never fails: without a
# bundle the page loads GraphiQL from its CDN.
cd "$(dirname "$0")/../resolvers/graphiql" || exit 0
without() { echo "GraphiQL: $1; its page will load GraphiQL from a CDN"; exit 0; }

[ -f dist/manifest.json ] && [ -z "$(find src build.mjs package-lock.json -newer dist/manifest.json)" ] && exit 0
command -v npm >/dev/null 2>&1 || without "npm is not installed"
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || without "Node 20 or newer is needed"

# Two builds at once would empty each other's folders; one that was killed leaves its mark, which counts for five minutes.
find .building -maxdepth 0 -mmin +5 -exec rmdir {} \; 2>/dev/null
mkdir .building 2>/dev/null || exit 0
log=$(mktemp)
trap 'rmdir .building; rm -f "$log"' EXIT
trap 'exit 0' INT TERM HUP
if npm ci --no-audit --no-fund --fetch-retries=1 --fetch-timeout=30000 >"$log" 2>&1 && npm run build >>"$log" 2>&1; then
  echo "GraphiQL: built"
else
  tail -n 5 "$log"
  without "npm failed"
fi
