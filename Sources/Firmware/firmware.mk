# Firmware: boards, simulators and their tests. Included by the top Makefile, and usable by itself:
#   make -f Sources/Firmware/firmware.mk firmware        the Uno's image with its size report, and all simulators
#   make -f Sources/Firmware/firmware.mk firmware-test   everything that tests them; the last line is "N passed, N failed"

FW := Sources/Firmware
FW_OUT := .build/firmware
FW_CORE := $(wildcard $(FW)/Core/src/*.c)
FW_CORE_HEADERS := $(wildcard $(FW)/Core/src/*.h)
FW_GENERATE := python3 $(FW)/tools/generate_board.py
FW_WARNINGS := -Wall -Wextra -Wconversion -Werror

# Flash and RAM that an AVR image may use: half of an Uno's flash, with every kind of channel.
FW_FLASH_MAX := 16384
FW_RAM_MAX := 900

AVR_BOARDS := uno uno_stage nano mega
FW_SKETCH_BOARDS := uno nano mega

.SECONDARY:
.PHONY: firmware firmware-test firmware-clean firmware-size firmware-flash
firmware: firmware-size $(FW_OUT)/index.json \
	$(FW_OUT)/cuelight-board-host $(FW_OUT)/cuelight-board-host-stage $(FW_OUT)/cuelight-board-avr \
	$(patsubst %,$(FW_OUT)/cuelight-board-avr-%,$(filter-out uno,$(AVR_BOARDS)))

# The firmware as a sketch for Arduino's IDE: .build/firmware/sketch/Cuelight.
.PHONY: firmware-sketch
firmware-sketch: $(FW_OUT)/sketch/Cuelight/Cuelight.ino
$(FW_OUT)/sketch/Cuelight/Cuelight.ino: $(FW)/tools/make_sketch.py $(FW)/tools/generate_board.py LICENSE $(FW_CORE) $(FW_CORE_HEADERS) \
		$(wildcard $(FW)/Boards/avr/*.[ch]) $(FW_SKETCH_BOARDS:%=hardware/boards/%.json)
	@python3 $< $(FW_OUT)/sketch

# Flashes an Uno. BOARD_PORT says where it is.
BOARD_PORT ?= /dev/ttyACM0
firmware-flash: firmware-size
	avrdude -c arduino -p m328p -P $(BOARD_PORT) -b 115200 \
		-D -U flash:w:$(FW_OUT)/uno.hex:i

# What `cuelight-agent flash --images $(FW_OUT)` finds.
FW_IMAGES := $(AVR_BOARDS:%=$(FW_OUT)/%.hex)
$(FW_OUT)/index.json: $(FW)/tools/make_index.py $(FW_IMAGES)
	@python3 $< $@ $(FW_IMAGES)

firmware-clean:
	rm -rf $(FW_OUT)

# ---- Tables generated from hardware/boards

FW_SOURCES := $(FW_CORE) $(FW_CORE_HEADERS) $(wildcard $(FW)/Boards/*/*.[ch])
$(FW_OUT)/%/cue_board_table.h: hardware/boards/%.json $(FW)/tools/generate_board.py $(FW_SOURCES)
	@$(FW_GENERATE) header $< $@ $(FW_SOURCES)

# ---- AVR boards. The Arduino core is not used; its package brings the bootloaders that the
# tests flash through, and the recipes by which they build the sketch.

# Beside -Os: what makes gcc 5.4's images of this firmware smaller, found by trying; together some 1,100 bytes.
AVR_SMALL := -mrelax --param=max-tail-merge-comparisons=100 -fira-algorithm=priority -flto-partition=none \
	-fno-guess-branch-probability -fno-if-conversion -fno-inline-small-functions -fno-ipa-sra \
	-fno-move-loop-invariants -fno-rerun-cse-after-loop -fno-ssa-phiopt -fno-toplevel-reorder \
	-fno-tree-dominator-opts -fno-tree-fre -fno-tree-reassoc -fno-tree-scev-cprop -fno-tree-switch-conversion \
	-maccumulate-args -mcall-prologues -mstrict-X
