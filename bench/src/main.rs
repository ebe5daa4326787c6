//! The command `bench`; the library describes it.

fn main() -> anyhow::Result<()> {
    bench::run()
}
