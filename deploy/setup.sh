#!/usr/bin/env bash
# Installs the Debian packages that Cuelight is built from and that are missing here.
set -euo pipefail

packages=(
    # Libraries: MQTT, PostgreSQL, TLS, passwords, the agent's journal, HTTP, gzip.
    libmosquitto-dev libpq-dev libssl-dev libsodium-dev libsqlite3-dev
    libboost1.81-dev libwslay-dev zlib1g-dev libdeflate-dev
    # Services.
    postgresql-15 mosquitto mosquitto-dev
    # Compilers, and the board's firmware with its simulator.
    gcc g++ make pkg-config gcc-avr avr-libc binutils-avr arduino-core-avr avrdude
    libsimavr-dev libelf-dev
    # The firmware as RISC-V machine code in QEMU.
    gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc
    # Tests.
    python3 python3-venv curl chromium chromium-driver
)

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "installing: ${missing[*]}"
root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "run this as root: apt-get update && apt-get install --no-install-recommends" \
            "${missing[*]}" >&2
        exit 1
    fi
    root=(sudo)
fi
apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -q)
"${apt[@]}" update
"${apt[@]}" install -y --no-install-recommends "${missing[@]}"
