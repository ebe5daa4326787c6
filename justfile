# Commands for development. `just` lists them.

default:
    @just --list

# Run the pipeline on this machine until Ctrl-C
serve *flags:
    cargo run -- serve {{flags}}

# Send documents through a separate pipeline and show the stored records
demo documents="1000":
    cargo run -- demo --documents {{documents}}

# Run every test except the long ones
test:
    cargo test --workspace

# Format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Run what CI runs
ci:
    .ci/run

# Run both functions under cargo-lambda, with local SQS and S3
watch:
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p target && rm -f target/backends.sh
    cargo build --quiet --package spillway
    target/debug/spillway backends --exports target/backends.sh &
    backends=$!
    # Ctrl-C also reaches the backends, so they may have ended already.
    trap 'kill $backends 2>/dev/null || true' EXIT
    until [[ -s target/backends.sh ]]; do
        kill -0 $backends 2>/dev/null || exit 1
        sleep 0.1
    done
    . target/backends.sh
    cargo lambda watch --invoke-address 127.0.0.1

# Build the functions as SAM packages them (docs/operate.md, "Deploy", lists the prerequisites)
package:
    sam build
    ls -l .aws-sam/build/*/bootstrap

# Run what the manual prints: queries over odd payloads, tables in Spark (both need Java 17), the deletion of a stack
manual:
    .ci/readers duckdb
    .ci/readers spark
    .ci/tables spark
    .ci/deletion

# Run client libraries, unmodified, against the pipeline (needs Node.js 20, openssl and Chromium)
clients *flags:
    .ci/clients {{flags}}

# Run a measurement: saturate, pipeline, group-commit, workers, destinations, cost, burst, cold, stages, compare, lake
bench name *flags:
    cargo run --profile measure -p bench -- {{name}} {{flags}}

# Test the page in a headless Chromium; `--screenshot docs/page.png` also takes the picture of README.md
page *flags:
    cargo build --package spillway
    python3 .ci/page.py {{flags}}

# Run what takes too long for CI
nightly: fuzz long soak clients page

# Run each fuzz target, ten minutes by default
fuzz seconds="600":
    .ci/fuzz {{seconds}}

# Run the ignored tests one after the other, except the soak; for example `just long outage`
long filter="":
    cargo test --profile measure -p spillway --test pipeline -- --ignored --skip soak --test-threads 1 --nocapture {{filter}}
    cargo test --profile measure -p spillway-compact --test round_trip -- --ignored {{filter}}

# Run the pipeline under all faults for half an hour; prints its seed and its counts
soak:
    cargo test --profile measure -p spillway --test pipeline -- --ignored --exact faults::mix::soak --nocapture
