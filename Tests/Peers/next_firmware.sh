#!/bin/sh
# Builds the Uno's firmware as version 9.9.9 into .build/firmware-next, for tests that need two.
set -eu
cd "$(dirname "$0")/../.."
folder=.build/firmware-next
[ $folder/uno.hex -nt .build/firmware/uno.hex ] && exit 0
rm -rf $folder
mkdir -p $folder/Sources
cp -r Sources/Firmware $folder/Sources/Firmware
cp -r hardware $folder/hardware
sed -i 's/"firmware": "[0-9.]*"/"firmware": "9.9.9"/' $folder/hardware/boards/uno.json
(cd $folder && make --no-print-directory -f Sources/Firmware/firmware.mk .build/firmware/index.json)
cp $folder/.build/firmware/uno.hex $folder/.build/firmware/index.json $folder/
