#!/bin/sh
# Writes the lock files from pyproject.toml: the server's packages, these and the developers', the reference that matching and profit
# are compared with, which goes on top of the developers', and uv itself.
set -eu
cd "$(dirname "$0")/.."
compile() {
  "${VENV:-.venv}/bin/uv" pip compile --quiet --generate-hashes --universal --python-version 3.12 \
    --no-emit-index-url --custom-compile-command "make lock" "$@"
}
compile pyproject.toml -o requirements.lock
compile pyproject.toml --group dev -c requirements.lock -o requirements-dev.lock
compile --group pyproject.toml:differential -c requirements-dev.lock --emit-build-options --only-binary nautilus-trader \
  -o requirements-differential.lock
echo "uv" | compile - -o requirements-uv.lock
