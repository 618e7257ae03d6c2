#!/usr/bin/env bash
# Runs the Swift tests that were built, one module after another: each in a process of its own,
# so that their services and timers do not starve one another. All modules run; one failure fails.
set -uo pipefail
cd "$(dirname "$0")/.."

modules=$(swift test list --skip-build 2>/dev/null | sed -n 's/^\([A-Za-z]*Tests\)\..*/\1/p' | sort -u)
if [ -z "$modules" ]; then
    echo "no tests were found; run make build" >&2
    exit 1
fi

failed=()
for module in $modules; do
    [ -z "${ONLY:-}" ] || [[ " $ONLY " == *" $module "* ]] || continue
    echo "== $module"
    log=".build/test-$module.log"
    start=$SECONDS
    if swift test --skip-build --filter "^$module\\." >"$log" 2>&1 &&
        grep -qE '^✔ Test run with [1-9][0-9]* tests?' "$log"; then
        grep -E '^✔ Test run|SKIPPED' "$log"
    else
        failed+=("$module")
        grep -E '^✘|recorded an issue|Fatal error|crashed|error:' "$log" | head -40 | cut -c1-1000
        echo "the whole output: $log"
    fi
    echo "   $((SECONDS - start)) s"
done

if [ "${#failed[@]}" -gt 0 ]; then
    echo "failed: ${failed[*]}"
    exit 1
fi
