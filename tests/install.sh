#!/usr/bin/env bash
# Installs what the tests start: mosquitto, Redis, PostgreSQL, Chromium, paho. Does nothing for what is there already.
set -euo pipefail
declare -A package=(
  [mosquitto]=mosquitto [mosquitto_pub]=mosquitto-clients [redis-server]=redis-server [chromium]=chromium [git]=git
)
missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || [ -x "/usr/sbin/$program" ] || missing+=("${package[$program]}")
done
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
/usr/bin/python3 -c 'import paho.mqtt.client' 2>/dev/null || missing+=(python3-paho-mqtt)
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "please install: ${missing[*]}" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
command -v cargo-nextest >/dev/null || cargo install cargo-nextest --locked
