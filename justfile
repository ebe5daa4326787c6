# What is typed often. `just` lists it.

default:
    @just --list

# The pipeline on this machine, until Ctrl-C
serve *flags:
    cargo run --release -- serve {{flags}}

# Documents through a pipeline of its own
demo documents="1000":
    cargo run --release -- demo --documents {{documents}}

# Every test
test:
    cargo test --workspace

# The tests that take too long for CI, one after the other, for example `just long outage`
long filter="":
    cargo test --release -p spillway --test pipeline -- --ignored --skip soak --test-threads 1 --nocapture {{filter}}

# Half an hour of all faults at once; prints its seed and figures
soak:
    cargo test --release -p spillway --test pipeline -- --ignored --exact faults::mix::soak --nocapture

# Ten minutes of each fuzz target
fuzz seconds="600":
    .ci/fuzz {{seconds}}

# Both functions under cargo-lambda, with SQS and S3 behind them
watch:
    #!/usr/bin/env bash
    set -euo pipefail
    mkdir -p target && rm -f target/backends.sh
    cargo build --quiet --package spillway
    target/debug/spillway backends --exports target/backends.sh &
    backends=$!
    # Ctrl-C reaches them too, so they may have ended already.
    trap 'kill $backends 2>/dev/null || true' EXIT
    until [[ -s target/backends.sh ]]; do
        kill -0 $backends 2>/dev/null || exit 1
        sleep 0.1
    done
    . target/backends.sh
    cargo lambda watch --invoke-address 127.0.0.1

# The functions as SAM packages them, for arm64 (docs/operate.md, "Deploy", says what it needs)
package:
    sam build
    ls -l .aws-sam/build/*/bootstrap

# What CI runs
ci:
    .ci/run

# Format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# A measurement: saturate, pipeline, group-commit, workers, cost, cold, stages, compare
bench name *flags:
    cargo run --release -p bench -- {{name}} {{flags}}