AVR_FLAGS := -DF_CPU=16000000UL -DCUE_FIXED_BOARD -std=gnu11 -Os -flto -ffunction-sections -fdata-sections -fshort-enums $(AVR_SMALL)
AVR_SOURCES := $(wildcard $(FW)/Boards/avr/*.c) $(FW_CORE)

# avr_board BOARD MCU
define avr_board
$(FW_OUT)/$(1)/%.o: $(FW)/Core/src/%.c $(FW_CORE_HEADERS) $(FW_OUT)/$(1)/cue_board_table.h
	@avr-gcc -mmcu=$(2) $(AVR_FLAGS) $(FW_WARNINGS) -I$(FW)/Core/src -I$(FW_OUT)/$(1) -c $$< -o $$@
$(FW_OUT)/$(1)/%.o: $(FW)/Boards/avr/%.c $(wildcard $(FW)/Boards/avr/*.h) $(FW_CORE_HEADERS) $(FW_OUT)/$(1)/cue_board_table.h
	@avr-gcc -mmcu=$(2) $(AVR_FLAGS) -Wall -Wextra -Werror -I$(FW)/Core/src -I$(FW)/Boards/avr -I$(FW_OUT)/$(1) -c $$< -o $$@
$(FW_OUT)/$(1).elf: $(patsubst %.c,$(FW_OUT)/$(1)/%.o,$(notdir $(AVR_SOURCES)))
	@avr-gcc -mmcu=$(2) $(AVR_FLAGS) -Wl,--gc-sections -fuse-linker-plugin $$^ -o $$@
endef
$(eval $(call avr_board,uno,atmega328p))
$(eval $(call avr_board,uno_stage,atmega328p))
$(eval $(call avr_board,nano,atmega328p))
$(eval $(call avr_board,mega,atmega2560))

$(FW_OUT)/%.hex: $(FW_OUT)/%.elf
	@avr-objcopy -O ihex -R .eeprom $< $@

firmware-size: $(foreach board,$(AVR_BOARDS),$(FW_OUT)/$(board).elf $(FW_OUT)/$(board).hex)
	@for board in $(AVR_BOARDS); do avr-size $(FW_OUT)/$$board.elf | awk -v board=$$board 'NR == 2 { flash = $$1 + $$2; \
		ram = $$2 + $$3; printf "%s: %d of %d bytes flash, %d of %d bytes RAM\n", board, flash, $(FW_FLASH_MAX), ram, $(FW_RAM_MAX); \
		exit !(flash <= $(FW_FLASH_MAX) && ram <= $(FW_RAM_MAX)) }' || exit 1; done

# ---- The Core as rv32imc machine code, the ESP32-C3's instructions, for QEMU's virt board

RV32_FLAGS := -march=rv32imc -mabi=ilp32 -std=c11 -Os -ffunction-sections -fdata-sections -Wl,--gc-sections -Wl,--no-warn-rwx-segments
RV32_SOURCES := $(wildcard $(FW)/Boards/rv32/*.[cS]) $(FW)/Boards/host/cue_board_host.c $(FW_CORE)
$(FW_OUT)/rv32.elf: $(RV32_SOURCES) $(FW)/Boards/rv32/rv32.ld $(FW)/Boards/host/cue_board_host.h $(FW_CORE_HEADERS) \
		$(FW_OUT)/rv32/cue_board_table.h
	@riscv64-unknown-elf-gcc --specs=picolibc.specs $(RV32_FLAGS) -Wall -Wextra -Werror -nostartfiles -T $(FW)/Boards/rv32/rv32.ld \
		-I$(FW)/Core/src -I$(FW)/Boards/host -I$(FW_OUT)/rv32 $(RV32_SOURCES) -o $@

# ---- ESP boards: compiled against stubs of ESP-IDF, for a RISC-V (which an ESP32 is not, but no compiler for it is at hand)

$(FW_OUT)/%/esp.stamp: $(wildcard $(FW)/Boards/esp32/*.c $(FW)/Boards/esp32/stubs/*.h) $(FW_CORE) $(FW_CORE_HEADERS) $(FW_OUT)/%/cue_board_table.h
	@for source in $(wildcard $(FW)/Boards/esp32/*.c) $(FW_CORE); do \
		riscv64-unknown-elf-gcc --specs=picolibc.specs -march=rv32imc -mabi=ilp32 -std=gnu11 -Os -Wall -Wextra -Werror -DCUE_FIXED_BOARD \
		-DCUE_ESP_IDF_STUBS -I$(FW)/Boards/esp32/stubs -I$(FW)/Core/src -I$(FW_OUT)/$* -c $$source -o $(FW_OUT)/$*/$$(basename $$source .c).o \
		|| exit 1; done
	@riscv64-unknown-elf-size -t $(FW_OUT)/$*/*.o | awk -v board=$* 'END { printf "%s (against stubs): %d bytes of code and tables, %d bytes RAM\n", \
		board, $$1 + $$2, $$2 + $$3 }'
	@touch $@

# ---- Simulators. The host one is shipped with the agent; the AVR one links libsimavr (GPL-3) and is not.

HOST_FLAGS := -std=c11 -O2 -g $(FW_WARNINGS)
HOST_BOARD := $(wildcard $(FW)/Boards/host/*.[ch])
SIM_SHARED := $(FW)/Simulator/cue_sim.c $(FW)/Simulator/cue_sim.h

# The simulated boards: cuelight-board-host is hardware/boards/host.json, cuelight-board-host-stage is host_stage.json.
$(FW_OUT)/cuelight-board-host $(FW_OUT)/cuelight-board-host-stage: $(FW)/Simulator/board_host.c $(SIM_SHARED) $(HOST_BOARD) $(FW_CORE) \
		$(FW_OUT)/host/cue_board_table.h $(FW_OUT)/host_stage/cue_board_table.h
	@gcc $(HOST_FLAGS) -I$(FW)/Core/src -I$(FW)/Simulator -I$(FW)/Boards/host \
		-I$(FW_OUT)/host$(if $(findstring stage,$@),_stage) $(filter %.c,$^) -o $@
# cuelight-board-avr is the Uno, cuelight-board-avr-<board> another one.
AVR_SIMULATOR = gcc -std=gnu11 -O2 -g -Wall -Wextra -Werror -I$(FW)/Core/src -I$(FW)/Simulator -I$(FW_OUT)/$(1) \
	-isystem /usr/include/simavr $(filter %.c,$^) -lsimavr -lelf -o $@
$(FW_OUT)/cuelight-board-avr: $(FW)/Simulator/board_avr.c $(SIM_SHARED) $(FW)/Core/src/cue_link.c $(FW_OUT)/uno/cue_board_table.h
	@$(call AVR_SIMULATOR,uno)
$(FW_OUT)/cuelight-board-avr-%: $(FW)/Simulator/board_avr.c $(SIM_SHARED) $(FW)/Core/src/cue_link.c $(FW_OUT)/%/cue_board_table.h
	@$(call AVR_SIMULATOR,$*)

# ---- Tests of the Core on this computer

CORE_TESTS := $(wildcard $(FW)/Tests/*.c)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

$(FW_OUT)/core-test: $(filter-out %/fuzz_target.c,$(CORE_TESTS)) $(wildcard $(FW)/Tests/*.h) $(HOST_BOARD) $(FW_CORE) $(FW_CORE_HEADERS) \
		$(FW_OUT)/host_stage/cue_board_table.h
	@gcc -std=gnu11 -O1 -g $(SANITIZE) $(FW_WARNINGS) -Wno-sign-conversion -I$(FW)/Core/src -I$(FW)/Tests -I$(FW)/Boards/host -I$(FW_OUT)/host_stage \
		$(filter %.c,$^) -o $@

.PHONY: firmware-golden firmware-hardware
firmware-hardware:
	$(FW_GENERATE) hardware hardware
firmware-golden:
	python3 $(FW)/tools/make_golden.py Tests/Golden/link

# A coverage-guided fuzzer, where the compiler has the runtime for it. FUZZ_INPUTS sets how much of it the tests run.
FUZZ_INPUTS ?= 100000
FUZZ_CLANG := $(shell command -v clang 2>/dev/null)
$(FW_OUT)/core-fuzz: $(FW)/Tests/fuzz_target.c $(FW)/Tests/fake_board.c $(FW)/Tests/talk.c $(wildcard $(FW)/Tests/*.h) \
		$(HOST_BOARD) $(FW_CORE) $(FW_CORE_HEADERS) $(FW_OUT)/host_stage/cue_board_table.h
	@$(FUZZ_CLANG) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined -fuse-ld=lld -fno-sanitize-recover=all -I$(FW)/Core/src \
		-I$(FW)/Tests -I$(FW)/Boards/host -I$(FW_OUT)/host_stage $(filter %.c,$^) -o $@

# The same for FUZZ_RUNS inputs; ends with an error at the first crash, sanitizer's finding or output edge against the rules.
FUZZ_RUNS ?= 2000000
.PHONY: firmware-fuzz
firmware-fuzz: $(FW_OUT)/core-fuzz
	@$(FW_OUT)/core-fuzz -runs=$(FUZZ_RUNS) -max_len=512 -print_final_stats=1 -artifact_prefix=$(FW_OUT)/

firmware-test: firmware firmware-sketch $(FW_OUT)/core-test $(FW_OUT)/rv32.elf $(FW_OUT)/esp32/esp.stamp $(FW_OUT)/esp32c3/esp.stamp
	@$(MAKE) --no-print-directory -f Sources/Firmware/firmware.mk $(FW_OUT)/core-fuzz >$(FW_OUT)/core-fuzz.log 2>&1 || rm -f $(FW_OUT)/core-fuzz
	@FUZZ_INPUTS=$(FUZZ_INPUTS) python3 $(FW)/Tests/run_tests.py $(FW_OUT) $(if $(ONLY),"$(ONLY)")
