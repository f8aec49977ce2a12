//! The plans of an installation and the choice among them.

use super::PlanFile;
use crate::model::{Colour, Finding, Hazard, PlanScope, RegionCode};
use std::path::Path;

/// The plans of an installation: no two equally fit for a warning, and one for every warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSet {
    files: Vec<PlanFile>,
}

/// How well a scope fits, best last: digits of the region named, whether the hazard and the colour are named.
type Fit = (usize, bool, bool);

// === impl PlanSet ===

impl PlanSet {
    /// Reads all `*.toml` of a folder.
    ///
    /// # Errors
    /// Every fault of every file, and of the set as a whole.
    pub fn load(dir: &Path) -> Result<Self, Vec<Finding>> {
        let unreadable =
            |path: &Path, e: &std::io::Error| vec![Finding::fatal(path.display().to_string(), e.to_string())];
        let entries = std::fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> = entries.map_err(|e| unreadable(dir, &e))?.into_iter().map(|e| e.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
        paths.sort();
        let (mut files, mut findings) = (Vec::new(), Vec::new());
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let read = std::fs::read_to_string(&path).map_err(|e| unreadable(&path, &e));
            match read.and_then(|text| PlanFile::parse(&name, &text)) {
                Ok(file) => files.push(file),
                Err(found) => findings.extend(found),
            }
        }
        if findings.is_empty() { Self::new(files) } else { Err(findings) }
    }

    /// A set of plans.
    ///
    /// # Errors
    /// Two plans that would fit a warning equally well, with both files' names; and a set that has
    /// no plan for every hazard, colour and region, as a warning could then call nobody.
    pub fn new(files: Vec<PlanFile>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        for (ix, a) in files.iter().enumerate() {
            for b in files[ix + 1..].iter().filter(|b| ties(&a.scope, &b.scope)) {
                let place = format!("{} and {}", a.file, b.file);
                findings.push(Finding::fatal(place, "both plans fit some warning equally well; narrow one's scope"));
            }
        }
        if !files.iter().any(|f| f.scope == PlanScope::default()) {
            let reason = "no plan has an empty scope; one must, so that no warning is without a plan";
            findings.push(Finding::fatal("plans", reason));
        }
        if findings.is_empty() { Ok(Self { files }) } else { Err(findings) }
    }

    /// The plans, in order of file name.
    #[must_use]
    pub fn files(&self) -> &[PlanFile] {
        &self.files
    }

    /// The plan whose scope fits most closely: the longest region, then a named hazard, then a named
    /// colour. A set that was loaded always has one.
    #[must_use]
    pub fn select(&self, hazard: &Hazard, colour: Colour, region: &RegionCode) -> Option<&PlanFile> {
        let fits = self.files.iter().filter_map(|f| Some((fit(&f.scope, hazard, colour, region)?, f)));
        fits.max_by_key(|(fit, _)| *fit).map(|(_, file)| file)
    }
}

fn fit(scope: &PlanScope, hazard: &Hazard, colour: Colour, region: &RegionCode) -> Option<Fit> {
    let held = scope.regions.iter().filter(|r| r.holds(region)).map(|r| r.as_str().len()).max();
    let digits = if scope.regions.is_empty() { 0 } else { held? };
    let hazard = names(&scope.hazards, hazard)?;
    let colour = names(&scope.colours, &colour)?;
    Some((digits, hazard, colour))
}

/// Whether a list names the item; an empty list allows it unnamed, any other forbids what it leaves out.
fn names<T: PartialEq>(list: &[T], item: &T) -> Option<bool> {
    if list.is_empty() { Some(false) } else { list.contains(item).then_some(true) }
}

/// Whether some warning fits both equally well: in each part, both are open or both name the same.
fn ties(a: &PlanScope, b: &PlanScope) -> bool {
    fn meet<T: PartialEq>(a: &[T], b: &[T]) -> bool {
        (a.is_empty() && b.is_empty()) || a.iter().any(|item| b.contains(item))
    }
    meet(&a.regions, &b.regions) && meet(&a.hazards, &b.hazards) && meet(&a.colours, &b.colours)
}
