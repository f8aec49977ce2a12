//! The scenes of the demo: an invented message, real divisions, invented people, the plan that is shown.

use crate::directory::sample;
use crate::model::{RegionCode, SecretKey, Timestamp};
use crate::plan::PlanSet;
use crate::sim::{Post, Scene, built_in_plans, nujiang_plans};
use anyhow::anyhow;
use std::sync::Arc;

/// Which scene is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Name {
    /// Flood night of 31 May 2025 in Gongshan, under "1262".
    Nujiang,
    /// An earthquake near Fugong, under "123".
    Earthquake,
    /// Risk of landslides in Lushui.
    Geohazard,
    /// Forest fire danger in Lanping: the chain of six levels.
    ForestFire,
    /// A drill in Gongshan that a real warning ends.
    Drill,
}

/// What sets a scene apart.
struct Script {
    title: &'static str,
    begins: &'static str,
    /// Messages, each with the virtual seconds after the beginning at which it is posted.
    posts: &'static [(i64, &'static str)],
    /// Virtual hours after which the scene ends, whatever still runs.
    hours: i64,
}

/// A scene that can be played.
pub(super) struct Played {
    pub scene: Scene,
    pub title: &'static str,
    /// The virtual time at which it ends, whatever still runs.
    pub end: Timestamp,
}

/// The region whose people are invented: Nujiang prefecture, 300 villages.
const REGION: &str = "5333";

const NUJIANG: Script = Script {
    title: "2025-05-31 贡山暴雨之夜，按“1262”逐档叫应 / a flood night, tier by tier",
    begins: "2025-05-30T16:15:00+08:00",
    posts: &[
        (1, include_str!("data/demo-rain-forecast.json")),
        (12 * 3600 + 3 * 60, include_str!("data/demo-rainstorm-red.xml")),
    ],
    hours: 15,
};

const EARTHQUAKE: Script = Script {
    title: "福贡 6.1 级地震，按“123”快速响应 / an earthquake, 1-2-3 hours",
    begins: "2025-11-12T02:36:00+08:00",
    posts: &[(1, include_str!("data/demo-earthquake.json"))],
    hours: 4,
};

const GEOHAZARD: Script = Script {
    title: "泸水地质灾害橙色预警：应、动、毕 / landslides: heard, moving, done",
    begins: "2025-08-20T21:15:00+08:00",
    posts: &[(1, include_str!("data/demo-geohazard.json"))],
    hours: 3,
};

const FOREST_FIRE: Script = Script {
    title: "兰坪森林火险红色预警：六级责任链 / forest fire danger: six levels",
    begins: "2026-03-18T11:20:00+08:00",
    posts: &[(1, include_str!("data/demo-forest-fire.json"))],
    hours: 4,
};

const DRILL: Script = Script {
    title: "贡山暴雨红色预警演练，真实橙色预警到来即中止 / a drill that a real warning ends",
    begins: "2026-05-12T10:00:00+08:00",
    posts: &[(1, include_str!("data/demo-drill.json")), (60, include_str!("data/demo-drill-real.json"))],
    hours: 2,
};

// === impl Name ===

impl Name {
    /// Its name on the command line and in the figures.
    pub fn word(self) -> &'static str {
        match self {
            Self::Nujiang => "nujiang",
            Self::Earthquake => "earthquake",
            Self::Geohazard => "geohazard",
            Self::ForestFire => "forest-fire",
            Self::Drill => "drill",
        }
    }

    /// The scene with people drawn from a seed.
    ///
    /// # Errors
    /// The faults of what is built in; none in a released build.
    pub fn played(self, seed: u64) -> anyhow::Result<Played> {
        let (script, plans): (&Script, Result<PlanSet, _>) = match self {
            Self::Nujiang => (&NUJIANG, nujiang_plans()),
            Self::Earthquake => (&EARTHQUAKE, built_in_plans()),
            Self::Geohazard => (&GEOHAZARD, built_in_plans()),
            Self::ForestFire => (&FOREST_FIRE, built_in_plans()),
            Self::Drill => (&DRILL, built_in_plans()),
        };
        let key = SecretKey::new([5; 32]);
        let region = RegionCode::parse(REGION).map_err(|e| anyhow!(e))?;
        let directory = sample(&region, seed, &key).build(1).map_err(|f| anyhow!("{f:?}"))?;
        let begins = Timestamp::parse_iso(script.begins).map_err(|e| anyhow!(e))?;
        let posts = script.posts.iter();
        let posts = posts.map(|(s, body)| Post { at: begins.plus_ms(s * 1000), body: body.as_bytes().to_vec() });
        let scene = Scene {
            begins,
            directory: Arc::new(directory),
            plans: Arc::new(plans.map_err(|f| anyhow!("{f:?}"))?),
            senders: Scene::senders(),
            posts: posts.collect(),
            key,
        };
        Ok(Played { scene, title: script.title, end: begins.plus_ms(script.hours * 3_600_000) })
    }
}
