# Encipher. `make` alone lists the targets.

GO ?= go

.DEFAULT_GOAL := help
.PHONY: help run test test-stand-ins test-wasm reader build wasm dataset ablation choices codec messenger bench page-figures types icons size vendor lint lint-page format vulncheck dist dist-check screenshots chromium nginx exact tamper fuzz race race-quick cgo check busy clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: wasm ## build the wasm and serve the page with the default model; ADDR=127.0.0.1:8080
	$(GO) run ./cmd/encipher-server $(if $(ADDR),-addr $(ADDR))

# The modules that replace others in the wasm (third_party/README.md); ./... does not include them.
WASM_MOD = -modfile=wasm/wasm.mod
STAND_INS = github.com/gogo/protobuf/... github.com/golang/protobuf/... github.com/apache/arrow/go/arrow/... github.com/awalterschulze/gographviz

# The wasm comes first, because the tests that build it again must find it
# current: replacing it while the server's tests are compiled would break them.
test: chromium nginx wasm tools/npm/node_modules/.package-lock.json tools/reader/node_modules/.package-lock.json ## vet and run every test, the page in headless Chromium included
	$(GO) vet ./...
	$(GO) vet $(WASM_MOD) $(STAND_INS)
	GOOS=js GOARCH=wasm $(GO) vet ./wasm
	GOOS=js GOARCH=wasm $(GO) vet -tags vectors ./wasm
	$(GO) test -timeout $(or $(TIMEOUT),40m) ./...
	@$(MAKE) --no-print-directory test-stand-ins test-wasm

# The packages whose tests take some seconds together.
QUICK = ./server/site ./internal/atomicfile ./internal/container ./internal/digest ./internal/key ./internal/keyschedule \
	./internal/keyslot ./internal/lock ./internal/pngchunk ./internal/picture ./internal/residual ./internal/version ./wasm/... ./tools/size

check: ## vet, and run the quick tests, within 90 seconds
	$(GO) vet ./...
	GOOS=js GOARCH=wasm $(GO) vet ./wasm
	$(GO) test -short $(QUICK)

busy: ## run the tests three times while two busy loops occupy the processor
	@sh -c 'while :; do :; done' & one=$$!; sh -c 'while :; do :; done' & two=$$!; \
	trap 'kill $$one $$two' EXIT; trap 'exit 1' INT TERM; \
	for run in 1 2 3; do echo "run $$run of 3"; $(MAKE) --no-print-directory GOFLAGS="$$GOFLAGS -count=1" TIMEOUT=3h test || exit 1; done

# Checks that the stand-ins decode ONNX files as the original modules do.
test-stand-ins:
	$(GO) test $(WASM_MOD) $(STAND_INS) ./internal/onnx
	$(GO) test $(WASM_MOD) -run '^TestLayers$$' ./internal/network

# The packages whose bits must be equal everywhere, and those that call the browser, run their tests as
# WebAssembly too, under Node.js; internal/network runs only the vectors of the generators.
WASM_TESTED = ./internal/digest ./internal/kernel ./internal/keyschedule ./internal/key ./internal/container ./internal/picture ./internal/ldpc ./internal/carrier ./internal/codec

test-wasm:
	@if command -v node >/dev/null; then \
		GOOS=js GOARCH=wasm $(GO) test $(WASM_MOD) -exec "node --stack-size=8192 $(CURDIR)/wasm/node.mjs" $(WASM_TESTED) && \
		GOOS=js GOARCH=wasm $(GO) test $(WASM_MOD) -exec "node --stack-size=8192 $(CURDIR)/wasm/node.mjs" -run '^TestLayers$$' ./internal/network; \
	elif [ -n "$$CI" ]; then echo "make test-wasm needs Node.js: install it (apt-get install nodejs)"; exit 1; \
	else echo "skipped the tests as WebAssembly: install Node.js 20 or later to run them"; fi

# The linters have a module of their own, tools/lint, so that their dependencies are not in ours.
LINT = $(GO) build -modfile=tools/lint/go.mod -o build/

