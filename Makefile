# The commands of TraitorTrack. make help lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test behind previous check drill drill-docs bench bench-hot bench-pool load load-smoke load-redis load-10k load-tools build assets generate schema install-tools format

# The tests in a real browser: what is between the server and its database is nothing to them.
browser = TestMainJob|TestScansOutlive|TestTerminators|TestDoubleReads|TestFocusReturns|TestCloseByHand|TestQueueBelongs|TestEachTab|TestAnAdminWithATelephone|TestPoolDashboardFollows|TestSystemHealth|TestBrowserPromotion|TestBrowserInvites

tool = go tool -modfile=internal/tools/$(1).mod

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install-tools build ## the whole thing on http://localhost:5000, with its own PostgreSQL and Redis
	@exec bin/traitortrack demo

test: install-tools assets ## every test that is quick; starts what it needs
	go test -timeout 30m ./...

behind: install-tools assets ## the API's tests once more, through PgBouncer in transaction pooling and with a replica
	TEST_BEHIND=yes go test -count=1 -timeout 30m -skip '$(browser)' ./internal/server

previous: install-tools assets ## the API's tests of the code from before the newest migration, on the schema of today
	@.ci/previous -skip '$(browser)'

check: install-tools assets ## what CI asks for
	@.ci/check

drill: install-tools build ## the slow tests: servers killed in the middle of work, long random workloads, a real browser's long day
	go test -tags drill -count=1 -timeout 15m -p 1 -run Drill ./...

drill-docs: install-tools build ## every command of the operators' documents, against a live demo
	go test -tags drill -count=1 -run 'DrillDoc|DrillHealthPoints' ./cmd/traitortrack

# Over how many bags. ARGS goes to the program as it is: loadtests/bin/figures --help lists what there is.
BAGS = 1800000

bench: install-tools build bench-hot ## the figures that we quote, each beside its reference, and a page of them in loadtests/results
	go test -run '^$$' -bench . -skip Hot -benchtime 2s -p 1 ./...
	@go build -o loadtests/bin/figures ./loadtests/figures
	@loadtests/bin/figures --bags $(BAGS) $(ARGS)

bench-hot: assets ## the functions that requests spend their time in, beside loadtests/results/hot-functions.txt (benchstat)
	@mkdir -p loadtests/bin
	@go test -run '^$$' -bench Hot -benchmem -count 6 -p 1 ./internal/... > loadtests/bin/hot-functions.txt
	@$(call tool,benchstat) benchstat loadtests/results/hot-functions.txt loadtests/bin/hot-functions.txt

# How many people, for how many minutes; twelve arrive in a second, which is what one core hashes passwords for. ARGS goes to the runner as it is: loadtests/bin/run --help lists what there is.
USERS = 1000
MINUTES = 5
RAMP = $(shell echo $$(($(USERS) / 12 + 5)))s
STREAMS = $(shell echo $$(($(USERS) / 5)))
load-run = loadtests/bin/run

load: load-tools ## a crowd at work for a while: make load USERS=2000 MINUTES=5
	@$(load-run) --name load --users $(USERS) --for $(MINUTES)m --ramp $(RAMP) --streams $(STREAMS) --bags 200000 $(ARGS)

load-smoke: load-tools ## 200 people for a minute, as CI asks for
	@$(load-run) --name smoke --ramp 18s --settle 6s --slow 3 --bags 5000 --results $(or $(RESULTS),loadtests/bin) $(ARGS)

load-redis: load-tools ## 200 people at work while Redis is killed, and while it hangs
	@$(load-run) --name redis-killed --redis kill --haste 4 --for 90s --strict $(ARGS)
	@$(load-run) --name redis-hangs --redis hang --haste 4 --for 90s --strict $(ARGS)

load-10k: load-tools ## 10,000 people for 15 minutes over 1.8 million bags, with 2,000 open dashboards
	@$(load-run) --name 10k --users 10000 --for 15m --ramp 14m --settle 20s --streams 2000 --bags 1800000 --statements --strict $(ARGS)

load-tools: install-tools build loadtests/bin/k6
	@go build -o $(load-run) ./loadtests/run

loadtests/bin/k6: internal/tools/k6.mod internal/tools/k6.sum # takes minutes, once
	go build -modfile=internal/tools/k6.mod -trimpath -ldflags "-s -w" -o $@ go.k6.io/k6

bench-pool: install-tools ## what POOL_SIZE is good for, as a table for docs/scaling-10k.md
	@go test -run '^$$' -bench PoolSize -benchtime 1x ./internal/bag

build: assets ## bin/traitortrack
	go build -trimpath -ldflags "-s -w" -o bin/traitortrack ./cmd/traitortrack

assets: web/dist/manifest.json ## the pages' scripts and styles, in web/dist

web/dist/manifest.json: web/node_modules/.package-lock.json web/build.mjs $(shell find web/static -type f)
	cd web && npm run --silent build

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

generate: ## the calls of every queries.sql
	cd internal && $(subst internal/,,$(call tool,sqlc)) sqlc generate

schema: install-tools ## migrations/schema.sql, dumped from a database that the migrations made
	UPDATE=1 go test -count=1 -run TestSchemaDump ./migrations

format: ## gofmt on everything
	gofmt -w cmd internal loadtests migrations web

install-tools: ## PostgreSQL, Redis and Chromium, where they are missing
	@.ci/install
