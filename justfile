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

# What CI runs
ci:
    .ci/run

# Format and lint
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# A measurement: saturate …
bench name *flags:
    cargo run --release -p bench -- {{name}} {{flags}}
