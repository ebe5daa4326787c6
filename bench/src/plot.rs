//! Plots: lines with points over a plain or a logarithmic axis, as SVG.

use std::ops::Range;
use std::path::Path;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

const SIZE: (u32, u32) = (840, 460);
const COLOURS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(214, 39, 40),
    RGBColor(44, 160, 44),
    RGBColor(255, 127, 14),
    RGBColor(148, 103, 189),
    RGBColor(90, 90, 90),
];

/// Lines over two axes.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    /// What the horizontal axis shows, with its unit.
    pub(crate) x: String,
    /// What the vertical axis shows, with its unit.
    pub(crate) y: String,
    pub(crate) log_x: bool,
    pub(crate) log_y: bool,
    pub(crate) series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    pub(crate) fn new(title: &str, x: &str, y: &str) -> Self {
        let (title, x, y) = (title.to_owned(), x.to_owned(), y.to_owned());
        Self { title, x, y, log_x: false, log_y: false, series: Vec::new() }
    }

    /// The same with logarithmic axes.
    pub(crate) fn log(self, x: bool, y: bool) -> Self {
        Self { log_x: x, log_y: y, ..self }
    }

    pub(crate) fn add(&mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let points = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        self.series.push(Series { name: name.to_owned(), points });
    }

    /// Writes the plot as SVG; one without points writes nothing.
    pub(crate) fn draw(&self, path: &Path) -> anyhow::Result<()> {
        if self.series.iter().all(|series| series.points.is_empty()) {
            return Ok(());
        }
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE).map_err(failed)?;
        let (x, y) = (self.range(self.log_x, |point| point.0), self.range(self.log_y, |point| point.1));
        match (self.log_x, self.log_y) {
            (false, false) => self.draw_on(&root, x, y),
            (true, false) => self.draw_on(&root, x.log_scale(), y),
            (false, true) => self.draw_on(&root, x, y.log_scale()),
            (true, true) => self.draw_on(&root, x.log_scale(), y.log_scale()),
        }?;
        root.present().map_err(failed)
    }

    fn draw_on<X, Y>(&self, root: &Drawing<'_>, x: X, y: Y) -> anyhow::Result<()>
    where
        X: AsRangedCoord<Value = f64>,
        X::CoordDescType: ValueFormatter<f64>,
        Y: AsRangedCoord<Value = f64>,
        Y::CoordDescType: ValueFormatter<f64>,
    {
        let mut chart = ChartBuilder::on(root);
        chart.caption(&self.title, ("sans-serif", 18)).margin(12).x_label_area_size(44).y_label_area_size(72);
        let mut chart = chart.build_cartesian_2d(x, y).map_err(failed)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(&self.x).y_desc(&self.y).light_line_style(WHITE).draw().map_err(failed)?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)).point_size(3);
            let line = chart.draw_series(line).map_err(failed)?.label(&series.name);
            line.legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2));
        labels.draw().map_err(failed)
    }

    /// From the least to the greatest value with some room; a plain axis begins at 0.
    fn range(&self, log: bool, of: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
        let values = || self.series.iter().flat_map(|series| &series.points).map(&of);
        let most = values().fold(f64::MIN_POSITIVE, f64::max);
        let least = values().filter(|value| *value > 0.0).fold(most, f64::min);
        if log { least / 1.3..most * 1.3 } else { 0.0..most * 1.1 }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn failed<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("the plot cannot be drawn: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_an_svg_with_its_names() {
        let folder = std::env::temp_dir().join(format!("spillway-plot-{}", std::process::id()));
        for (log_x, log_y) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut plot = Plot::new("Throughput", "workers", "payloads/s").log(log_x, log_y);
            plot.add("measured", [(1.0, 33.0), (50.0, 1_600.0), (500.0, f64::NAN)]);
            plot.draw(&folder).unwrap();
            let svg = std::fs::read_to_string(&folder).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains("payloads/s") && svg.contains("measured"), "{svg}");
        }
        std::fs::remove_file(folder).unwrap();
    }
}
