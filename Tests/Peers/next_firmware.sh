#!/bin/sh
# Builds the firmware of Uno, Nano and Mega as version 9.9.9 into .build/firmware-next, for tests that need two.
set -eu
cd "$(dirname "$0")/../.."
folder=.build/firmware-next
[ $folder/mega.hex -nt .build/firmware/mega.hex ] && [ $folder/uno.hex -nt .build/firmware/uno.hex ] && exit 0
rm -rf $folder
mkdir -p $folder/Sources
cp -r Sources/Firmware $folder/Sources/Firmware
cp -r hardware $folder/hardware
for board in uno nano mega; do sed -i 's/"firmware": "[0-9.]*"/"firmware": "9.9.9"/' $folder/hardware/boards/$board.json; done
(cd $folder && make --no-print-directory -f Sources/Firmware/firmware.mk .build/firmware/index.json)
cp $folder/.build/firmware/*.hex $folder/.build/firmware/index.json $folder/
