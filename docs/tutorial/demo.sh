#!/usr/bin/env bash
# The tutorial as a script: what `make demo` runs. Everything it makes is synthetic and lies in one folder.
set -euo pipefail
people=${PEOPLE:-100000}
on=${ON:-2025-09-01}
place=${DEMO:-demo}
port=${PORT:-8000}
home=$place/home

run() {
  printf '\n\033[1;36m$ %s\033[0m\n' "$*"
  "$@"
}

rm -rf "$place"
mkdir -p "$place"
run zhizhi init "$home" --set demo=true --set "as_of=$on" --set lake=../lake --set key_file=../lake.key
run zhizhi sample --people "$people" --seed 7 --out "$place/exports"
run zhizhi load "$place/exports" --lake "$place/lake"
run zhizhi quality --lake "$place/lake" --out "$place/quality"
run zhizhi screen --scenario scenarios/social-assistance --lake "$place/lake" --on "$on" --out "$place/findings"
run zhizhi explain --lake "$place/lake" --scenario scenarios/social-assistance --on "$on" --first missed
printf '\nThe findings are in %s/findings, the quality report in %s/quality. All of it is synthetic.\n' "$place" "$place"

if [ "${SERVE:-1}" = 0 ]; then
  run python docs/tutorial/look.py "$home"
else
  run zhizhi demo --home "$home"
  run exec zhizhi serve --home "$home" --port "$port" --work
fi
