# Thin: meson and ninja do the work. `make run` and `make check` are all that a newcomer needs.
BUILD ?= build

.PHONY: all run check bench clean deps

all: deps $(BUILD)/build.ninja
	@ninja -C $(BUILD)

deps:
	@scripts/install-deps

$(BUILD)/build.ninja: | deps
	@./configure --builddir=$(BUILD) >/dev/null

# The main job, played on a terminal.
run: all
	@scripts/demo $(BUILD)

# Every test, those against real QEMU too; the last line counts them.
check: all
	@scripts/install-deps --peer
	@scripts/run-tests $(BUILD)

# Ratios against Debian's QEMU, measured in one run.
bench: all
	@scripts/install-deps --peer
	@tests/bench/run $(BUILD)

clean:
	@rm -rf build build-asan build-clang
