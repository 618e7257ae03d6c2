# Firmware: boards, simulators and their tests. Included by the top Makefile, and usable by itself:
#   make -f Sources/Firmware/firmware.mk firmware        the Uno's image with its size report, and both simulators
#   make -f Sources/Firmware/firmware.mk firmware-test   everything that tests them; the last line is "N passed, N failed"

FW := Sources/Firmware
FW_OUT := .build/firmware
FW_CORE := $(wildcard $(FW)/Core/src/*.c)
FW_CORE_HEADERS := $(wildcard $(FW)/Core/src/*.h)
FW_GENERATE := python3 $(FW)/tools/generate_board.py
FW_WARNINGS := -Wall -Wextra -Wconversion -Werror

# Flash and RAM that the Uno's image may use: half of each, so that there is room for what comes.
FW_FLASH_MAX := 16384
FW_RAM_MAX := 900

.PHONY: firmware firmware-test firmware-clean firmware-size firmware-flash
firmware: firmware-size $(FW_OUT)/cuelight-board-host $(FW_OUT)/cuelight-board-avr

# Flashes an Uno. BOARD_PORT says where it is.
BOARD_PORT ?= /dev/ttyACM0
firmware-flash: firmware-size
	avrdude -c arduino -p m328p -P $(BOARD_PORT) -b 115200 \
		-D -U flash:w:$(FW_OUT)/uno.hex:i

firmware-clean:
	rm -rf $(FW_OUT)

# ---- Tables generated from hardware/boards

$(FW_OUT)/%/cue_board_table.h: hardware/boards/%.json $(FW)/tools/generate_board.py $(FW_CORE) \
		$(FW_CORE_HEADERS) $(wildcard $(FW)/Boards/*/*.[ch]) $(wildcard $(FW)/Sketches/*/*.ino)
	@$(FW_GENERATE) header $< $@ $(FW_CORE) $(FW_CORE_HEADERS) $(wildcard $(FW)/Boards/$*/*.[ch]) \
		$(if $(filter uno,$*),$(wildcard $(FW)/Sketches/Node/*.ino))

# ---- Uno

ARDUINO := /usr/share/arduino/hardware/arduino/avr
AVR_TARGET := -mmcu=atmega328p -DF_CPU=16000000UL -DARDUINO=10807 -DARDUINO_AVR_UNO -DARDUINO_ARCH_AVR \
	-I$(ARDUINO)/cores/arduino -I$(ARDUINO)/variants/standard
AVR_FLAGS := $(AVR_TARGET) -Os -flto -ffunction-sections -fdata-sections
AVR_CXX_FLAGS := $(AVR_FLAGS) -std=gnu++11 -fno-exceptions -fno-threadsafe-statics -fpermissive
# gcc 5.4 does not define it, and WString.cpp of the Arduino core wants it.
AVR_CXX_FLAGS += -DDECIMAL_DIG=__DECIMAL_DIG__
UNO_INCLUDES := -I$(FW)/Core/src -I$(FW)/Boards/uno -I$(FW_OUT)/uno
UNO_CORE := $(patsubst $(FW)/Core/src/%.c,$(FW_OUT)/uno/%.o,$(FW_CORE)) \
	$(patsubst $(FW)/Boards/uno/%.c,$(FW_OUT)/uno/%.o,$(wildcard $(FW)/Boards/uno/*.c)) $(FW_OUT)/uno/Node.o
ARDUINO_OBJECTS := $(patsubst $(ARDUINO)/cores/arduino/%,$(FW_OUT)/arduino/%.o,\
	$(wildcard $(ARDUINO)/cores/arduino/*.c $(ARDUINO)/cores/arduino/*.cpp))

$(FW_OUT)/uno/%.o: $(FW)/Core/src/%.c $(FW_CORE_HEADERS)
	@mkdir -p $(@D)
	@avr-gcc $(AVR_FLAGS) -std=gnu11 $(FW_WARNINGS) $(UNO_INCLUDES) -c $< -o $@
$(FW_OUT)/uno/%.o: $(FW)/Boards/uno/%.c $(FW_OUT)/uno/cue_board_table.h
	@mkdir -p $(@D)
	@avr-gcc $(AVR_FLAGS) -std=gnu11 -Wall -Wextra -Werror $(UNO_INCLUDES) -c $< -o $@
$(FW_OUT)/uno/Node.o: $(FW)/Sketches/Node/Node.ino $(FW_OUT)/uno/cue_board_table.h
	@mkdir -p $(@D)
	@avr-g++ $(AVR_CXX_FLAGS) -Wall -Wextra -Werror $(UNO_INCLUDES) -x c++ -include Arduino.h -c $< -o $@
$(FW_OUT)/arduino/%.c.o: $(ARDUINO)/cores/arduino/%.c
	@mkdir -p $(@D)
	@avr-gcc $(AVR_FLAGS) -std=gnu11 -w -c $< -o $@
$(FW_OUT)/arduino/%.cpp.o: $(ARDUINO)/cores/arduino/%.cpp
	@mkdir -p $(@D)
	@avr-g++ $(AVR_CXX_FLAGS) -w -c $< -o $@
$(FW_OUT)/arduino/core.a: $(ARDUINO_OBJECTS)
	@rm -f $@ && avr-gcc-ar rcs $@ $^

$(FW_OUT)/uno.elf: $(UNO_CORE) $(FW_OUT)/arduino/core.a
	@avr-gcc $(AVR_FLAGS) -w -Wl,--gc-sections -fuse-linker-plugin $^ -lm -o $@
$(FW_OUT)/uno.hex: $(FW_OUT)/uno.elf
	@avr-objcopy -O ihex -R .eeprom $< $@

firmware-size: $(FW_OUT)/uno.elf $(FW_OUT)/uno.hex
	@avr-size $< | awk 'NR == 2 { flash = $$1 + $$2; ram = $$2 + $$3; \
		printf "uno: %d of %d bytes flash, %d of %d bytes RAM\n", flash, $(FW_FLASH_MAX), ram, $(FW_RAM_MAX); \
		exit !(flash <= $(FW_FLASH_MAX) && ram <= $(FW_RAM_MAX)) }'

# ---- Simulators. Neither is shipped; the AVR one links libsimavr, which is GPL-3.

HOST_FLAGS := -std=c11 -O2 -g $(FW_WARNINGS)
HOST_BOARD := $(wildcard $(FW)/Boards/host/*.[ch])
SIM_SHARED := $(FW)/Simulator/cue_sim.c $(FW)/Simulator/cue_sim.h

$(FW_OUT)/cuelight-board-host: $(FW)/Simulator/board_host.c $(SIM_SHARED) $(HOST_BOARD) $(FW_CORE) $(FW_OUT)/host/cue_board_table.h
	@gcc $(HOST_FLAGS) -I$(FW)/Core/src -I$(FW)/Simulator -I$(FW)/Boards/host -I$(FW_OUT)/host $(filter %.c,$^) -o $@
$(FW_OUT)/cuelight-board-avr: $(FW)/Simulator/board_avr.c $(SIM_SHARED) $(FW)/Core/src/cue_link.c $(FW_OUT)/uno/cue_board_table.h
	@gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -I$(FW)/Core/src -I$(FW)/Simulator -I$(FW_OUT)/uno -isystem /usr/include/simavr \
		$(filter %.c,$^) -lsimavr -lelf -o $@

# ---- Tests of the Core on this computer

CORE_TESTS := $(wildcard $(FW)/Tests/*.c)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(FW_OUT)/core-test: $(filter-out %/fuzz_target.c,$(CORE_TESTS)) $(wildcard $(FW)/Tests/*.h) $(HOST_BOARD) $(FW_CORE) $(FW_CORE_HEADERS) \
		$(FW_OUT)/host/cue_board_table.h
	@gcc -std=gnu11 -O1 -g $(SANITIZE) $(FW_WARNINGS) -Wno-sign-conversion -I$(FW)/Core/src -I$(FW)/Tests -I$(FW)/Boards/host -I$(FW_OUT)/host \
		$(filter %.c,$^) -o $@

.PHONY: firmware-golden
firmware-golden:
	python3 $(FW)/tools/make_golden.py Tests/Golden/link

# A coverage-guided fuzzer, where the compiler has the runtime for it. FUZZ_SECONDS sets how long.
FUZZ_SECONDS ?= 10
FUZZ_CLANG := $(shell command -v clang 2>/dev/null)
$(FW_OUT)/core-fuzz: $(FW)/Tests/fuzz_target.c $(FW)/Tests/fake_board.c $(FW)/Tests/talk.c $(wildcard $(FW)/Tests/*.h) \
		$(HOST_BOARD) $(FW_CORE) $(FW_CORE_HEADERS) $(FW_OUT)/host/cue_board_table.h
	@$(FUZZ_CLANG) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fuse-ld=lld -fno-sanitize-recover=all -I$(FW)/Core/src \
		-I$(FW)/Tests -I$(FW)/Boards/host -I$(FW_OUT)/host $(filter %.c,$^) -o $@

firmware-test: firmware $(FW_OUT)/core-test
	@$(MAKE) --no-print-directory -f Sources/Firmware/firmware.mk $(FW_OUT)/core-fuzz >$(FW_OUT)/core-fuzz.log 2>&1 || rm -f $(FW_OUT)/core-fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) python3 $(FW)/Tests/run_tests.py $(FW_OUT) $(if $(ONLY),"$(ONLY)")
