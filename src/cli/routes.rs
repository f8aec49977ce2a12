//! What gateways are for, how they are tried, and whose numbers were ported: from the configuration to the lanes.

use crate::config::{Config, GatewaySection};
use crate::directory::Number;
use crate::dispatch::{BreakerSettings, Ported, Route};
use crate::gateway::Gateway;
use crate::runtime::{CanaryRule, GatewayInfo};
use anyhow::{Context, anyhow, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What a gateway is for.
pub(super) fn route(config: &Config, section: &GatewaySection) -> Route {
    let routing = &config.routing;
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    Route {
        priority: section.priority,
        weight: section.weight,
        carriers: section.carriers.clone(),
        regions: section.regions.clone(),
        silent_ms: (section.silent_s > 0).then(|| ms(section.silent_s.saturating_mul(1000))),
        breaker: BreakerSettings {
            failures_max: routing.failures_max,
            percent_max: routing.failure_percent_max,
            pause_ms: ms(routing.probe_min_ms),
            pause_ms_max: ms(routing.probe_max_ms),
        },
    }
}

/// The gateways that have canaries.
pub(super) fn canaries(
    config: &Config,
    gateways: &[(Arc<dyn Gateway>, GatewayInfo)],
) -> Vec<(Arc<dyn Gateway>, bool, CanaryRule)> {
    let of = |section: &GatewaySection| {
        let canary = section.canary.as_ref()?;
        let (gateway, info) = gateways.iter().find(|(gateway, _)| gateway.id().as_str() == section.id)?;
        let rule = CanaryRule {
            numbers: canary.numbers.clone(),
            every: Duration::from_secs(canary.every_s),
            within: Duration::from_secs(canary.within_s),
            proof: canary.proof,
            counts: canary.counts,
            template: info.lane.templates.first().cloned(),
        };
        Some((gateway.clone(), info.lane.drill, rule))
    };
    config.gateways.iter().filter_map(of).collect()
}

/// The ported numbers of the configured file.
///
/// # Errors
/// A file that cannot be read, or a line that is wrong, by its number and never by what stands in it.
pub(super) fn ported(config: &Config) -> anyhow::Result<Ported> {
    let Some(path) = &config.routing.ported_file else { return Ok(Ported::default()) };
    let read = |path: &Path| -> anyhow::Result<HashMap<Box<str>, Box<str>>> {
        let mut rows = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
        let named = rows.headers()?.iter().eq(["number", "carrier"]);
        ensure!(named, "the first line must be: number,carrier");
        let mut numbers = HashMap::new();
        for (row, line) in rows.records().zip(2..) {
            // The reader's own errors may quote the line.
            let row = row.map_err(|_| anyhow!("line {line} has not two columns"))?;
            let number = Number::parse(&row[0]).map_err(|e| anyhow!("line {line}: {e}"))?;
            let carrier = config.carriers.iter().find(|c| c.name == row[1]);
            let carrier = carrier.with_context(|| format!("line {line}: the carrier is no [[carrier]] section"))?;
            numbers.insert(number.e164.into(), carrier.name.as_str().into());
        }
        Ok(numbers)
    };
    let numbers = read(path).with_context(|| path.display().to_string())?;
    Ok(Ported(Arc::new(numbers)))
}
