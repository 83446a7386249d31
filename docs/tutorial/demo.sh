#!/usr/bin/env bash
# The tutorial as a script: what `make demo` runs. Everything it makes is synthetic and lies in demo/.
set -euo pipefail
people=${PEOPLE:-100000}
on=${ON:-2025-09-01}

run() {
  printf '\n\033[1;36m$ %s\033[0m\n' "$*"
  "$@"
}

rm -rf demo
mkdir -p demo
run zhizhi sample --people "$people" --seed 7 --out demo/exports
run zhizhi load demo/exports --lake demo/lake
run zhizhi quality --lake demo/lake --out demo/quality
run zhizhi screen --scenario scenarios/social-assistance --lake demo/lake --on "$on" --out demo/findings
run zhizhi explain --lake demo/lake --scenario scenarios/social-assistance --on "$on" --first missed
printf '\nThe findings are in demo/findings, the quality report in demo/quality. All of it is synthetic.\n'
