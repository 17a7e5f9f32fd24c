# make test runs everything; make bench measures; make fuzz looks for trouble longer.
GOLANGCI_VERSION := v2.15.0
BIN := $(CURDIR)/bin
PACKAGES := gcc libc6-dev munge slurmctld slurmd slurm-client slurmdbd mariadb-server

export CGO_ENABLED ?= 0
export GOFLAGS ?= -buildvcs=false

.PHONY: all build test test-newer-slurm unit lint format deps bench fuzz fuzz-short clean

all: build

build:
	go build -trimpath -ldflags '-s -w' -o $(BIN)/kerb ./cmd/kerb

# Everything: what the tests need is installed, code is checked, and every test runs with the race detector.
test: deps lint fuzz-short unit

unit:
	CGO_ENABLED=1 go test -race -timeout 20m ./...

# What needs SLURM, on the newest that Debian has. As root; no part of test, since it fetches a Debian of its own.
test-newer-slurm:
	deploy/slurm-cluster/newer

# Real SLURM and a C compiler for the race detector. Without root, or where they are installed, nothing is done; tests that
# miss something say so.
deps:
	@sh deploy/install-packages.sh $(PACKAGES)

lint: $(BIN)/golangci-lint-$(GOLANGCI_VERSION)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	$(BIN)/golangci-lint-$(GOLANGCI_VERSION) run

$(BIN)/golangci-lint-$(GOLANGCI_VERSION):
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv $(BIN)/golangci-lint $@

format:
	gofmt -w $$(git ls-files '*.go')

bench: build
	go run ./deploy/bench

FUZZTIME ?= 5m
fuzz:
	@grep -ro '^func Fuzz[A-Za-z0-9]*' --include='*_test.go' . | sort | while IFS=: read -r file f; do \
		p=$$(dirname $$file); f=$${f#func }; echo "$$p $$f"; \
		go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; \
	done

# Every target for a moment, which finds what a change broke at once.
fuzz-short:
	@$(MAKE) --no-print-directory fuzz FUZZTIME=3s

clean:
	rm -rf $(BIN)
