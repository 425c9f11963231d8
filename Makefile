# Two commands do everything on a fresh Debian 12 with root:
#   make up     installs packages, builds, starts a region with a cluster and nodes
#   make test   installs what tests need, and runs them
# The others are parts of these. Building is meson's work; this file only keeps its configuration in step with the files.

BUILD   ?= build
DATA    ?= /var/lib/kaname
PREFIX  ?= /usr/local
SECONDS_EACH ?= 600
SEEDS   ?= 1000
export KANAME_TEST_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kaname-tests

.PHONY: all configure up down test check sanitize lint format e2e e2e-originals guest conformance fuzz bench sim install clean packages test-packages

all: configure
	ninja -C $(BUILD) kaname

# meson reads the list of files when it configures: again, when the list changed.
configure: | packages
	@mkdir -p $(BUILD)
	@tools/list-files . .c .cc .tsv .txt .build > $(BUILD)/.files.new
	@if ! cmp -s $(BUILD)/.files.new $(BUILD)/.files || [ ! -e $(BUILD)/build.ninja ]; then \
	    meson setup $$([ -e $(BUILD)/build.ninja ] && echo --reconfigure) $(BUILD) . > $(BUILD)/.configure.log || { cat $(BUILD)/.configure.log; exit 1; }; \
	    mv $(BUILD)/.files.new $(BUILD)/.files; fi

packages:
	@tests/setup/packages build

test-packages:
	@tests/setup/packages test

up: all
	$(BUILD)/kaname up --data-dir $(DATA)

down:
	$(BUILD)/kaname down --data-dir $(DATA)

test: test-packages check lint e2e

# Unit tests and the corpora of the fuzz targets.
check: configure
	meson test -C $(BUILD) --print-errorlogs

# Unit and black-box tests under AddressSanitizer and UndefinedBehaviorSanitizer, whose instructions make gcc see truncations that
# aren't there.
sanitize: test-packages
	@$(MAKE) BUILD=$(BUILD)-sanitize configure
	meson configure $(BUILD)-sanitize -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false
	meson test -C $(BUILD)-sanitize --print-errorlogs --timeout-multiplier 5
	tests/setup/clients
	rm -rf $(BUILD)-sanitize/reports && mkdir -m 1777 $(BUILD)-sanitize/reports
	ASAN_OPTIONS=detect_leaks=0:log_path=$(abspath $(BUILD))-sanitize/reports/asan \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1:log_path=$(abspath $(BUILD))-sanitize/reports/ubsan \
	KANAME_SANITIZER_REPORTS=$(abspath $(BUILD))-sanitize/reports KANAME=$(abspath $(BUILD))-sanitize/kaname tests/run

lint:
	tools/check

format:
	git ls-files 'src/*.c' 'src/*.h' 'fuzz/*.c' 'bench/*.c' | xargs clang-format -i

# Real clients against a real server.
e2e: all test-packages
	tests/setup/clients
	KANAME=$(abspath $(BUILD)/kaname) tests/run

# The original kubelet as a node of ours, and controller-runtime's own tests against our API server. Building them takes minutes the first
# time; they stay in the cache.
e2e-originals: all
	tests/setup/packages originals
	tests/setup/clients
	tests/setup/originals kubelet
	tests/setup/controller-runtime
	KANAME=$(abspath $(BUILD)/kaname) tests/run kubelet operators

# A node on a machine with version 2 control groups: a guest of our own, emulated where there is no KVM.
guest: all test-packages
	tests/setup/clients
	tests/setup/guest
	KANAME=$(abspath $(BUILD)/kaname) tests/guest/run

conformance: all test-packages
	tests/setup/clients
	tests/setup/originals e2e.test ginkgo $(if $(findstring pods,$(CLASSES)),agnhost etcd)
	KANAME=$(abspath $(BUILD)/kaname) tests/conformance/run $(CLASSES)

fuzz: test-packages
	fuzz/run $(SECONDS_EACH)

bench: all test-packages
	tests/setup/originals etcd kube-apiserver kube-controller-manager kube-scheduler
	KANAME=$(abspath $(BUILD)/kaname) bench/run

# The store's promises on a disk that loses power: every write and sync is recorded and cut at random moments, unsynced sectors
# dropped or torn; then random operations against a model.
sim: configure
	ninja -C $(BUILD) test-store-store_power test-store-store_model
	KANAME_POWER_CUTS=$(SEEDS) $(BUILD)/test-store-store_power
	KANAME_MODEL_STEPS=$(SEEDS)00 $(BUILD)/test-store-store_model

install: all
	DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild
	$(BUILD)/kaname man --directory $(DESTDIR)$(PREFIX)/share/man/man1
	install -d $(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions fish/vendor_completions.d)
	$(BUILD)/kaname completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/kaname
	$(BUILD)/kaname completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/kaname.fish

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-fuzz
