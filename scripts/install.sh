#!/bin/sh
# Makes the virtual environment hold what a lock file names, every file checked by its hash: `install.sh requirements.lock`.
# Does nothing when that was done before. A virtual environment that is broken, too old or made in another folder is made anew.
set -eu
cd "$(dirname "$0")/.."
lock=$1
venv=${VENV:-.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
python=$venv/bin/python
stamp=$venv/.installed-$(basename "$lock")
export UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV="$venv"

made_here() { grep -qs "venv $venv\$" "$venv/pyvenv.cfg"; }
works() { "$python" -c 'import pip, sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }
wanted() { cksum <"$lock"; }

if made_here && works; then
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && exit 0
else
  base=$(scripts/find-python.sh)
  echo "Making $venv with $base"
  rm -rf "$venv"
  "$base" -m venv "$venv"
fi

echo "Installing $lock"
pip() { "$python" -m pip install --quiet --disable-pip-version-check --require-hashes "$@"; }
# uv is ten times as fast; where it cannot be had, or cannot reach what pip is set up to reach, pip does the same.
with_uv() { "$venv/bin/uv" pip install --quiet --require-hashes -r "$lock"; }
if { [ -x "$venv/bin/uv" ] || pip -r requirements-uv.lock; } && with_uv; then :; else
  echo "uv did not do it; going on with pip, which takes a minute longer"
  pip -r "$lock"
fi
wanted >"$stamp"
