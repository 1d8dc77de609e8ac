#!/bin/bash
# check.sh: what CI asks for, the quick things first. It goes on after a failure, and lists what failed at the end.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=()
step() {
    local name=$1; shift
    local begun=$SECONDS
    if "$@"; then echo "ok    $name ($((SECONDS - begun)) s)"; else echo "FAIL  $name"; failed+=("$name"); fi
}

formatted() { local files; files=$(gofmt -l cmd internal migrations web) && [[ -z $files ]] || { echo "run make format: $files"; return 1; }; }
linted() { go tool -modfile=internal/tools/golangci-lint.mod golangci-lint run ./...; }

# Generated code is made anew beside a copy of what is there, so that a check changes nothing.
generated() {
    local before after
    before=$(mktemp -d); trap 'rm -rf "$before"' RETURN
    tar cf - $(git ls-files '*.sql.go' 'internal/*/models.go' 'internal/*/db.go') | tar xf - -C "$before"
    (cd internal && go tool -modfile=tools/sqlc.mod sqlc generate) || return 1
    after=$(cd "$before" && find . -type f | while read -r f; do cmp -s "$f" "$OLDPWD/$f" || echo "$f"; done)
    [[ -z $after ]] || { echo "these were not up to date, and are now: commit them: $after"; return 1; }
}

# The list of known holes is on the network. Where it cannot be reached, nothing is claimed.
unholed() {
    local out status
    out=$(go tool -modfile=internal/tools/govulncheck.mod govulncheck ./... 2>&1); status=$?
    if [[ $status -ne 0 ]] && grep -qE 'dial tcp|no such host|connection refused|i/o timeout|proxyconnect|Forbidden|HTTP GET|fetching' <<<"$out"; then
        echo "      the list of known holes cannot be reached from here: not checked"
        return 0
    fi
    [[ $status -eq 0 ]] || { echo "$out"; return 1; }
}

step "formatting" formatted
step "vet" go vet ./...
step "vet of the drills" go vet -tags drill ./...
step "architecture" go test -count=1 ./internal
step "generated code" generated
step "schema dump" go test -count=1 -run TestSchemaDump ./migrations
step "linter" linted
step "known holes" unholed
step "tests with the race detector" go test -race -timeout 20m ./...

[[ ${#failed[@]} -eq 0 ]] || { echo "failed: ${failed[*]}"; exit 1; }
