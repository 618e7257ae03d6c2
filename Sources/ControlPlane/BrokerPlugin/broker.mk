# The authentication plugin of the broker: `make broker-plugin`, `make broker-test`.
# Needs gcc or clang, mosquitto, mosquitto-dev, libmosquitto-dev, libssl-dev and python3.

BROKER_BUILD := .build/broker
BROKER_SOURCE := Sources/ControlPlane/BrokerPlugin
BROKER_TESTS := Tests/BrokerPluginTests
BROKER_CC ?= cc
BROKER_CFLAGS := -std=c11 -D_GNU_SOURCE -O2 -g -fPIC -fvisibility=hidden \
	-Wall -Wextra -Wconversion -Wshadow -Wvla -Wformat=2 -Werror \
	-fstack-protector-strong -D_FORTIFY_SOURCE=2
BROKER_LDFLAGS := -shared -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
BROKER_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer \
	-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=0
BROKER_FILES := $(wildcard $(BROKER_SOURCE)/*.c)
BROKER_HEADERS := $(wildcard $(BROKER_SOURCE)/*.h)
# All but the file that needs the broker around it.
BROKER_PURE := $(filter-out %/plugin.c,$(BROKER_FILES))

.PHONY: broker-plugin broker-plugin-sanitized broker-test broker-test-sanitized broker-bench

broker-plugin: $(BROKER_BUILD)/cuelight_auth.so

$(BROKER_BUILD)/cuelight_auth.so: $(BROKER_FILES) $(BROKER_HEADERS) Sources/ControlPlane/BrokerPlugin/broker.mk
	@mkdir -p $(BROKER_BUILD)
	$(BROKER_CC) $(BROKER_CFLAGS) $(BROKER_FILES) $(BROKER_LDFLAGS) -lcrypto -o $@

# The same under AddressSanitizer and UndefinedBehaviorSanitizer.
$(BROKER_BUILD)/sanitized/cuelight_auth.so: $(BROKER_FILES) $(BROKER_HEADERS) Sources/ControlPlane/BrokerPlugin/broker.mk
	@mkdir -p $(BROKER_BUILD)/sanitized
	$(BROKER_CC) $(BROKER_CFLAGS) $(BROKER_SANITIZE) $(BROKER_FILES) $(BROKER_LDFLAGS) \
		-lcrypto -o $@

broker-plugin-sanitized: $(BROKER_BUILD)/sanitized/cuelight_auth.so

# Always sanitized; the measuring build is plain.
$(BROKER_BUILD)/pure_tests: $(BROKER_TESTS)/pure_tests.c $(BROKER_PURE) $(BROKER_HEADERS) Sources/ControlPlane/BrokerPlugin/broker.mk
	@mkdir -p $(BROKER_BUILD)
	$(BROKER_CC) $(BROKER_CFLAGS) $(BROKER_SANITIZE) -I$(BROKER_SOURCE) $< $(BROKER_PURE) \
		-lcrypto -o $@

$(BROKER_BUILD)/pure_bench: $(BROKER_TESTS)/pure_bench.c $(BROKER_PURE) $(BROKER_HEADERS) Sources/ControlPlane/BrokerPlugin/broker.mk
	@mkdir -p $(BROKER_BUILD)
	$(BROKER_CC) $(BROKER_CFLAGS) -I$(BROKER_SOURCE) $< $(BROKER_PURE) -lcrypto -o $@

broker-test: $(BROKER_BUILD)/cuelight_auth.so $(BROKER_BUILD)/pure_tests
	python3 $(BROKER_TESTS)/run.py --plugin $(BROKER_BUILD)/cuelight_auth.so \
		--pure $(BROKER_BUILD)/pure_tests

broker-test-sanitized: $(BROKER_BUILD)/sanitized/cuelight_auth.so $(BROKER_BUILD)/pure_tests
	python3 $(BROKER_TESTS)/run.py --plugin $(BROKER_BUILD)/sanitized/cuelight_auth.so \
		--pure $(BROKER_BUILD)/pure_tests --preload "$$($(BROKER_CC) -print-file-name=libasan.so)"

broker-bench: $(BROKER_BUILD)/cuelight_auth.so $(BROKER_BUILD)/pure_bench
	$(BROKER_BUILD)/pure_bench
	python3 $(BROKER_TESTS)/bench.py --plugin $(BROKER_BUILD)/cuelight_auth.so
