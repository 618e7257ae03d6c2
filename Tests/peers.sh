#!/usr/bin/env bash
# Independent implementations from PyPI that tests compare with, in a folder of their own. Without
# them those tests are skipped, and say so.
set -uo pipefail
cd "$(dirname "$0")/.."
folder=.build/peers
wanted="websockets==15.0.1 httpx==0.28.1 piratetok-live-py==0.3.0 esptool==5.6.0 pyfirmata2==2.5.1"
[ "$(cat $folder/wanted 2>/dev/null)" = "$wanted" ] && exit 0
rm -rf $folder
if python3 -m venv $folder && $folder/bin/pip --quiet --disable-pip-version-check install $wanted; then
    echo "$wanted" >$folder/wanted
else
    echo "SKIPPED: the Python peers cannot be installed; tests that compare with them will say so" >&2
fi
exit 0
