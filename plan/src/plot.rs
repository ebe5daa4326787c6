//! The burst as a drawing: three panels over time, as SVG.

use std::fmt::Write as _;

use crate::burst::{Outcome, Second};

const WIDTH: f64 = 840.0;
const PANEL: f64 = 140.0;
const MARGIN: f64 = 90.0;

/// A panel: its title and the value of a second.
type Panel = (&'static str, fn(&Second) -> f64);

const PANELS: [Panel; 3] = [
    ("documents in the queue", |second| second.queued),
    ("age of the oldest, s", |second| second.age),
    ("lag, s", |second| second.lag),
];

/// Draws queue depth, age and lag.
#[must_use]
pub fn svg(title: &str, outcome: &Outcome) -> String {
    let height = 40.0 + PANELS.iter().map(|_| PANEL).sum::<f64>() + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{MARGIN}\" y=\"24\" \
         font-size=\"15\">{title}</text>\n"
    );
    let mut top = 40.0;
    for panel in PANELS {
        draw(&mut svg, panel, outcome, top);
        top += PANEL;
    }
    let last = outcome.seconds.last().map_or(0, |second| second.at);
    let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{}\">0 s</text>", top + 14.0);
    let _ = writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{last} s</text>", WIDTH - 20.0, top + 14.0);
    svg + "</svg>\n"
}

fn draw(svg: &mut String, (title, of): Panel, outcome: &Outcome, top: f64) {
    let (bottom, tall) = (top + PANEL - 14.0, PANEL - 34.0);
    let most = outcome.seconds.iter().map(of).fold(1.0, f64::max);
    let last = outcome.seconds.last().map_or(1.0, |second| f64::from(second.at.max(1)));
    let x = |second: &Second| MARGIN + (WIDTH - MARGIN - 20.0) * f64::from(second.at) / last;
    let mut points = String::new();
    for second in &outcome.seconds {
        let _ = write!(points, "{:.1},{:.1} ", x(second), bottom - tall * of(second) / most);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{MARGIN}\" y=\"{}\">{title}</text>\n<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text>\n\
         <path d=\"M{MARGIN} {bottom}H{}\" stroke=\"#bbb\"/>\n<polyline points=\"{}\" fill=\"none\" stroke=\"#06c\" \
         stroke-width=\"2\"/>",
        top + 12.0,
        MARGIN - 8.0,
        bottom - tall + 4.0,
        WIDTH - 20.0,
        points.trim_end(),
    );
}
