//! Sets of targets, as runs of places in the directory's order: a whole county is one run.

use std::ops::Range;

/// Places of targets in the order of one version of the directory ([`super::Directory::targets`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// In order, with something between them, none empty.
    runs: Vec<Range<usize>>,
}

// === impl Places ===

impl Places {
    /// How many targets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.iter().map(Range::len).sum()
    }

    /// Whether there is no target.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a target is among them.
    #[must_use]
    pub fn contains(&self, place: usize) -> bool {
        let at = self.runs.partition_point(|run| run.end <= place);
        self.runs.get(at).is_some_and(|run| run.contains(&place))
    }

    /// The places, in the directory's order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.runs.iter().cloned().flatten()
    }

    /// Adds a run.
    pub fn add(&mut self, run: Range<usize>) {
        if run.is_empty() {
            return;
        }
        let from = self.runs.partition_point(|r| r.end < run.start);
        let to = self.runs.partition_point(|r| r.start <= run.end);
        let touched = &self.runs[from..to];
        let start = touched.first().map_or(run.start, |r| r.start.min(run.start));
        let end = touched.last().map_or(run.end, |r| r.end.max(run.end));
        self.runs.splice(from..to, std::iter::once(start..end));
    }

    /// Adds all places of another set.
    pub fn extend(&mut self, other: Self) {
        other.runs.into_iter().for_each(|run| self.add(run));
    }

    /// Keeps the places that fit.
    pub fn retain(&mut self, fits: impl Fn(usize) -> bool) {
        *self = self.iter().filter(|place| fits(*place)).collect();
    }
}

impl FromIterator<usize> for Places {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        let mut set = Self::default();
        places.into_iter().for_each(|place| set.add(place..place + 1));
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_added(runs in prop::collection::vec((0..60_usize, 0..9_usize), 0..20)) {
            let (mut places, mut set) = (Places::default(), BTreeSet::new());
            for (start, len) in runs {
                places.add(start..start + len);
                set.extend(start..start + len);
            }
            prop_assert!(places.iter().eq(set.iter().copied()));
            prop_assert_eq!((places.len(), places.is_empty()), (set.len(), set.is_empty()));
            prop_assert!((0..70).all(|place| places.contains(place) == set.contains(&place)));
            // Equal sets are equal, however they were made.
            prop_assert_eq!(&set.iter().copied().collect::<Places>(), &places);
            places.retain(|place| place % 3 > 0);
            prop_assert!(places.iter().eq(set.into_iter().filter(|place| place % 3 > 0)));
        }
    }
}
