# The commands of TraitorTrack. make help lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test check drill bench build assets generate schema install-tools format

tool = go tool -modfile=internal/tools/$(1).mod

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install-tools build ## the whole thing on http://localhost:5000, with its own PostgreSQL and Redis
	@exec bin/traitortrack demo

test: install-tools assets ## every test that is quick; starts what it needs
	go test ./...

check: install-tools assets ## what CI asks for
	@.ci/check

drill: install-tools build ## the slow tests: servers killed in the middle of work, long random workloads, a real browser's long day
	go test -tags drill -count=1 -timeout 15m -p 1 -run Drill ./...

bench: install-tools build ## the figures that we quote
	go test -run '^$$' -bench . -benchtime 2s -p 1 ./...

build: assets ## bin/traitortrack
	go build -trimpath -o bin/traitortrack ./cmd/traitortrack

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
	gofmt -w cmd internal migrations web

install-tools: ## PostgreSQL, Redis and Chromium, where they are missing
	@.ci/install
