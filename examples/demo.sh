#!/bin/sh
# The main job, once all the way through: watch a real script, name the obstacle, fix it, prove the
# fix, and run the patched script with plain Python. `make demo` calls this.
set -eu
cd "$(dirname "$0")/.."

script=examples/deep_sigmoid.py
metric='test accuracy: ([0-9.]+)'
work=.unstuck/demo
required=0.93

say() { printf '\n$ %s\n' "$*"; }
accuracy() { python "$1" | sed -n 's/^test accuracy: //p'; }

rm -rf "$work"
mkdir -p "$work/examples"

say "unstuck run $script"
unstuck run "$script"

say "unstuck fix --metric '$metric' --diff $work/fix.diff $script"
unstuck fix --metric "$metric" --diff "$work/fix.diff" "$script"

say "git apply --directory $work $work/fix.diff"
cp "$script" "$work/examples/"
git apply -p0 --directory "$work" "$work/fix.diff"

say "python $script; python $work/$script"
before=$(accuracy "$script")
after=$(accuracy "$work/$script")
printf 'test accuracy before: %s\ntest accuracy after:  %s\n' "$before" "$after"

python - "$before" "$after" "$required" <<'PYTHON'
import sys

before, after, required = map(float, sys.argv[1:])
if not before < required <= after:
    sys.exit(f"demo: the patched script has to reach {required}, it reached {after}")
PYTHON
