//! Sample payloads of devices, for demonstrations, tests and measurements.

use serde_json::{Value, json};

/// One reading of a device: about 500 bytes of JSON, determined by the random numbers.
#[must_use]
pub fn reading(random: &mut fastrand::Rng, device: &str, second: usize) -> Value {
    json!({
        "device": device,
        "at": format!("2026-11-21T18:39:{second:02}Z"),
        "temperature_c": f64::from(random.i32(-2_000..4_500)) / 100.0,
        "humidity_percent": random.u8(20..95),
        "battery_v": f64::from(random.u32(310..420)) / 100.0,
        "position": {"lat": f64::from(random.i32(-900_000..900_000)) / 1e4, "lon": f64::from(random.i32(-1_800_000..1_800_000)) / 1e4},
        "network": {"type": random.choice(["lte-m", "nb-iot", "wifi"]), "rssi_dbm": random.i8(-110..-40), "retries": random.u8(..4)},
        "events": [random.choice(["boot", "sample", "sync"]), random.choice(["ok", "slow", "retry"])],
        "firmware": {"version": "4.2.1", "channel": "stable"},
        "power": {"source": random.choice(["mains", "battery", "solar"]), "solar_w": f64::from(random.u32(..2_000)) / 100.0, "charge_percent": random.u8(..=100)},
        "site": {"id": format!("site-{:04}", random.u16(..400)), "name": random.choice(["warehouse north", "warehouse south", "harbour"]), "floor": random.u8(..5), "zone": "cold store"},
        "uptime_s": random.u32(1_000_000..9_000_000),
        "session": format!("{:032x}", random.u128(..)),
    })
}

/// A document of `payloads` readings as a JSON array, determined by `seed`.
#[must_use]
pub fn document(seed: u64, payloads: usize) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let device = format!("device-{:04}", random.u32(..2_000));
    let readings: Vec<_> = (0..payloads).map(|second| reading(&mut random, &device, second)).collect();
    json!(readings).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_has_about_500_bytes() {
        let bytes = document(1, 100).len();
        assert!((48_000..52_000).contains(&bytes), "100 readings have {bytes} bytes");
    }
}