lint: lint-page ## run staticcheck over all packages, and ESLint and Prettier over the page's JavaScript
	$(LINT) honnef.co/go/tools/cmd/staticcheck
	build/staticcheck ./...
	for module in third_party/*/go.mod; do (cd $$(dirname $$module) && $(CURDIR)/build/staticcheck ./...) || exit 1; done
	GOOS=windows $(GO) vet . ./cmd/... ./server/... ./internal/atomicfile
	GOOS=js GOARCH=wasm build/staticcheck . ./wasm $(WASM_TESTED)
	GOOS=js GOARCH=wasm build/staticcheck -tags vectors ./wasm

# The JavaScript and the types that ESLint and Prettier look at.
SCRIPTS = static docs/examples wasm tools/npm tools/types

lint-page: tools/npm/node_modules/.package-lock.json
	tools/npm/node_modules/.bin/eslint --no-error-on-unmatched-pattern -c tools/npm/eslint.config.mjs $(SCRIPTS)
	tools/npm/node_modules/.bin/prettier --check --log-level warn $(SCRIPTS)

format: tools/npm/node_modules/.package-lock.json ## format the page's JavaScript with Prettier
	tools/npm/node_modules/.bin/prettier --write --log-level warn $(SCRIPTS)

vulncheck: ## run govulncheck, which fetches the list of known vulnerabilities; GOVULNDB=URL
	$(LINT) golang.org/x/vuln/cmd/govulncheck
	build/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./...
	GOFLAGS=$(WASM_MOD) GOOS=js GOARCH=wasm build/govulncheck $(if $(GOVULNDB),-db $(GOVULNDB)) ./wasm

build: wasm ## build the server and the command-line tool into build/
	$(GO) build -trimpath -o build/ ./cmd/encipher-server ./cmd/encipher
	mkdir -p build/models && cp -R models/paper-stats build/models/

wasm: ## build the wasm into server/built/, from where the server embeds it
	$(GO) run ./wasm/bundle

dataset: ## fetch the photos that the shipped model is trained on
	$(GO) run ./tools/dataset

ablation: ## measure what the discriminator contributes: two short runs, with and without it (minutes)
	@test -d build/dataset || { echo "run make dataset first"; exit 1; }
	$(GO) build -o build/encipher ./cmd/encipher
	rm -rf build/ablation
	for weight in 0.02 0; do \
		echo "adversarial weight $$weight"; \
		build/encipher train -o build/ablation/$$weight -adversarial $$weight -steps 1500 -batch 2 -fine-tune 0 -kappa 1 build/dataset || exit 1; \
	done

# Each line of flags is one run. The first is the default; validation decides.
CHOICES = '' '-couplings 2' '-couplings 6' '-hidden 32' '-hidden 96' '-unshuffle 2 -hidden 16' '-unshuffle 8' '-unshuffle 8 -couplings 2 -hidden 128' '-adversarial 0'

choices: ## compare sizes of the default network by short runs, on validation photos (an hour); STEPS=1500
	@test -d build/dataset || { echo "run make dataset first"; exit 1; }
	$(GO) build -o build/encipher ./cmd/encipher
	rm -rf build/choices && mkdir -p build/choices
	@n=0; for flags in $(CHOICES); do \
		n=$$((n+1)); echo "choice $$n: $$flags"; \
		build/encipher train -o build/choices/$$n -steps $(or $(STEPS),1500) -batch 2 -fine-tune 0 -kappa 1 $$flags build/dataset || exit 1; \
	done

codec: ## compare the codec with libwebp and JPEG (cwebp, cjpeg), and measure what its parts add; ENCIPHER_PHOTOS=FOLDER:FOLDER
	@test -d build/dataset -o -n "$(ENCIPHER_PHOTOS)" || { echo "run make dataset first"; exit 1; }
	ENCIPHER_PHOTOS=$(or $(ENCIPHER_PHOTOS),$(CURDIR)/build/dataset) $(GO) test -tags measure -count=1 -v -timeout 60m -run 'TestRate$$|TestAblation$$' ./internal/codec

messenger: ## send photos through recompressors: what opens, PSNR, SSIM, bytes, time; PHOTOS=FOLDER FOR=messenger-strong
	@test -d "$(or $(PHOTOS),build/dataset)" || { echo "run make dataset first, or give PHOTOS=FOLDER"; exit 1; }
	$(GO) run ./cmd/encipher evaluate -for $(or $(FOR),messenger) $(or $(PHOTOS),build/dataset)

bench: chromium bench/peers/node_modules/.package-lock.json ## compare speed and memory with onnxruntime; ONLY=browser for some rows
	$(GO) run ./bench $(if $(ONLY),-only '$(ONLY)')

bench/peers/node_modules/.package-lock.json: bench/peers/package-lock.json
	cd bench/peers && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

page-figures: chromium wasm bench/lighthouse/node_modules/.package-lock.json ## measure the page in headless Chromium: a 12-megapixel photo, cancel, main thread, Lighthouse
	$(GO) run ./bench -page

bench/lighthouse/node_modules/.package-lock.json: bench/lighthouse/package-lock.json
	cd bench/lighthouse && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

types: tools/npm/node_modules/.package-lock.json ## check the page's scripts and static/encipher.d.ts with TypeScript
	for config in tsconfig page worker; do tools/npm/node_modules/.bin/tsc -p tools/types/$$config.json || exit 1; done

icons: chromium ## draw the page's icons as PNG from their SVG, into static/
	$(GO) run ./tools/icons

size: wasm ## print what a first visit to the page transfers, and fail above 3.2 MB as brotli
	@$(GO) run ./tools/size

# axe-core for the page's tests, the page's libraries, TypeScript, ESLint and Prettier.
tools/npm/node_modules/.package-lock.json: tools/npm/package-lock.json
	cd tools/npm && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

reader: tools/reader/node_modules/.package-lock.json ## open the corpus with the second reader, which was written from the documents alone
	node tools/reader/corpus.mjs testdata/corpus models/default

tools/reader/node_modules/.package-lock.json: tools/reader/package-lock.json
	cd tools/reader && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

vendor: tools/npm/node_modules/.package-lock.json ## copy the page's libraries from npm into static/vendor
	node tools/npm/vendor.mjs

screenshots: chromium tools/npm/node_modules/.package-lock.json ## take pictures of the page in its main states into build/screenshots/
	ENCIPHER_SCREENSHOTS=$(CURDIR)/build/screenshots $(GO) test -count=1 -timeout 20m -run 'TestScreenshots$$' ./internal/browsertest

# The page's tests need Chromium. If it is missing, tools/chromium installs it on
# Debian and Ubuntu as root or through sudo; elsewhere it prints what to install.
chromium:
	@tools/chromium

# The tests of docs/server.md run its examples in nginx, which tools/nginx installs likewise.
nginx:
	@tools/nginx

exact: chromium wasm ## encrypt and decrypt the whole evaluation set, natively and in Chromium; both must restore every sample
	ENCIPHER_EXACT=all $(GO) test -count=1 -v -timeout 60m -run '^TestExactThereAndHere$$' ./internal/browsertest

tamper: ## change 10,000 single bytes of a cipher image: each change must be detected or harmless; CHANGES=10000
	ENCIPHER_CHANGES=$(or $(CHANGES),10000) $(GO) test -count=1 -v -timeout 60m -run 'TestRandomChanges$$' .

fuzz: ## fuzz every parser of untrusted files, each for 10 minutes; FUZZTIME=10m
	@for package in $$($(GO) list . ./internal/... ./server/...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep ^Fuzz); do \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),10m) $$package || exit 1; \
		done; \
	done

race: cgo ## run the tests of library and server under the race detector
	$(GO) test -race -count=1 -timeout 30m . ./server/...

# The packages and tests in which goroutines share data and that take about a minute with the detector.
race-quick: cgo ## a part of race, which continuous integration runs
	$(GO) test -race -count=1 -short -timeout 10m ./server/... ./internal/atomicfile
	$(GO) test -race -count=1 -short -timeout 10m -run '^(Example|TestCancel$$|TestConcurrentUse)' .

cgo:
	@test "$$($(GO) env CGO_ENABLED)" = 1 && command -v "$$($(GO) env CC)" >/dev/null || \
		{ echo "make race needs cgo and a C compiler: install one (apt-get install gcc) and leave CGO_ENABLED unset"; exit 1; }

dist: ## write build/dist: the site for a static host, servers and command lines for six platforms, checksums
	tools/dist

dist-check: ## build the distribution twice, in two folders, and compare the bytes (minutes)
	tools/dist-check

clean: ## remove what was built
	rm -rf build
	cd server/built && rm -rf encipher.wasm* wasm_exec.js forms
