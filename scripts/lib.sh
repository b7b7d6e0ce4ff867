# Read by the scripts beside it, never run: finding Python, making virtual environments, installing into them.
# shellcheck shell=sh

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)

# A PYTHONPATH (OpenVINO's setupvars.sh sets one) or PYTHONHOME would put other packages before the
# environment's own, and a user-wide "user = true" in pip's configuration does not work inside one.
unset PYTHONPATH PYTHONHOME
PIP_USER=0
PIP_DISABLE_PIP_VERSION_CHECK=1
PIP_NO_INPUT=1
export PIP_USER PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_INPUT

say() {
  printf '%s\n' "$*" >&2
}

die() {
  say "${0##*/}: $*"
  exit 1
}

# Prints the path of a Python 3.10 or newer: $PYTHON if set, else the first on PATH that is one. Inside a
# virtual environment, prints the Python that it was made from: the environment itself may be the one to remake.
find_python() {
  for candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
    if "$candidate" -c 'import sys
if sys.version_info < (3, 10): sys.exit(1)
print(sys._base_executable)' 2>/dev/null; then
      return
    fi
    [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON is not Python 3.10 or newer"
  done
  die 'Python 3.10 or newer is needed, and none was found; set PYTHON to the path of one'
}

# python_release X.Y: prints the path of a CPython X.Y: of this machine's PATH, of pyenv, of uv. Prints nothing and
# returns 1 if there is none.
python_release() {
  for candidate in "python$1" "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$1".*/bin/python \
    "${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME:-}/.local/share}/uv/python}/cpython-$1".*/bin/python; do
    # A pattern that matches no file is left unchanged, and a shim of pyenv may refuse: neither can be run.
    if "$candidate" -c 'import sys
if sys.argv[1] != "%d.%d" % sys.version_info[:2]: sys.exit(1)
print(sys._base_executable)' "$1" 2>/dev/null; then
      return
    fi
  done
  return 1
}

# venv_works DIRECTORY: its Python runs and is new enough, it has pip, and it was made at its present path (its
# programs carry their own absolute path, so that a copied or moved environment is broken).
venv_works() {
  "$1/bin/python" -c 'import sys, pip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 &&
    head -n 3 "$1/bin/pip" 2>/dev/null | grep -qF "$1/bin/python"
}

# venv_is_of DIRECTORY BASE: it was made from the Python BASE; an empty BASE is any.
venv_is_of() {
  [ -z "$2" ] || "$1/bin/python" -c 'import os, sys
sys.exit(os.path.realpath(sys._base_executable) != os.path.realpath(sys.argv[1]))' "$2"
}

# make_venv DIRECTORY: leaves a working virtual environment there; one that works is kept as it is.
# One that was made from another Python than $PYTHON is made again; a $PYTHON that is not a Python is always an error.
make_venv() {
  base=
  if [ -n "${PYTHON:-}" ]; then
    base=$(find_python)
  fi
  if venv_works "$1" && venv_is_of "$1" "$base"; then
    return
  fi
  if [ -f "$1/pyvenv.cfg" ]; then
    if venv_works "$1"; then
      say "The virtual environment $1 is another Python's: making it anew"
    else
      say "The virtual environment $1 does not work: making it anew"
    fi
    rm -rf -- "$1"
  elif [ -e "$1" ]; then
    die "$1 exists and is not a virtual environment: move it away first"
  fi
  [ -n "$base" ] || base=$(find_python)
  if ! "$base" -m venv "$1"; then
    rm -rf -- "$1"
    die "$base cannot make virtual environments (on Debian and Ubuntu: apt-get install python3-venv)"
  fi
}

# install_into DIRECTORY WHAT FILE...: has pip install WHAT (arguments of pip, split at spaces), unless that was
# done before and none of the FILEs, or files below them, has changed since.
install_into() {
  venv=$1
  what=$2
  shift 2
  stamp=$venv/.installed-$(printf '%s' "$what" | cksum | tr ' ' -)
  now=$(find "$@" -name __pycache__ -prune -o -type f -exec cksum {} + | sort | cksum)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    return
  fi
  rm -f -- "$stamp"
  say 'Installing with pip; the first time this takes a minute or two'
  # shellcheck disable=SC2086
  "$venv/bin/python" -m pip install --quiet $what
  printf '%s\n' "$now" >"$stamp"
}
