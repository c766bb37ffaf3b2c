#!/bin/sh
# Checks of the C++ core, each by itself on a fresh Debian machine with g++:
#
#   csrc/check.sh tests             builds with warnings as errors, runs CTest
#   csrc/check.sh sanitize [N]      the same under AddressSanitizer and UndefinedBehaviorSanitizer, N fuzz cases each
#   csrc/check.sh fuzz [N]          N cases of all kernels against the scalar one, and of the crop
#   csrc/check.sh callgrind         instruction counts against csrc/tests/instructions.txt
#   csrc/check.sh callgrind update  writes them there
#   csrc/check.sh arm64 [N]         cross-compiled, under qemu: tests, N fuzz cases whose results must have this
#                                   machine's bits, instruction counts
#   csrc/check.sh all
#
# What is missing is installed with apt if this is root, else named.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
recorded=$root/csrc/tests/instructions.txt
tolerance=3  # per cent

need() { # COMMAND PACKAGE
  command -v "$1" > /dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "installing $2"
    { apt-get install -y -qq "$2" || { apt-get update -qq && apt-get install -y -qq "$2"; }; } > /dev/null
  fi
  command -v "$1" > /dev/null || { echo "$1 is missing: install the Debian package $2" >&2; exit 1; }
}

build() { # NAME CMAKE-OPTION...
  need cmake cmake
  need make make
  build=$root/build/check/$1
  shift
  cmake -S "$root" -B "$build" -G "Unix Makefiles" -DEDGEHAND_BUILD_PYTHON=OFF -DEDGEHAND_BUILD_TESTS=ON \
    -DCMAKE_CXX_FLAGS="-Wall -Wextra -Werror" "$@" > /dev/null
  cmake --build "$build" -j 2 > "$build/log" 2>&1 || { cat "$build/log"; exit 1; }
}

tests() {
  need c++ g++
  build native
  (cd "$build" && ctest --output-on-failure)
}

sanitize() {
  need c++ g++
  build sanitize -DEDGEHAND_SANITIZE=ON -DCMAKE_BUILD_TYPE=RelWithDebInfo
  "$build/test_core"
  "$build/fuzz_decode" "${1:-20000}"
  "$build/fuzz_crop" "${1:-20000}"
}

fuzz() {
  need c++ g++
  build native
  "$build/fuzz_decode" "${1:-1000000}"
  "$build/fuzz_crop" "${1:-1000000}"
}

# Instructions that a program executes, by callgrind; it knows no AVX-512.
executed_x86() { # KERNEL PROGRAM ARGUMENT...
  kernel=$1
  shift
  EDGEHAND_KERNEL=$kernel valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 |
    sed -n 's/.*Collected : //p'
}

# The same for an arm64 program: one line of log an instruction.
executed_arm64() {
  kernel=$1
  shift
  step=-singlestep  # called -one-insn-per-tb from QEMU 8.1 on
  if qemu-aarch64-static -help | grep -q one-insn-per-tb; then step=-one-insn-per-tb; fi
  EDGEHAND_KERNEL=$kernel qemu-aarch64-static $step -d exec,nochain "$@" 2>&1 | grep -c '^Trace'
}

count() { # COUNTER KERNEL CASE: instructions of one call
  echo $(($($1 "$2" "$build/count_core" "$3" 2) - $($1 "$2" "$build/count_core" "$3" 1)))
}

callgrind() {
  need c++ g++
  need valgrind valgrind
  build native
  compiler=$(c++ --version | sed -n '1s/^\([^ ]*\).* \([0-9]*\)\.[0-9.-]*.*$/\1-\2/p')
  counts=$build/instructions.txt
  for kernel in scalar avx2; do
    for case in $("$build/count_core"); do
      case $kernel-$case in avx2-crop*) continue ;; esac  # the crop has one kernel
      echo "$compiler $kernel $case $(count executed_x86 $kernel "$case")"
    done
  done > "$counts"
  cat "$counts"
  awk 'NF != 4 || $4 <= 0 { print "not counted: " $0; bad = 1 } END { exit bad || NR == 0 }' "$counts"
  if [ "${1:-}" = update ]; then
    cp "$counts" "$recorded"
  elif ! grep -q "^$compiler " "$recorded"; then
    echo "nothing recorded for $compiler, nothing compared"
  else
    awk -v tolerance=$tolerance '
      NR == FNR { recorded[$1, $2, $3] = $4; next }
      { compiler = $1; counted[$1, $2, $3] = 1 }
      $4 > recorded[$1, $2, $3] * (1 + tolerance / 100) {
        printf "%s %s: %d instructions, %d recorded\n", $2, $3, $4, recorded[$1, $2, $3]
        bad = 1
      }
      END {
        for (key in recorded) {
          split(key, part, SUBSEP)
          if (part[1] == compiler && !(key in counted)) { print part[2], part[3] ": recorded, not counted"; bad = 1 }
        }
        exit bad
      }' "$recorded" "$counts"
  fi
}

arm64() {
  need aarch64-linux-gnu-g++ g++-aarch64-linux-gnu
  need qemu-aarch64-static qemu-user-static
  build arm64 -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
    -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -DCMAKE_EXE_LINKER_FLAGS=-static
  arm64=$build
  build native
  qemu-aarch64-static "$arm64/test_core"
  for program in fuzz_decode fuzz_crop; do
    qemu-aarch64-static "$arm64/$program" "${1:-20000}" | tee "$arm64/found"
    [ "$(tail -1 "$arm64/found")" = "$("$build/$program" "${1:-20000}" | tail -1)" ] ||
      { echo "$program: this machine's checksum is another"; exit 1; }
  done
  build=$arm64
  for case in quarter-float32-NCHW quarter-float32-NHWC quarter-int8-NCHW quarter-int8-NHWC; do
    neon=$(count executed_arm64 neon $case)
    scalar=$(count executed_arm64 scalar $case)
    echo "$case: neon $neon instructions, scalar $scalar, $((scalar / neon)) times"
  done
}

case ${1:-} in
  tests | sanitize | fuzz | callgrind | arm64) "$@" ;;
  all) tests; sanitize; callgrind; arm64 ;;
  *) sed -n '2,13s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
