#!/usr/bin/env bash
# Installs the Debian packages that are missing here: of what Cuelight is built from and runs with,
# and with "setup.sh tests" of what its tests and its packaging need as well, with "setup.sh bench" of
# what it is measured beside.
set -euo pipefail

packages=(
    # Libraries: MQTT, PostgreSQL, TLS, passwords, the agent's journal and ports, HTTP, gzip.
    libmosquitto-dev libpq-dev libssl-dev libsodium-dev libsqlite3-dev libudev-dev libgpiod-dev
    libboost1.81-dev libwslay-dev zlib1g-dev libdeflate-dev
    # Services.
    postgresql-15 mosquitto mosquitto-dev
    # Compilers, and the board's firmware with its simulator.
    gcc g++ make pkg-config gcc-avr avr-libc binutils-avr arduino-core-avr avrdude
    libsimavr-dev libelf-dev python3
    # What README asks the API with.
    curl
)
if [ "${1:-}" = tests ]; then
    packages+=(
        python3-venv chromium chromium-driver umockdev libumockdev-dev
        # What Arduino's IDE compiles sketches with.
        arduino-builder
        # The firmware as RISC-V machine code in QEMU.
        gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc
        # The agent's package and its checks.
        dpkg-dev lintian systemd man-db mandoc debootstrap zsh fish adduser strace
    )
fi
if [ "${1:-}" = bench ]; then
    packages+=(nodejs wrk)
fi

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
