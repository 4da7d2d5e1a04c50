#!/bin/sh
# Make .venv and install requirements.txt, by hash, into it.
# Usage: sh workflow/setup.sh PYTHON (PYTHON may be empty: then a suitable one is looked for).
set -eu

NEEDED_GB=4
VENV=.venv
ELSEWHERE="use another machine, a container, or on Windows WSL, or 'pip install -e .', which takes what packages there are."

say() { printf '%s\n' "$*" >&2; }
stop() { say "$*"; exit 1; }

version() { "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null; }
suitable() { case "$(version "$1")" in 3.11.*|3.12.*|3.13.*) return 0 ;; *) return 1 ;; esac; }

find_python() {
  if [ -n "$1" ]; then
    suitable "$1" && { echo "$1"; return; }
    found=$(version "$1") || found="no working Python"
    stop "Python 3.11, 3.12 or 3.13 is needed, but PYTHON=$1 is ${found}; name another with PYTHON=/path/to/python3.12."
  fi
  for candidate in python3 python3.13 python3.12 python3.11; do
    suitable "$candidate" && { echo "$candidate"; return; }
  done
  found=$(version python3) || found="missing"
  stop "Python 3.11, 3.12 or 3.13 is needed, but python3 here is ${found}; install one, or name one with PYTHON=/path/to/python3.12."
}

# For other machines some locked packages have no wheel: tests/test_setup.py says which.
check_machine() {
  machine=$(uname -sm)
  case "$machine" in
    "Linux x86_64") least=28 ;;
    "Linux aarch64" | "Linux arm64") least=35 ;;
    "Darwin arm64")
      macos=$(sw_vers -productVersion)
      [ "${macos%%.*}" -ge 14 ] || stop "macOS 14 or later is needed, and this is ${macos}; $ELSEWHERE"
      return ;;
    *) stop "Linux (x86_64 or ARM) or macOS on Apple's processors is needed, and this is ${machine}; $ELSEWHERE" ;;
  esac
  libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc="another C library"
  case "$libc" in "glibc 2."*) minor=${libc#glibc 2.} minor=${minor%%.*} ;; *) minor=0 ;; esac
  [ "$minor" -ge "$least" ] || stop "glibc 2.${least} or later is needed on ${machine}, and this has ${libc}; $ELSEWHERE"
}

check_path() {
  case "$PWD" in *[:{}]*) stop "A path with a colon or a brace cannot be used (${PWD}); move or rename the folder." ;; esac
}

check_disk() {
  free_kb=$(df -Pk . | awk 'NR == 2 { print $4 }')
  [ "$free_kb" -ge $((NEEDED_GB * 1024 * 1024)) ] ||
    stop "Only $((free_kb / 1024)) MB are free on the disk that holds $(pwd), and ${NEEDED_GB} GB are needed; free some space and run make again."
}

check_path
check_machine
python=$(find_python "${1:-}")
check_disk

if ! suitable "$VENV/bin/python" || ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
  say "Making .venv with Python $(version "$python")"
  "$python" -m venv --clear "$VENV" >&2 ||
    stop "$python cannot make a virtual environment; install its venv module (on Debian and Ubuntu: the package python3-venv) and run make again."
fi

# pip brings uv, by hash; uv brings the rest, by hash, and compiles it, so that the first import is quick.
say "Installing the packages of requirements.txt into .venv (minutes when nothing is cached)"
quiet=--quiet
[ -t 2 ] && quiet=
"$VENV/bin/python" -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-uv.txt
"$VENV/bin/uv" pip install $quiet --python "$VENV/bin/python" --compile-bytecode --require-hashes -r requirements.txt
"$VENV/bin/uv" pip install $quiet --python "$VENV/bin/python" --no-deps --no-build-isolation --editable .
touch "$VENV/.installed"
