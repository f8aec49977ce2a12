//! The series behind [`super::Metrics`]: names, help texts, labels and buckets, registered once.

use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    exponential_buckets,
};

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

    pub(super) fn seconds_gauge(&self, name: &str, help: &str) -> Gauge {
        self.add(Gauge::with_opts(Self::opts(name, help)).unwrap())
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.add(IntGaugeVec::new(Self::opts(name, help), labels).unwrap())
    }

    /// A histogram of `count` buckets, each `factor` times as wide as the one before.
    pub(super) fn histogram(&self, name: &str, help: &str, first: f64, factor: f64, count: usize) -> Histogram {
        let opts =
            HistogramOpts::from(Self::opts(name, help)).buckets(exponential_buckets(first, factor, count).unwrap());
        self.add(Histogram::with_opts(opts).unwrap())
    }
}
