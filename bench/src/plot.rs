//! Plots: lines with points over linear or logarithmic axes, as SVG.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

const SIZE: (u32, u32) = (840, 460);

/// Lines over two axes.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    title: String,
    /// The names of the axes with their units: horizontal, vertical.
    axes: [&'static str; 2],
    /// Whether the axes are logarithmic.
    log: [bool; 2],
    series: Vec<Series>,
}

/// A line: its name and its points.
type Series = (String, Vec<(f64, f64)>);
type Drawing<'a> = DrawingArea<SVGBackend<'a>, Shift>;

impl Plot {
    pub(crate) fn new(title: impl Into<String>, axes: [&'static str; 2], log: [bool; 2]) -> Self {
        Self { title: title.into(), axes, log, series: Vec::new() }
    }

    /// Adds a line.
    pub(crate) fn line(mut self, name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        self.series.push((name.to_owned(), points));
        self
    }

    /// Writes the plot as SVG, unless it has no points.
    pub(crate) fn draw(&self, path: &Path) -> anyhow::Result<()> {
        if self.series.iter().all(|(_, points)| points.is_empty()) {
            return Ok(());
        }
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let (x, y) = (self.range(self.log[0], |point| point.0), self.range(self.log[1], |point| point.1));
        match self.log {
            [false, false] => self.draw_on(&root, x, y),
            [true, false] => self.draw_on(&root, x.log_scale(), y),
            [false, true] => self.draw_on(&root, x, y.log_scale()),
            [true, true] => self.draw_on(&root, x.log_scale(), y.log_scale()),
        }?;
        Ok(root.present()?)
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
        let mut chart = chart.build_cartesian_2d(x, y)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc(self.axes[0]).y_desc(self.axes[1]).light_line_style(WHITE).draw()?;
        for (at, (name, points)) in self.series.iter().enumerate() {
            let style = Palette99::pick(at).stroke_width(2);
            let line = chart.draw_series(LineSeries::new(points.iter().copied(), style).point_size(3))?.label(name);
            line.legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        }
        let mut labels = chart.configure_series_labels();
        labels.position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.2));
        Ok(labels.draw()?)
    }

    /// The minimum and the maximum with a margin; a linear axis begins at 0.
    fn range(&self, log: bool, of: impl Fn(&(f64, f64)) -> f64) -> Range<f64> {
        let values = || self.series.iter().flat_map(|(_, points)| points).map(&of);
        let most = values().fold(f64::MIN_POSITIVE, f64::max);
        let least = values().filter(|value| *value > 0.0).fold(most, f64::min);
        if log { least / 1.3..most * 1.3 } else { 0.0..most * 1.1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_an_svg_with_its_names() {
        let folder = std::env::temp_dir().join(format!("spillway-plot-{}", std::process::id()));
        for log in [[false, false], [true, false], [false, true], [true, true]] {
            let plot = Plot::new("Throughput", ["workers", "payloads/s"], log);
            plot.line("measured", [(1.0, 33.0), (50.0, 1_600.0), (500.0, f64::NAN)]).draw(&folder).unwrap();
            let svg = std::fs::read_to_string(&folder).unwrap();
            assert!(svg.starts_with("<svg") && svg.contains("payloads/s") && svg.contains("measured"), "{svg}");
        }
        std::fs::remove_file(folder).unwrap();
    }
}
