//! The series behind [`super::Metrics`]: names, help texts, labels and buckets, registered once.

use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// Upper bounds in seconds. 1 is among them: the bar for silence after an answer.
pub(super) const SECONDS: [f64; 15] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Upper bounds of events in a flush, up to the default limit of one.
pub(super) const EVENTS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];

/// Registers series under the prefix `jiaoying_`.
pub(super) struct Series<'a>(pub(super) &'a Registry);

// === impl Series ===

// Names, labels and buckets are constants of this crate, and one test creates them all.
#[expect(clippy::unwrap_used, reason = "series of constant names fail in every test or never")]
impl Series<'_> {
    fn opts(name: &str, help: &str) -> Opts {
        Opts::new(format!("jiaoying_{name}"), help)
    }

    fn add<C: Collector + Clone + 'static>(&self, series: C) -> C {
        self.0.register(Box::new(series.clone())).unwrap();
        series
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.add(IntCounter::with_opts(Self::opts(name, help)).unwrap())
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.add(IntCounterVec::new(Self::opts(name, help), labels).unwrap())
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.add(IntGauge::with_opts(Self::opts(name, help)).unwrap())
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Self::opts(name, help), labels).unwrap())
    }

    /// A histogram with the given upper bounds of buckets.
    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let opts = HistogramOpts::from(Self::opts(name, help)).buckets(buckets.to_vec());
        self.add(Histogram::with_opts(opts).unwrap())
    }

    pub(super) fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
        let opts = HistogramOpts::from(Self::opts(name, help)).buckets(buckets.to_vec());
        self.add(HistogramVec::new(opts, labels).unwrap())
    }
}
